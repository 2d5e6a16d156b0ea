"""Whether this process gets what it needs more of now and then: descriptors, threads, a log that takes its lines."""

import sys
import threading

from receiver.health import Finding
from receiver.logs import streams
from receiver.server.connections import AT_ONCE, RESERVED, free, limit, reserve


def findings() -> list[Finding]:
    """Return what of it is short."""
    return [_descriptors(), _threads(), _log()]


def _descriptors() -> Finding:
    """Say whether there are few, or so few are free that connections are closed (`connections.Acceptor`)."""
    most = limit()
    needed = reserve(most) + AT_ONCE
    left = free(most, most=needed)
    if most >= RESERVED and left >= needed:
        return Finding("descriptors", holds=True, seen="enough")
    seen = f"{left}{' or more' if left == needed else ''} of {most} are free"
    return Finding("descriptors", holds=False, seen=seen, todo="raise the limit of open files (`ulimit -n`)")


def _threads() -> Finding:
    """Begin a thread. A container's limit of processes counts them too."""
    try:
        threading.Thread(target=int, name="trial", daemon=True).start()
    except RuntimeError as exc:
        todo = "raise the limit of processes (`ulimit -u`, or the container's)"
        return Finding("threads", holds=False, seen=f"none can be begun ({exc})", todo=todo)
    return Finding("threads", holds=True, seen="ok")


def _log() -> Finding:
    trouble = streams.trouble(sys.stderr)
    if trouble is None:
        return Finding("log", holds=True, seen="ok")
    todo = "see to its disk, or to who reads it; all else goes on without"
    return Finding("log", holds=False, seen=f"standard error: {trouble}", todo=todo)

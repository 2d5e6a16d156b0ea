"""Find out whether this process has enough descriptors and threads, and a log whose lines are read."""

import sys
import threading

from receiver.health.finding import Finding
from receiver.logs import streams
from receiver.server.connections import AT_ONCE, RESERVED, free, limit, reserve


def findings() -> list[Finding]:
    """Return the findings about all resources."""
    return [_descriptors(), _threads(), _log()]


def _descriptors() -> Finding:
    """Check whether enough descriptors are free. With too few, `connections.Acceptor` closes connections."""
    most = limit()
    needed = reserve(most) + AT_ONCE
    left = free(most, most=needed)
    if most >= RESERVED and left >= needed:
        return Finding("descriptors", holds=True, seen="enough")
    seen = f"{left}{' or more' if left == needed else ''} of {most} are free"
    return Finding("descriptors", holds=False, seen=seen, todo="raise the limit of open files (`ulimit -n`)")


def _threads() -> Finding:
    """Check whether a thread can be started. The limit of a container's processes counts threads too."""
    try:
        threading.Thread(target=int, name="trial", daemon=True).start()
    except RuntimeError as exc:
        todo = "raise the limit of processes (`ulimit -u`, or the container's)"
        return Finding("threads", holds=False, seen=f"none can be started ({exc})", todo=todo)
    return Finding("threads", holds=True, seen="ok")


def _log() -> Finding:
    trouble = streams.trouble(sys.stderr)
    if trouble is None:
        return Finding("log", holds=True, seen="ok")
    todo = "check its disk, or the program that reads it; everything else continues without a log"
    return Finding("log", holds=False, seen=f"standard error: {trouble}", todo=todo)

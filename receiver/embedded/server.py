"""Attach to the data folder's server, starting its keeper when there is none."""

import fcntl
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode

from receiver.embedded import binaries, keeper
from receiver.embedded.folder import Folder, has_database, prepare, require
from receiver.errors import EmbeddedError

log = logging.getLogger(__name__)

READY_SECONDS = 60.0
TELL_SECONDS = 5.0
LOG_BYTES = 1_000_000


@contextmanager
def attach(data_dir: Path, *, create: bool, patience: float | None = None) -> Iterator[str]:
    """Use the embedded server for as long as the context is open; yields its connection URL.

    Args:
        data_dir: the configured data folder.
        create: make the folder and the database where there are none.
        patience: after how many seconds to go on without a server that is still starting, as it does for as long as
            it has much to recover or its disk is full; one that never ran is always waited for.

    Raises:
        NoDataError: there is no database and `create` is false.
        EmbeddedError: the server cannot run here; the message says what to do.
    """
    folder = prepare(data_dir) if create else require(data_dir)
    server_binaries = binaries.find(folder.path, folder.user)
    with (folder.path / "users.lock").open("ab") as users:
        fcntl.flock(users, fcntl.LOCK_SH)  # waits while the last keeper is stopping its server
        _await_ready(folder, server_binaries, patience=patience if has_database(folder) else None)
        leaving = threading.Event()
        threading.Thread(target=_replace_keepers, args=(folder, server_binaries, leaving), daemon=True).start()
        query = urlencode({"host": str(folder.socket_dir), "port": 5432})
        try:
            yield f"postgresql://receiver@/postgres?{query}"
        finally:
            leaving.set()


def wait_until_stopped(folder: Path) -> None:
    """Wait until the server of a folder, whose last user has gone, has stopped."""
    keeper.lock(folder / "keeper.lock", fcntl.LOCK_EX).close()


def _replace_keepers(folder: Folder, server_binaries: Path, leaving: threading.Event) -> None:
    """Start a new keeper whenever the one at work is killed, until we leave."""
    while True:
        try:
            keeper.lock(folder.path / "keeper.lock", fcntl.LOCK_EX).close()  # granted when there is none
            if leaving.is_set():
                return
            with suppress(EmbeddedError):
                _await_ready(folder, server_binaries)
        except OSError as exc:  # no descriptor, no memory
            log.debug("no keeper was started: %s", exc)
            leaving.wait(1)


def _await_ready(folder: Folder, server_binaries: Path, *, patience: float | None = None) -> None:
    user = folder.user
    drop = os.geteuid() == 0
    spec = {
        "folder": str(folder.path),
        "bin": str(server_binaries),
        "socket_dir": str(folder.socket_dir),
        "uid": user.uid if drop else None,
        "gid": user.gid if drop else None,
    }
    server = keeper.Keeper(spec)
    said = folder.path / "postgres.log"
    pid: int | None = None
    began, told = time.monotonic(), False
    while not server.is_ready():
        status = None if pid is None else _exit_status(pid)
        waited = time.monotonic() - began
        if patience is not None and not status and waited > patience:
            log.warning("PostgreSQL is not ready yet; starting without it")
            return
        if status or waited > READY_SECONDS:
            last = said.read_text(errors="replace").strip().splitlines()[-3:]
            what = "does not start" if status else "does not answer: it hangs, or does not start"
            raise EmbeddedError(f"PostgreSQL {what}; {said} ends: {' | '.join(last)}")
        if waited > TELL_SECONDS and not told:
            log.warning("PostgreSQL does not answer yet; waiting for up to %g s", READY_SECONDS)
            told = True
        if pid is None or status == 0:  # none yet, or it found another keeper, which may have ended since
            pid = _spawn([sys.executable, "-I", "-S", keeper.__file__, json.dumps(spec)], said)
        time.sleep(0.01)


def _spawn(command: list[str], log: Path) -> int:
    """Start a process that outlives us, as a bare pid: subprocess wants to see the end of what it starts."""
    start_anew = os.O_TRUNC if log.exists() and log.stat().st_size > LOG_BYTES else 0
    how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | start_anew
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), how, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(command[0], command, os.environ, file_actions=actions)


def _exit_status(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None

"""Attach to the server of a data folder, and start its keeper if there is none."""

import fcntl
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from receiver.database import private
from receiver.database.data_folder import DataFolder, check_user, prepare, require, version
from receiver.database.embedded import binaries, keeper, sockets
from receiver.errors import EmbeddedError

log = logging.getLogger(__name__)

READY_SECONDS = 60.0
WARN_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 1.0  # between keepers that find another one at work
AGAIN_SECONDS = 5.0  # until a failed start of a keeper is tried again
LOG_BYTES = 1_000_000
LAST_BYTES = 4096
USERS, KEEPER, LOG = "users.lock", "keeper.lock", "postgres.log"


@contextmanager
def attach(data_dir: Path, *, create: bool, patience: float | None = None) -> Iterator[str]:
    """Use the embedded server while the context is open, and yield its connection URL.

    Args:
        data_dir: the configured data folder.
        create: create a missing folder and a missing database.
        patience: the seconds after which to go on, although the server is still starting. A server starts slowly if it
            has much to recover, and never if its disk is full. A new database is always waited for.

    Raises:
        NoDataError: there is no database and `create` is false.
        EmbeddedError: the server cannot run here. The message says what to do.
    """
    folder = prepare(data_dir) if create else require(data_dir)
    server_binaries = binaries.find(folder.path, folder.user)
    if version(folder) is None:
        check_user(folder.user)
        patience = None
    leaving = threading.Event()
    with ExitStack() as stack:
        if _ends_all():
            stack.callback(_see_out, folder.path)
        try:
            _lock(folder, USERS, fcntl.LOCK_SH, stack)  # waits while the last keeper is stopping its server
            place = _await_ready(folder, server_binaries, patience=patience)
        except OSError as exc:
            where = exc.filename or "PostgreSQL"
            raise EmbeddedError(
                f"{where} cannot be used ({exc.strerror}): fix that, or set RECEIVER_DATA_DIR or DATABASE_URL"
            ) from exc
        threading.Thread(target=_replace_keepers, args=(folder, server_binaries, leaving), daemon=True).start()
        stack.callback(leaving.set)
        yield sockets.url(place)


def _ends_all() -> bool:
    """Whether all that we leave behind is killed: we are the first process of a container, or of a unit of systemd."""
    return str(os.getpid()) in ("1", os.environ.get("SYSTEMD_EXEC_PID"))


def _see_out(folder: Path) -> None:
    """Wait until the server has stopped, so that its next start has nothing to recover."""
    with suppress(OSError):  # it has not even been started
        wait_until_stopped(folder)


def wait_until_stopped(folder: Path) -> None:
    """Wait until the server of a folder has stopped, after its last user has gone."""
    with private.opened_folder(folder) as opened:
        lock = private.open_file(opened, KEEPER, os.O_RDWR, owner=os.fstat(opened).st_uid)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.close(lock)


def _lock(folder: DataFolder, name: str, how: int, stack: ExitStack) -> None:
    """Acquire a flock as soon as it is free. The stack releases it.

    Raises:
        EmbeddedError: another process holds the lock for too long.
    """
    lock = folder.open_file(name, os.O_RDWR | os.O_CREAT)
    stack.callback(os.close, lock)
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"PostgreSQL is being stopped, but does not end; another process holds {folder.path / name}"
                ) from None
            time.sleep(0.02)
        else:
            return


def _replace_keepers(folder: DataFolder, server_binaries: Path, leaving: threading.Event) -> None:
    """Start a new keeper whenever the current one is killed, until we leave."""
    while True:
        try:
            wait_until_stopped(folder.path)  # returns immediately if no keeper runs
            if leaving.is_set():
                return
            _await_ready(folder, server_binaries)
        except Exception as exc:  # noqa: BLE001 - only this thread brings the server back, so it must survive
            log.debug("no keeper was started: %s", exc)
            leaving.wait(AGAIN_SECONDS)


@dataclass(slots=True)
class _Keepers:
    """The keepers that a user starts while it waits, one after the other.

    Attributes:
        pid: the running keeper's.
        again_at: the earliest time for the next keeper.
        others: how many keepers ended because another keeper was at work.
    """

    folder: DataFolder
    binaries: Path
    pid: int | None = None
    again_at: float = 0.0
    pause: float = field(default=0.05)
    others: int = 0

    def ensure(self) -> int | None:
        """Start a keeper if none of ours runs. Return the exit status of one that has ended since the last call."""
        if self.pid is None:
            if time.monotonic() >= self.again_at:
                self.pid = _start_keeper(self.folder, self.binaries)
            return None
        ended, status = os.waitpid(self.pid, os.WNOHANG)
        if not ended:
            return None
        self.pid, self.again_at = None, time.monotonic() + self.pause
        self.pause = min(2 * self.pause, LONGEST_PAUSE_SECONDS)
        self.others += status == 0
        return os.waitstatus_to_exitcode(status)


def _await_ready(folder: DataFolder, server_binaries: Path, *, patience: float | None = None) -> Path:
    """Wait until the server answers, and return the folder of its socket."""
    keepers = _Keepers(folder, server_binaries)
    began, is_warned = time.monotonic(), False
    while True:
        noted = sockets.noted(folder)
        seen = noted is not None and sockets.is_seen(noted, folder)
        place = noted if noted is not None and seen else folder.path
        if keeper.is_ready(folder.path / "postgres", place):
            return place
        status, waited = keepers.ensure(), time.monotonic() - began
        if noted is not None and not seen and keepers.others > 1:
            raise EmbeddedError(
                f"PostgreSQL is running, but its socket in {noted} is not visible from here: is /tmp another folder "
                f"here (PrivateTmp, a container)? Set RECEIVER_DATA_DIR to a short path without commas in every process"
            )
        if patience is not None and waited > patience and (seen or sockets.can_hold(folder.path)):
            log.warning("PostgreSQL is not ready yet (%s); starting without it", _last_words(folder))
            return place  # the socket will be there: the next keeper keeps the noted folder
        if waited > READY_SECONDS or (status and patience is None):
            what = "does not start" if status else "does not answer: it hangs, or does not start"
            raise EmbeddedError(
                f"PostgreSQL {what}; {folder.path / LOG} ends: {_last_words(folder)}; "
                f"fix that, or set DATABASE_URL to your own database"
            )
        if waited > WARN_SECONDS and not is_warned:
            is_warned = True
            log.warning("PostgreSQL does not answer yet; waiting for up to %g s", READY_SECONDS)
        time.sleep(0.01)


def _last_words(folder: DataFolder) -> str:
    """Return the last lines of the server's log, without empty lines and the line about its shutdown."""
    lines: list[str] = []
    with suppress(OSError), os.fdopen(folder.open_file(LOG, os.O_RDONLY), "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - LAST_BYTES))
        lines = file.read(LAST_BYTES).decode(errors="replace").splitlines()
    useful = [line.strip() for line in lines if line.strip() and not line.endswith("database system is shut down")]
    return " | ".join(useful[-3:]) or "nothing"


def _start_keeper(folder: DataFolder, server_binaries: Path) -> int:
    """Start a keeper and return its pid. It outlives us, so subprocess, which waits for its children, is not used."""
    drop = os.geteuid() == 0
    spec = {
        "folder": str(folder.path),
        "bin": str(server_binaries),
        "socket_dir": str(sockets.place(folder)),
        "uid": folder.user.uid if drop else None,
        "gid": folder.user.gid if drop else None,
    }
    for name in (USERS, KEEPER):
        os.close(folder.open_file(name, os.O_RDWR | os.O_CREAT))
    # No key and no secret, because the keeper outlives us and runs as another user.
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
    if "LD_LIBRARY_PATH" in os.environ:  # some Pythons find their own library with it
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    server_log = folder.open_file(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        if os.fstat(server_log).st_size > LOG_BYTES:
            os.ftruncate(server_log, 0)
        command = [sys.executable, "-I", "-S", keeper.__file__, json.dumps(spec)]
        streams = [
            (os.POSIX_SPAWN_DUP2, server_log, 1),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),  # last, because descriptor 0 can be `server_log`
        ]
        return os.posix_spawn(command[0], command, environment, file_actions=streams)
    finally:
        os.close(server_log)

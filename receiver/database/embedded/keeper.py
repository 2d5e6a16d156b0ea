"""Keep one PostgreSQL running while any process uses its folder.

This is a script, not a module. It is run as `python -I -S keeper.py SPEC` with the standard library alone, so it starts
fast and depends on no package. SPEC is JSON: `folder`, `bin`, `socket_dir`, and `uid`/`gid` of the server (null: our
own). Root's keeper becomes `uid` when it has its locks. From then on it must not import anything, because the
unprivileged user might have no access to Python's files.

Exit status: 0 if the last user has gone or another keeper is running, 1 if the server cannot be started.
"""

import ctypes
import errno
import fcntl
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

STARTS = 4  # the keeper gives up after this many failed starts, if the server was never ready
STOP_SECONDS = 10.0
PR_SET_PDEATHSIG = 1
NOTE = "socket"
# The shortest request of PostgreSQL's protocol: length 8, code 80877103. Over a Unix socket the answer is always N.
SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")


class Keeper:
    """The server of one folder."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.folder = Path(spec["folder"])
        self.data = self.folder / "postgres"
        self.bin = Path(spec["bin"])
        self.socket_dir = Path(spec["socket_dir"])
        self.uid, self.gid = spec["uid"], spec["gid"]
        self.server: subprocess.Popen[bytes] | None = None
        self.stopping = threading.Event()
        self.libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def become_the_server_s_user(self) -> None:
        """Give up root for good."""
        if self.uid is not None:
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)

    def popen(self, *command: str | Path) -> subprocess.Popen[bytes]:
        """Start a child. On Linux the kernel interrupts the child when the keeper dies."""
        libc = self.libc

        def die_with_keeper() -> None:
            if libc is not None:
                libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)
            signal.pthread_sigmask(signal.SIG_SETMASK, set())

        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
        return subprocess.Popen(  # noqa: S603 - our own binaries
            [str(part) for part in command], cwd=self.folder, env=environment,
            stdin=subprocess.DEVNULL, preexec_fn=die_with_keeper,  # noqa: PLW1509
        )  # fmt: skip

    def note_place(self) -> None:
        """Create the socket's folder, unless it is the data folder, and write its path into a file for the users."""
        if self.socket_dir != self.folder:
            with suppress(FileExistsError):
                self.socket_dir.mkdir(mode=0o700)
        new = self.folder / "socket.new"
        new.unlink(missing_ok=True)
        with new.open("xb") as file:
            file.write(os.fsencode(self.socket_dir))
        new.replace(self.folder / NOTE)

    def leave_place(self) -> None:
        """Remove the note and the socket's folder."""
        (self.folder / NOTE).unlink(missing_ok=True)
        if self.socket_dir != self.folder:
            with suppress(OSError):
                self.socket_dir.rmdir()

    def initialise(self) -> None:
        """Create the cluster in a temporary folder and rename the folder, so that a half-made cluster is never used."""
        if (self.data / "PG_VERSION").exists():
            return
        fresh = self.folder / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        options = ("-U", "receiver", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-instructions")
        if self.popen(self.bin / "initdb", "-D", fresh, *options).wait():
            self.give_up()
        fresh.rename(self.data)
        parent = os.open(self.folder, os.O_RDONLY)
        os.fsync(parent)
        os.close(parent)

    def clear_the_way(self) -> None:
        """End the rest of an earlier server, and remove its lock files when none of its processes is left.

        A killed server stays a zombie until its parent reaps it. PostgreSQL mistakes the zombie for a running server
        and refuses to start. But the lock files also protect the data while an old server's backends still write. So
        the files are removed only when no process works in the data folder.
        """
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            deadline = time.monotonic() + STOP_SECONDS
            for pid in self.at_work():
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            while self.at_work() and time.monotonic() < deadline:
                time.sleep(0.02)
        if not self.at_work():
            for leftover in (self.data / "postmaster.pid", *self.socket_dir.glob(".s.PGSQL.5432*")):
                leftover.unlink(missing_ok=True)

    def at_work(self) -> list[int]:
        """Return the processes whose working folder is our data folder. A zombie has no working folder."""
        if sys.platform == "linux":
            here = str(self.data.resolve())
            return [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and _works_in(p) == here]
        try:
            pid = (self.data / "postmaster.pid").read_text().splitlines()[0]
        except (OSError, IndexError):
            return []
        command = ["/bin/ps", "-o", "stat=,args=", "-p", pid]
        listed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a pid is all
        return [int(pid)] if str(self.data) in listed.stdout and not listed.stdout.startswith("Z") else []

    def start(self) -> None:
        """Start the server. The command line overrides the configuration file in the settings that we rely on."""
        self.clear_the_way()
        settings = (
            "listen_addresses=", f"unix_socket_directories={self.socket_dir}", "unix_socket_permissions=0700",
            "port=5432", "fsync=on", "full_page_writes=on", "logging_collector=off", "log_destination=stderr",
            "log_checkpoints=off", "log_min_error_statement=panic", "max_connections=400",
            "search_path=public",  # by default the role's own schema, which is ours, would get the user's tables
        )  # fmt: skip
        options = [part for setting in settings for part in ("-c", setting)]
        self.server = self.popen(self.bin / "postgres", "-D", self.data, *options)

    def watch(self) -> None:
        """Start the server again whenever it ends too early; wait a little longer each time."""
        starts, delay, was_ready = 1, 0.05, False
        while not self.stopping.is_set():
            server = self.server
            assert server is not None
            ended = server.poll() is not None
            if not ended and is_ready(self.data, self.socket_dir):
                was_ready, delay = True, 0.05
                server.wait()
                continue
            if ended:
                if not was_ready and starts >= STARTS:
                    self.give_up()
                time.sleep(delay)
                delay = min(delay * 2, 5.0)
                if not self.stopping.is_set():
                    starts += 1
                    try:
                        self.start()
                    except Exception as exc:  # noqa: BLE001 - for example no memory: every failure can pass
                        sys.stderr.write(f"PostgreSQL cannot be started: {exc}\n")
            else:
                time.sleep(0.02)

    def give_up(self) -> NoReturn:
        """End, so that a waiting user can report why there is no server. The next keeper keeps the socket's folder."""
        sys.stderr.flush()
        os._exit(1)

    def stop(self) -> None:
        """Stop the server: in fast mode, then immediately, then by a kill."""
        self.stopping.set()
        server = self.server
        assert server is not None
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            server.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                server.wait(STOP_SECONDS)
                return


def _works_in(process: Path) -> str | None:
    try:
        return str((process / "cwd").readlink())
    except OSError:
        return None


def open_file(folder: Path, name: str, flags: int) -> int:
    """Open a regular file, not through a link and without waiting. The script cannot import `database.private`."""
    safely = os.O_NONBLOCK | os.O_CLOEXEC
    link = os.O_NOFOLLOW if os.geteuid() == 0 else 0  # without root, the folder's link is the user's own
    within = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | safely | link)
    try:
        found = os.open(name, flags | safely | os.O_NOFOLLOW, dir_fd=within)
    finally:
        os.close(within)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(errno.EINVAL, "it is not a file", str(folder / name))
    return found


def is_ready(data: Path, socket_dir: Path) -> bool:
    """Return whether the lock file says that the server is ready, and the server answers: the file survives a crash."""
    with suppress(OSError, IndexError), socket.socket(socket.AF_UNIX) as probe:
        with os.fdopen(open_file(data, "postmaster.pid", os.O_RDONLY), "rb") as file:
            if file.read(8192).split(b"\n")[7].strip() != b"ready":
                return False
        probe.settimeout(1)
        probe.connect(str(socket_dir / ".s.PGSQL.5432"))
        probe.sendall(SSL_REQUEST)
        return probe.recv(1) == b"N"
    return False


def keep(keeper: Keeper) -> int:
    """Run the server until its last user has gone. The users have created the lock files."""
    alone, everyone = (open_file(keeper.folder, name, os.O_RDWR) for name in ("keeper.lock", "users.lock"))
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    keeper.become_the_server_s_user()
    keeper.note_place()
    keeper.initialise()
    keeper.start()
    threading.Thread(target=keeper.watch, daemon=True).start()
    fcntl.flock(everyone, fcntl.LOCK_EX)
    keeper.stop()
    keeper.leave_place()
    os.close(alone)  # before the users' lock, so that the next user can start a keeper immediately
    os.close(everyone)
    return 0


def main() -> int:
    """Keep the server, and return the exit status."""
    os.setsid()  # Ctrl-C in a user's terminal is not meant for us
    os.chdir("/")
    os.umask(0o077)
    # A platform can send SIGTERM to all processes together, but the users still need the database while they end.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        return keep(Keeper(json.loads(sys.argv[1])))
    except OSError as exc:
        sys.stderr.write(f"{exc.filename or 'the keeper'}: {exc.strerror}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())

"""Real `receiver` processes for tests: started, spoken to, signalled, ended."""

import asyncio
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import httpx
import pytest
from click.testing import Result

from receiver import database, signature
from receiver.database.embedded import attach
from receiver.settings.environment import OURS, READ, SOURCES
from tests import inside
from tests.secrecy import Secrecy

REPOSITORY = Path(__file__).parent.parent
SECRET = b"whsec_of_the_tests"
WAIT_SECONDS = 60.0
# Below the ports that the system gives away, so that nobody gets one between our choice and its use; a range for each
# process that runs tests, and in an order of its own for the sake of another run beside this one.
PORTS = 2000
FIRST_PORT = 12_000 + PORTS * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8)
_ports = itertools.cycle(random.sample(range(FIRST_PORT, FIRST_PORT + PORTS), PORTS))

# Most processes of a file's tests are these two, and the first of each shows which lines they reach: to measure a
# process takes two thirds of what its start takes.
MEASURED_ONCE = ("serve", "work")

linux = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks processes up in /proc")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")


@contextmanager
def open_folder(*, in_memory: bool = True) -> Iterator[Path]:
    """Yield a folder that other users may enter."""
    from receiver.testing import memory  # noqa: PLC0415 - pytest wants to be the first to import its plugins

    path = Path(tempfile.mkdtemp(prefix="receiver-test-", dir=memory() if in_memory else None))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def plain_environment() -> dict[str, str]:
    """Return the environment without settings of ours."""
    given = {k: v for k, v in os.environ.items() if not k.startswith((*OURS, *SOURCES))}
    for name in ("DATABASE_URL", "HOST", "PORT", "PUBLIC_URL"):
        given.pop(name, None)
    return given | {"PYTHONPATH": str(REPOSITORY)}


def unreachable(url: str) -> str:
    """Return a database's own address, under which it is never reached: as if it were away."""
    return f"{url}{'&' if '?' in url else '?'}target_session_attrs=standby"


def servers(data: Path) -> list[int]:
    """Return the pids of every process that works in a data folder's database."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            at_work = process.joinpath("cwd").resolve(strict=True) == (data / "postgres").resolve()
        except OSError:
            continue
        if at_work:
            found.append(int(process.name))
    return found


def keepers(data: Path) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = process.joinpath("cmdline").read_bytes()
        except OSError:
            continue
        if b"keeper.py" in command and str(data).encode() + b'"' in command:
            found.append(int(process.name))
    return found


def free_port() -> int:
    """Return a port on which nobody listens, and which no other test is told of."""
    for port in _ports:
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("there is always another")


def until(holds: Callable[[], Any], what: str, seconds: float = WAIT_SECONDS) -> Any:
    """Return the first true answer of `holds`; fail after `seconds`."""
    deadline, pause = time.monotonic() + seconds, 0.01
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(pause)
        pause = min(1.2 * pause, 0.1)  # to ask is work too, for what is waited for


def sign(body: bytes, *, secret: bytes = SECRET, at: float | None = None) -> dict[str, str]:
    """Return the headers of an authentic delivery."""
    stamp = int(time.time() if at is None else at)
    return {"X-Transcribe-Signature": signature.sign(body, secret=secret, at=stamp)}


def completed(event_id: str, transcription_id: int = 4821, event_type: str = "transcription.completed") -> bytes:
    """Return the body of an event."""
    about = {"id": transcription_id, "status": "completed", "completed_at": "2026-04-29T14:25:27.968Z"}
    return json.dumps({"id": event_id, "event": event_type, "data": {"transcription": about}}).encode()


class Process:
    """One `receiver` command under way; its output goes to files."""

    def __init__(
        self,
        arguments: tuple[str, ...],
        environment: dict[str, str],
        folder: Path,
        number: int,
        *,
        stdin: int = subprocess.DEVNULL,
        by: tuple[str, ...] = (),
        pass_fds: tuple[int, ...] = (),
    ) -> None:
        self.out = folder / f"{number}-{arguments[0]}.out"
        self.err = folder / f"{number}-{arguments[0]}.err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.popen = subprocess.Popen(
                [*by, sys.executable, "-m", "receiver", *arguments],
                cwd=folder, env=environment, stdin=stdin, stdout=out, stderr=err, pass_fds=pass_fds,
                start_new_session=True,
            )  # fmt: skip

    @property
    def log(self) -> str:
        return self.err.read_text()

    def until_logged(self, text: str) -> None:
        until(lambda: text in self.log or self.popen.poll() is not None, f"{text!r} in the log")
        assert text in self.log, self.log

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = WAIT_SECONDS) -> int:
        """Send a signal and return the exit status."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        return self.popen.wait(seconds)


class Web(Process):
    """A running `receiver serve`."""

    port: int
    secrecy: Secrecy
    _idle: ClassVar[list[httpx.Client]] = []

    @contextmanager
    def http(self) -> Iterator[httpx.Client]:
        """Yield a client that no other thread uses: shared, it may close a connection which another begins to use."""
        try:
            client = self._idle.pop()
        except IndexError:
            client = httpx.Client(timeout=WAIT_SECONDS)
        try:
            yield client
        finally:
            self._idle.append(client)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> httpx.Response:
        with self.http() as http:
            return self._heard(http.get(f"{self.url}{path}"))

    def accepts(self) -> bool:
        """Whether a new connection is taken."""
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except (ConnectionRefusedError, ConnectionResetError):  # a reset: it was closed while we came
            return False
        return True

    def until_refusing(self) -> None:
        """Wait until no new connection is taken."""
        until(lambda: not self.accepts(), "the listener is closed")

    def deliver(self, body: bytes, *, path: str = "/webhooks/transcribe-so", **options: Any) -> httpx.Response:
        """Deliver an authentic body."""
        headers = sign(body, **options)
        self.secrecy.keep_signature(headers["X-Transcribe-Signature"])
        with self.http() as http:
            return self._heard(http.post(f"{self.url}{path}", content=body, headers=headers))

    def _heard(self, answer: httpx.Response) -> httpx.Response:
        self.secrecy.hold(f"the answer to {answer.url}", f"{answer.headers}\n{answer.text}")
        return answer


class Processes:
    """Starts processes in one folder and ends them all; none of them may have said a secret."""

    _measured: ClassVar[set[tuple[str, str]]] = set()  # the file of the test, the command

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stdin = subprocess.DEVNULL
        self.by: tuple[str, ...] = ()  # a command that becomes each of the processes, in what it has prepared
        self.environment = {
            **plain_environment(),
            "TRANSCRIBE_WEBHOOK_SECRET": SECRET.decode(),
            "TRANSCRIBE_API_URL": "http://127.0.0.1:1",
            "PORT": str(free_port()),
            "RECEIVER_METRICS": "off",  # else each `up` has one more process, and another one
            "RECEIVER_CONSOLE": "off",
            "RECEIVER_POLL_SECONDS": "0.2",
            "PYTHONWARNINGS": "error",
        }
        self.secrecy = Secrecy()
        self._started: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if error is None:
            self._hold_secrecy()
            return
        for process in self._started:
            print(f"--- {process.err.name}\n{process.out.read_text()}{process.log}")  # noqa: T201 - for the failure

    def kill(self) -> None:
        """End all of them at once."""
        for process in self._started:
            if process.popen.poll() is None:
                process.popen.send_signal(signal.SIGCONT)
                process.kill()

    def _hold_secrecy(self) -> None:
        said = [path for process in self._started for path in (process.out, process.err)]
        for path in (*said, *self.folder.glob(".receiver/*.log")):
            self.secrecy.hold(path.name, path.read_text(errors="replace"))

    def write_handlers(self, **modules: str) -> None:
        """Write a `handlers` package of the test's own."""
        package = self.folder / "handlers"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
        for name, text in modules.items():
            (package / f"{name}.py").write_text(text)

    def start(self, *arguments: str, **environment: str) -> Process:
        started = len(self._started)
        process = Process(
            arguments, self._settings(arguments[0], environment), self.folder, started, stdin=self.stdin, by=self.by
        )
        self._started.append(process)
        return process

    def _settings(self, command: str, changes: dict[str, str]) -> dict[str, str]:
        settings = self.environment | changes
        self.secrecy.keep_settings(settings)
        kind = (os.environ.get("PYTEST_CURRENT_TEST", "").partition("::")[0], command)
        if kind in self._measured:
            settings.pop("COVERAGE_PROCESS_CONFIG", None)
        elif command in MEASURED_ONCE:
            self._measured.add(kind)
        return settings

    def serve(self, **environment: str) -> Web:
        """Start `receiver serve` and wait until it answers."""
        web = self.begin_serving(free_port(), **environment)
        web.until_logged("listening on")
        return web

    def begin_serving(self, port: int, command: str = "serve", **environment: str) -> Web:
        """Start `receiver serve`, or `up`, on a port, without waiting."""
        settings = self._settings(command, {"PORT": str(port)} | environment)
        web = Web((command,), settings, self.folder, len(self._started), by=self.by)
        web.port, web.secrecy = port, self.secrecy
        self._started.append(web)
        return web

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        ran = subprocess.run(
            [sys.executable, "-m", "receiver", *arguments],
            cwd=self.folder, env=self._settings(arguments[0], environment), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        self.secrecy.hold(f"receiver {' '.join(arguments)}", ran.stdout + ran.stderr)
        return ran

    def run_inside(self, *arguments: str, **environment: str) -> Result:
        """Run a command that looks for no handlers and begins no other, without a process of its own."""
        none = {name: None for name in os.environ if name.startswith((*OURS, *SOURCES))}
        data = {"RECEIVER_DATA_DIR": str(self.folder / ".receiver"), READ: "1"}
        ran = inside.run(arguments, none | data | self._settings(arguments[0], environment))
        self.secrecy.hold(f"receiver {' '.join(arguments)}", ran.output)
        return ran

    def sql(self, statement: str, url: str | None = None) -> list[Mapping[str, Any]]:
        """Run a statement on the processes' database, or on another one; returns its rows."""

        async def ask(url: str) -> list[Mapping[str, Any]]:
            connection = await database.connect(url)
            try:
                return [dict(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

        def run(url: str) -> list[Mapping[str, Any]]:
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                return runner.run(ask(url))

        url = url or self.environment.get("DATABASE_URL")
        if url is not None:
            return run(url)
        with attach(self.folder / ".receiver", create=False) as embedded:
            return run(embedded)

    def unfinished(self) -> int:
        """Return how many jobs are pending or running."""
        found = self.sql("select count(*) as jobs from receiver.jobs where state in ('pending', 'running')")
        return int(found[0]["jobs"])

    def settled(self) -> list[dict[str, Any]]:
        """Wait until no job is pending or running; returns the events."""
        until(lambda: self.unfinished() == 0, "every job has ended")
        return self.events()

    def events(self, **environment: str) -> list[dict[str, Any]]:
        """Return what `receiver events --json --limit 0` prints."""
        ran = self.run_inside("events", "--json", "--limit", "0", **environment)
        assert ran.exit_code == 0, ran.stderr
        found: list[dict[str, Any]] = json.loads(ran.stdout)
        return found

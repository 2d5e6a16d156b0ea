"""Where it is measured: a data folder with its database, the processes in it, and who sends the deliveries."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from receiver.database.data_folder import server_user
from receiver.database.embedded import attach, binaries, wait_until_stopped
from receiver.testing import Server as Databases
from tests.benchmarks.asking import execute
from tests.benchmarks.load import HOST, SECRET, Came, Order
from tests.benchmarks.machine import spent, strangers
from tests.benchmarks.turns import Taken
from tests.processes import REPOSITORY, Process, Processes, free_port, open_folder, plain_environment, until

NOOPS = """
from receiver import Context, Event, handler


@handler("transcription.completed")
async def one(event: Event, ctx: Context) -> None:
    return


@handler("transcription.completed")
async def two(event: Event, ctx: Context) -> None:
    return


@handler("transcription.completed")
async def three(event: Event, ctx: Context) -> None:
    return
"""
QUIET_SECONDS = 5.0
QUIET = 0.03  # seconds of processors in a tenth of a second; looking costs some


class Server(NamedTuple):
    """Somebody who answers on a port of this machine."""

    port: int
    process: int


class Stage:
    """A database server and the processes of one benchmark. All of them are ended with it, each by its id."""

    def __init__(self, folder: Path, server: Databases, say: Callable[[str], None]) -> None:
        self.folder, self.server, self.say = folder, server, say
        self.data = folder / "data"
        self._places: list[Place] = []
        self._started: list[subprocess.Popen[Any]] = []
        self._numbers = count(1)
        self._sender: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for place in self._places:
            place.kill()
        for popen in self._started:
            popen.kill()
        for popen in self._started:
            popen.wait()
            for stream in (popen.stdin, popen.stdout):
                if stream is not None:
                    stream.close()

    def begin(self, *command: str, **options: Any) -> "subprocess.Popen[str]":
        """Start a Python module with its arguments."""
        return self.begin_program(sys.executable, "-m", *command, **options)

    def begin_program(self, *command: str, **options: Any) -> "subprocess.Popen[str]":
        """Start a program that ends with the stage."""
        popen = subprocess.Popen(
            command, cwd=REPOSITORY, env=plain_environment(), text=True, start_new_session=True, **options
        )
        self._started.append(popen)
        return popen

    def serve(self, *command: str) -> Server:
        """Start a module that takes a port after its two first arguments; return it once it listens there."""
        port = free_port()
        popen = self.begin(*command[:3], str(port), *command[3:])
        return self.listening(port, popen)

    def listening(self, port: int, popen: "subprocess.Popen[Any]") -> Server:
        """Wait until a process listens on a port."""
        until(lambda: popen.poll() is not None or _listens(port), f"port {port} answers")
        assert popen.poll() is None, popen.args
        return Server(port, popen.pid)

    def place(self, name: str, handlers: str = NOOPS, **environment: str) -> "Place":
        """Return a folder of our own processes, with a migrated database."""
        folder = self.folder / name
        folder.mkdir(mode=0o755)
        self._places.append(Place(folder, self.database(name), handlers, environment))
        return self._places[-1]

    def database(self, name: str, tables: str = "") -> str:
        """Make a database and return its URL."""
        url = self.server.create(name)
        if tables:
            execute(url, tables)
        return url

    @contextmanager
    def copied(self, url: str | None, name: str) -> Iterator[str]:
        """Yield the URL of a copy of a database, or of a new one, that is there while the context is open."""
        template = () if url is None else ("--template", urlsplit(url).path[1:], "--strategy", "file_copy")
        yield self.server.create(name, *template)
        self.server.drop(name)

    def hear(self, *command: str) -> str:
        """Start a module, and end it once it has said a line; return that."""
        popen = self.begin(*command, stdout=subprocess.PIPE)
        line = _hear(popen)
        popen.kill()
        popen.wait()
        return line

    def send(self, order: Order) -> tuple[Came, float]:
        """Prepare an order's requests and send them; return what came, and the share of strangers meanwhile."""
        if self._sender is None:
            self._sender = self.begin("tests.benchmarks.sender", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        _say(self._sender, json.dumps(asdict(replace(order, run=f"{order.run}{next(self._numbers)}"))))
        assert _hear(self._sender) == "ready"
        self.until_quiet()
        with strangers(self.data) as share:
            _say(self._sender, "go")
            came = Came(**json.loads(_hear(self._sender)))
        return came, share()

    def until_quiet(self) -> None:
        """Wait, not for long, until nothing of ours works any more: what one has left over is not the next one's."""
        end, before = time.monotonic() + QUIET_SECONDS, spent(self.data, os.getpid())
        while time.monotonic() < end:
            time.sleep(0.1)
            now = spent(self.data, os.getpid())
            if now - before < QUIET:
                return
            before = now

    def rate(self, order: Order, *processes: int) -> Taken:
        """Send an order's requests to a server; return the answers a second."""
        before = spent(self.data, *processes)
        came, share = self.send(order)
        many = sum(came.answers.values())
        each = (spent(self.data, *processes) - before) / max(1, many) * 1e6
        return Taken(came.rate, share, came.odd, each, many)


class Place(Processes):
    """A folder with handlers of its own and a migrated database; its processes have the settings that users have."""

    def __init__(self, folder: Path, url: str, handlers: str, environment: Mapping[str, str]) -> None:
        super().__init__(folder)
        self.url = url
        self.write_handlers(measured=handlers)
        del self.environment["RECEIVER_POLL_SECONDS"], self.environment["PYTHONWARNINGS"]
        self.environment |= {"DATABASE_URL": url, "TRANSCRIBE_WEBHOOK_SECRET": SECRET, **environment}
        migrated = self.run("migrate")
        assert migrated.returncode == 0, migrated.stderr

    def web(self) -> Server:
        """Start `receiver serve`; return it once it listens."""
        web = self.serve()
        return Server(web.port, web.popen.pid)

    def web_on(self, listener: socket.socket, *options: str) -> Server:
        """Start `receiver serve` on a socket that is bound already; return it once it listens."""
        descriptor = listener.fileno()
        arguments = ("serve", "--listener", str(descriptor), *options)
        web = Process(arguments, self.environment, self.folder, len(self._started), pass_fds=(descriptor,))
        self._started.append(web)
        web.until_logged("listening on")
        return Server(listener.getsockname()[1], web.popen.pid)

    @contextmanager
    def working(self, **environment: str) -> Iterator[Process]:
        """Run a worker while the context is open, from where it is ready."""
        worker = self.start("work", **environment)
        worker.until_logged("working with")
        try:
            yield worker
        finally:
            worker.end()


@contextmanager
def stage(say: Callable[[str], None], *, in_memory: bool = True) -> Iterator[Stage]:
    """Yield a stage with a server of its own, its data in memory or on the disk of the temporary folder."""
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder(in_memory=in_memory))
        stack.callback(wait_until_stopped, folder / "data")
        url = stack.enter_context(attach(folder / "data", create=True))
        server = Databases(url, binaries.find(folder / "data", server_user()))
        yield stack.enter_context(Stage(folder, server, say))


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex((HOST, port)) == 0


def _say(popen: "subprocess.Popen[str]", line: str) -> None:
    assert popen.stdin is not None
    popen.stdin.write(line + "\n")
    popen.stdin.flush()


def _hear(popen: "subprocess.Popen[str]") -> str:
    assert popen.stdout is not None
    line: str = popen.stdout.readline()
    assert line, "the process ended without a line"
    return line.rstrip("\n")

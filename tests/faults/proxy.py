"""A TCP proxy between a receiver and its database that misbehaves as networks do.

    latency                  every piece takes its time
    reset                    every connection ends, and every new one
    black hole               nothing goes through any more, and nobody is told; what is on its way arrives in the end
    slow bytes               answers come byte by byte
    cut before the commit    the statement that would commit never reaches the server
    cut after the commit     it does, and its answer never reaches us

What commits is the one statement that stores an event, and the COMMIT of a handler's transaction. Of those every other
one is cut at random, so that the try on a new connection is cut too from time to time.
"""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import parse_qs, urlsplit

from receiver.cli.process import run

Mode = Literal["latency", "reset", "black hole", "slow bytes", "cut before the commit", "cut after the commit"]
MODES: tuple[Mode, ...] = get_args(Mode)

PIECE = 64 * 1024
LATENCY_SECONDS = 0.1
BYTE_SECONDS = 0.005
COMMITS = (b"transcription.completed", b"COMMIT;")  # in the body that is stored; as asyncpg says it


class Line:
    """One connection: the client's side and the server's."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.has_committed = False

    def cut(self) -> None:
        """End it on both sides, with what was not read yet."""
        self.client.transport.abort()
        self.server.transport.abort()


class Proxy:
    """Passes everything on until it is told to misbehave.

    Args:
        url: of a database that listens on a Unix socket.
        seed: for which commits are cut.
    """

    def __init__(self, url: str, *, seed: int = 0) -> None:
        parts = urlsplit(url)
        self._socket = Path(parse_qs(parts.query)["host"][0]) / ".s.PGSQL.5432"
        self._parts = parts
        self._chance = random.Random(seed)  # noqa: S311 - what is cut is no secret
        self._mode: Mode | None = None
        self._passing = asyncio.Event()
        self._lines: set[Line] = set()
        self._accepted: set[asyncio.Task[None]] = set()
        self._started = threading.Event()
        self._call: Callable[[Callable[[], object]], object]
        self._stop: Callable[[], object]
        self.url = ""
        self.cuts = 0

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        thread = threading.Thread(target=lambda: run(self._main()))
        thread.start()
        self._started.wait()
        try:
            yield self
        finally:
            self._call(self._stop)
            thread.join()

    def misbehave(self, mode: Mode | None) -> None:
        """From now on behave so; None is to pass everything on."""
        self._call(partial(self._switch, mode))

    def _switch(self, mode: Mode | None) -> None:
        self._mode = mode
        if mode == "black hole":
            self._passing.clear()
        else:
            self._passing.set()
        if mode == "reset":
            for line in self._lines:
                line.cut()

    async def _main(self) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        self._call, self._stop = loop.call_soon_threadsafe, stop.set
        self._passing.set()
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        self.url = self._parts._replace(netloc=f"receiver@127.0.0.1:{port}", query="").geturl()
        self._started.set()
        await stop.wait()
        listener.close()
        for line in list(self._lines):
            line.cut()
        await asyncio.gather(*self._accepted, return_exceptions=True)

    async def _accept(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        accepted = asyncio.current_task()
        assert accepted is not None
        self._accepted.add(accepted)
        from_server, to_server = await asyncio.open_unix_connection(self._socket)
        line = Line(to_client, to_server)
        self._lines.add(line)
        both = [
            asyncio.create_task(self._carry(from_client, partial(self._up, line))),
            asyncio.create_task(self._carry(from_server, partial(self._down, line))),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            line.cut()
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            self._lines.discard(line)

    async def _carry(self, reader: asyncio.StreamReader, on: Callable[[bytes], Awaitable[None]]) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(PIECE):
                await self._passing.wait()
                if self._mode == "latency":
                    await asyncio.sleep(LATENCY_SECONDS)
                await on(piece)

    async def _up(self, line: Line, piece: bytes) -> None:
        if self._mode == "reset":
            raise self._cut(line)
        commits = any(mark in piece for mark in COMMITS)
        if commits and self._mode == "cut before the commit" and self._chance.random() < 0.5:
            raise self._cut(line)
        if commits and self._mode == "cut after the commit" and self._chance.random() < 0.5:
            line.has_committed = True
        line.server.write(piece)
        await line.server.drain()

    async def _down(self, line: Line, piece: bytes) -> None:
        if line.has_committed:  # the answer comes when it is on disk
            raise self._cut(line)
        while self._mode == "slow bytes" and piece:
            line.client.write(piece[:1])
            piece = piece[1:]
            await asyncio.sleep(BYTE_SECONDS)
        line.client.write(piece)
        await line.client.drain()

    def _cut(self, line: Line) -> ConnectionError:
        self.cuts += 1
        line.cut()
        return ConnectionResetError()

"""A running web process of this one's, and its clients, on real sockets: what is sent and answered, byte for byte."""

import asyncio
import itertools
import json
import socket
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from receiver import database
from receiver.database import Connections, Pool
from receiver.handling import Handler
from receiver.inbox import listing
from receiver.inbox.spool import Spool
from receiver.server import bind, serve
from receiver.server.bounds import SERVICE, Bounds
from receiver.settings import Account
from receiver.web import Receiver, application
from receiver.web.store import Deadlines
from tests.processes import SECRET, completed, sign, unreachable

GUARD_SECONDS = 30.0  # against waiting for ever; and longer than a test puts the clock forward
PATH = "/webhooks/transcribe-so"
ODD = ("X-A: 1", "X-A: 1")  # lines of a head that is not ordinary, and mean nothing
numbers = itertools.count(1)


class Answer:
    """An HTTP response as it stood on the wire. It says nothing twice."""

    def __init__(self, head: bytes, content: bytes) -> None:
        first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        assert len(self.headers) == len(lines), lines
        self.content = content

    @property
    def said(self) -> tuple[int, str]:
        """The status, and what the answer says about the delivery."""
        answer = json.loads(self.content)
        return self.status, answer.get("status") or answer["error"]["code"]


class Connection:
    """One client's side of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> Answer:
        """Read one answer."""
        async with asyncio.timeout(GUARD_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = Answer(head, b"").headers.get("content-length", "0")
            return Answer(head, await self.reader.readexactly(int(length)))

    async def said(self, times: int) -> list[tuple[int, str]]:
        """Read so many answers, and return what they say."""
        return [(await self.answer()).said for _ in range(times)]

    async def end(self, seconds: float = GUARD_SECONDS) -> bytes:
        """Return what is left until the server closes the connection, which it must within `seconds`."""
        try:
            return await asyncio.wait_for(self.reader.read(), seconds)
        except ConnectionResetError:
            return b""

    async def next(self) -> bytes:
        """Return the next byte; nothing if the server closes the connection instead."""
        return await asyncio.wait_for(self.reader.read(1), GUARD_SECONDS)

    async def drip(self, data: bytes, clock: "Clock", *, until: "asyncio.Task[Any]") -> float:
        """Send a byte a second until `until` is done, and return how many seconds it took."""
        for seconds, byte in enumerate(data):
            if until.done():
                return seconds
            await self.send(bytes([byte]))
            await clock.forward(1)
        raise AssertionError("all was taken")

    def socket_error(self) -> int:
        """Return the connection's pending error: 0 if it was not reset."""
        sock = self.writer.get_extra_info("socket")
        return int(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    async def is_reset(self) -> bool:
        """Return whether the server takes nothing more."""
        try:
            for _ in range(3):
                await self.send(b" ")
                await catch_up()
        except ConnectionError:
            return True
        return False

    @property
    def is_open(self) -> bool:
        """Return whether the server has not visibly closed the connection."""
        return not self.reader.at_eof()

    def vanish(self) -> None:
        """Reset the connection, like a host that was cut off."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    """Yield a client."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


class Web:
    """A running server and its database. `seen` are the paths of the requests that have reached the application."""

    def __init__(
        self,
        db: Pool,
        listener: socket.socket,
        running: "asyncio.Task[None]",
        stop: asyncio.Event,
        relieved: asyncio.Event,
        *,
        receiver: Receiver,
        seen: list[str],
    ) -> None:
        self.receiver = receiver
        self.seen = seen
        self.db = db
        self.listener = listener
        self.port: int = listener.getsockname()[1]
        self.running = running
        self.stop = stop
        self.relieved = relieved

    def connected(self) -> AbstractAsyncContextManager[Connection]:
        """Yield a client."""
        return connected(self.port)

    async def holds(self, raw: bytes) -> bool:
        """Return whether a delivery is stored, byte for byte."""
        stored = await listing.find(self.db, json.loads(raw)["id"])
        return [await listing.raw(self.db, event.key) for event in stored] == [raw]


class Noting:
    """Notes the path of each request, and passes it on."""

    def __init__(self, app: ASGIApp, seen: list[str]) -> None:
        self.app = app
        self.seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope["path"])
        await self.app(scope, receive, send)


OWN = Account("transcribe.so", "default", "http://p.test", webhook_secrets=(SecretStr(SECRET.decode()),))
PATIENT = Deadlines(database=60, question=60)  # however busy the machine is


@asynccontextmanager
async def serving(
    url: str,
    bounds: Bounds = SERVICE,
    *,
    accounts: Sequence[Account] = (OWN,),
    handlers: Mapping[str, Handler] | None = None,
    spool: Path | None = None,
    away: bool = False,
) -> AsyncIterator[Web]:
    """Serve deliveries for a database; without a folder for the spool nothing can be spooled.

    `away` means that the server does not reach the database, although the test does.
    """
    connections, stop, relieved = Connections(unreachable(url) if away else url), asyncio.Event(), asyncio.Event()
    room = Spool(Path("/nonexistent"), limit_bytes=0) if spool is None else Spool(spool, limit_bytes=10**6)
    receiver = Receiver(
        connections=connections, spool=room, handlers=handlers or {}, url=url, accounts=accounts, deadlines=PATIENT
    )
    app, seen = application(receiver), list[str]()
    app.add_middleware(Noting, seen=seen)
    listener = bind("127.0.0.1", 0)
    running = asyncio.create_task(serve(app, listener, stop, relieved=relieved, bounds=bounds))
    async with database.pool(url, size=2) as db:
        try:
            yield Web(db, listener, running, stop, relieved, receiver=receiver, seen=seen)
        finally:
            stop.set()
            await asyncio.wait_for(running, GUARD_SECONDS)
            connections.close()


class Clock:
    """A loop's clock: it stands still, or goes on, and a test puts it forward instead of waiting."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._real = loop.time
        self._ahead = 0.0
        self._stands_at: float | None = None
        loop.time = self._time  # type: ignore[method-assign]

    def _time(self) -> float:
        return self._real() + self._ahead if self._stands_at is None else self._stands_at

    def stop(self) -> None:
        """Stand still: nothing is late, however long the machine takes."""
        self._stands_at = self._time()

    def go_on(self) -> None:
        """Go on from where it stands."""
        if self._stands_at is not None:
            self._ahead, self._stands_at = self._stands_at - self._real(), None

    async def forward(self, seconds: float) -> None:
        """Let the server read its input, then let `seconds` pass, and do what is due by then."""
        await catch_up()
        self.jump(seconds)
        await catch_up()

    def jump(self, seconds: float) -> None:
        """Let `seconds` pass, before the server reads what was sent last."""
        if self._stands_at is None:
            self._ahead += seconds
        else:
            self._stands_at += seconds


async def catch_up() -> None:
    """Let the loop go through more rounds than a request takes from the kernel to its handling."""
    for _ in range(50):
        await asyncio.sleep(0)


def head(raw: bytes, *lines: str, length: bool = True, path: str = PATH) -> bytes:
    """Return the head of an authentic delivery of `raw`."""
    signed = f"X-Transcribe-Signature: {sign(raw)['X-Transcribe-Signature']}"
    declared = [f"Content-Length: {len(raw)}"] if length else []
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: web", signed, *declared, *lines, "", ""]).encode()


def event() -> bytes:
    """Return the body of a new event."""
    return completed(f"evt_{next(numbers)}")


def delivery(raw: bytes, *lines: str) -> bytes:
    return head(raw, *lines) + raw


def chunked(raw: bytes, *lines: str) -> bytes:
    """Return a delivery in three chunks with extensions."""
    chunks = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(part), part) for part in (raw[:1], raw[1:50], raw[50:]))
    return head(raw, "Transfer-Encoding: chunked", *lines, length=False) + chunks + b"0\r\n\r\n"

"""A proxy between receivers and providers that spoils requests and files, as proxies, networks and stores do.

a request   lost               the provider answers, and the connection ends without a byte of it
            524                the provider works and answers, and the client gets a proxy's page
            reset in the body  the connection is reset after the first bytes; the provider never hears of it
            reset after        the connection is reset when the provider has all of it; the provider goes on
            early 401          refused by its head: the answer is sent, and nothing is read of the body
a file      dead               every link is refused
            cut                half of it comes, then the connection ends
            corrupt            as long as it should be, but other bytes
            growing            more and more comes, and no length is said
held, until     deaf               its head is read, and the provider never hears of it; then the connection ends
`let_go`        late               the provider answers, and nothing of it comes; then all of it
                half               its head comes, and half of its body; then the connection ends
"""

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Literal, get_args
from urllib.parse import urlsplit

from receiver.cli.process import run

OfRequest = Literal["lost", "524", "reset in the body", "reset after", "early 401"]
OfFile = Literal["dead", "cut", "corrupt", "growing"]
Holding = Literal["deaf", "late", "half"]
Fault = OfRequest | OfFile | Holding
OF_REQUEST: tuple[OfRequest, ...] = get_args(OfRequest)

PIECE = 64 * 1024
FOREVER = 1_000_000
END = b"\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked" + END
PAGE = b"<html><head><title>524: A timeout occurred</title></head></html>"
REFUSED = json.dumps({"error": "unauthorized", "message": "no", "detail": "no"}).encode()


@dataclass(slots=True)
class Planned:
    """A fault for the next `times` requests, after `skip` others, whose path fits the pattern `path`."""

    path: str
    fault: Fault
    times: int
    method: str | None = None
    skip: int = 0

    def takes(self, method: str, path: str) -> bool:
        """Return whether it is for this request, and count it."""
        if not self.times or self.method not in (None, method) or not fnmatchcase(path, self.path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass(frozen=True, slots=True)
class Head:
    """The first lines of a request or an answer; `start` is the first of them."""

    raw: bytes

    @property
    def start(self) -> list[str]:
        return self.raw.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)

    @property
    def length(self) -> int:
        for line in self.raw.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                return int(value)
        return 0

    def closing(self, without: bytes = b"") -> bytes:
        """Return it so that the connection ends after it, and without one header."""
        kept = [
            line for line in self.raw.removesuffix(END).split(b"\r\n")
            if line.partition(b":")[0].lower() not in (b"connection", without)
        ]  # fmt: skip
        return b"\r\n".join([*kept, b"Connection: close"]) + END


class Gateway:
    """Passes requests on to `url`, and spoils those that are planned to be."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self._planned: list[Planned] = []
        self._accepted: set[asyncio.Task[None]] = set()
        self._started = threading.Event()
        self._stop: Callable[[], object] = lambda: None
        self._let_go: Callable[[], object] = lambda: None
        self._holds: list[asyncio.Event] = []
        self.url = ""

    def plan(self, path: str, fault: Fault, times: int = FOREVER, *, method: str | None = None, skip: int = 0) -> None:
        """Spoil the next requests whose path fits a pattern, such as `*/transcription/`."""
        self._planned.append(Planned(path, fault, times, method, skip))

    @property
    def held(self) -> int:
        """How many requests are held now."""
        return len(self._holds)

    def let_go(self) -> None:
        """Let go of all that is held."""
        self._let_go()

    def mend(self) -> None:
        self._planned.clear()

    @contextmanager
    def running(self) -> Iterator["Gateway"]:
        thread = threading.Thread(target=lambda: run(self._main()))
        thread.start()
        self._started.wait()
        try:
            yield self
        finally:
            self._stop()
            thread.join()

    async def _main(self) -> None:
        stop = asyncio.Event()
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        soon = asyncio.get_running_loop().call_soon_threadsafe
        self._stop, self._let_go = partial(soon, stop.set), partial(soon, self._release)
        self.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        self._started.set()
        await stop.wait()
        listener.close()
        for one in self._accepted:
            one.cancel()
        await asyncio.gather(*self._accepted, return_exceptions=True)

    def _release(self) -> None:
        for one in self._holds:
            one.set()

    async def _hold(self) -> None:
        """Wait until all that is held is let go."""
        held = asyncio.Event()
        self._holds.append(held)
        try:
            await held.wait()
        finally:
            self._holds.remove(held)

    def _take(self, head: Head) -> Fault | None:
        method, target = head.start[:2]
        return next((one.fault for one in self._planned if one.takes(method, urlsplit(target).path)), None)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one request; the connection ends after it."""
        accepted = asyncio.current_task()
        assert accepted is not None
        self._accepted.add(accepted)  # nobody else holds it once its client has gone
        accepted.add_done_callback(self._accepted.discard)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                head = Head(await reader.readuntil(END))
                fault = self._take(head)
                if fault == "deaf":
                    await self._hold()
                elif fault == "early 401":
                    await _send(writer, _answer(401, "Unauthorized", REFUSED))
                elif fault == "dead":
                    await _send(writer, _answer(403, "Forbidden", b"<Error><Code>AccessDenied</Code></Error>"))
                elif fault == "reset in the body":
                    await reader.readexactly(min(head.length // 2, PIECE))
                    _reset(writer)
                else:
                    await self._pass_on(head, reader, writer, fault)
        finally:
            writer.close()

    async def _pass_on(
        self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: Fault | None
    ) -> None:
        answers, asks = await asyncio.open_connection(self._to.hostname, self._to.port)
        try:
            asks.write(head.closing())
            left = head.length
            while left:
                piece = await reader.read(min(left, PIECE))
                if not piece:
                    return
                left -= len(piece)
                await _send(asks, piece)
            if fault == "reset after":
                _reset(writer)
                await answers.read()  # whoever asks is gone, and the provider does not know it
                return
            answered = Head(await answers.readuntil(END))
            if fault == "late":
                await self._hold()
            if fault in ("lost", "524"):
                await answers.read()
                await _send(writer, b"" if fault == "lost" else _answer(524, "A Timeout Occurred", PAGE))
                return
            await self._give(answered, answers, writer, fault)
        finally:
            asks.close()

    async def _give(
        self, head: Head, answers: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: Fault | None
    ) -> None:
        if fault == "growing":
            await _send(writer, head.closing(without=b"content-length").removesuffix(b"\r\n") + CHUNKED)
            while True:  # until whoever asks has had enough
                await _send(writer, f"{PIECE:x}\r\n".encode() + bytes(PIECE) + b"\r\n")
        await _send(writer, head.closing())
        most = head.length // 2 if fault in ("cut", "half") else FOREVER * PIECE
        while most > 0 and (piece := await answers.read(min(PIECE, most))):
            most -= len(piece)
            await _send(writer, bytes(255 - byte for byte in piece) if fault == "corrupt" else piece)
        if fault == "half":
            await self._hold()


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


def _answer(status: int, reason: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Length: {len(body)}\r\nConnection: close"
    return head.encode() + END + body


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset."""
    found = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

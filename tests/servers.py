"""Servers on the loopback, for tests that say what they answer."""

import asyncio
import json
import os
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, BaseServer, ThreadingTCPServer
from typing import Any, TypeVar

import pytest

S = TypeVar("S", bound=BaseServer)


@contextmanager
def serving(server: S) -> Iterator[S]:
    """Let a server work in a thread while the context is open."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Quiet(BaseHTTPRequestHandler):
    """A request, of which nothing is logged. What a server does with requests is its class's `answer`."""

    def answer(self) -> None:
        self.say(501)

    def _answered(self) -> None:
        self.answer()

    do_GET = do_POST = do_PUT = do_DELETE = _answered  # noqa: N815 - the base's names

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def say(self, status: int, content: bytes = b"", **headers: str) -> None:
        """Answer. `_` in a header's name is `-`."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def quiet(handler: type[Quiet]) -> Iterator[str]:
    """Yield the address of a server whose requests are of this class."""
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@contextmanager
def echoing() -> Iterator[str]:
    """Yield the address of a server that sends back what it has read, as a mirror or a wrong port does."""

    class Mirror(BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(self.request.recv(65536))

    with serving(ThreadingTCPServer(("127.0.0.1", 0), Mirror)) as server:
        yield f"http://127.0.0.1:{server.server_address[1]}"


Answer = Callable[[Quiet], None]


@dataclass(frozen=True, slots=True)
class Got:
    """A request: its path, its headers, its body."""

    path: str
    headers: Message
    body: bytes

    @property
    def id(self) -> str:
        return str(self.headers["webhook-id"])

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def answering(status: int, **headers: str) -> Answer:
    """Return what answers with a status and an empty body; `_` in a header's name is `-`."""
    return lambda request: request.say(status, b"", **headers)


@dataclass(slots=True)
class App:
    """Somebody's app, which keeps what it gets: `answers` are given one after the other, the last one for ever."""

    answers: list[Answer] = field(default_factory=lambda: [answering(204)])
    got: list[Got] = field(default_factory=list)
    url: str = ""
    connections: int = 0
    sent: int = 0  # bytes of an endless answer
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def apprise(self) -> str:
        """Its address for the plugin `json://` of apprise."""
        return f"{self.url.replace('http://', 'json://someone:s3cret@')}/s3cret/path?-x=s3cret"

    @contextmanager
    def running(self) -> Iterator["App"]:
        app = self

        class Handler(Quiet):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                app.connections += 1
                super().setup()

            def answer(self) -> None:
                body = self.body()
                if len(body) < int(self.headers.get("Content-Length", "0")):  # who sent it has died
                    self.close_connection = True
                    return
                app.got.append(Got(self.path, self.headers, body))
                said = app.answers.pop(0) if len(app.answers) > 1 else app.answers[0]
                said(self)

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Say nothing: clients that go away are what is tried."""

        with serving(Server(("127.0.0.1", 0), Handler)) as server:
            self.url = f"http://127.0.0.1:{server.server_port}"
            try:
                yield self
            finally:
                self.over.set()

    def silent(self, request: Quiet) -> None:
        """Answer nothing until the test is over, or the client has gone."""
        self.over.wait(60)
        request.close_connection = True

    def endless(self, request: Quiet) -> None:
        """Answer 200 with a body that never ends."""
        request.send_response(200)
        request.send_header("Content-Length", str(10**12))
        request.end_headers()
        while not self.over.is_set():
            self.sent += request.wfile.write(bytes(65536))

    def dripping(self, request: Quiet) -> None:
        """Answer 200, and hold back the body."""
        request.send_response(200)
        request.send_header("Content-Length", "2")
        request.end_headers()
        request.wfile.write(b"o")
        self.over.wait(60)
        request.close_connection = True


def cut(request: Quiet) -> None:
    """Close the connection without an answer."""
    request.close_connection = True


def half(request: Quiet) -> None:
    """Begin an answer, and close the connection."""
    request.wfile.write(b"HTTP/1.1 200 O")
    request.close_connection = True


def reset(request: Quiet) -> None:
    """Reset the connection without an answer, as a server does that is killed."""
    linger = struct.pack("ii", 1, 0)
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    os.close(request.connection.detach())
    request.close_connection = True


@asynccontextmanager
async def sent_nothing() -> AsyncIterator[int]:
    """Yield a port to which somebody must connect and send not one byte."""
    received = asyncio.Queue[bytes]()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.put_nowait(await reader.read())
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as listening:
        yield int(listening.sockets[0].getsockname()[1])
        assert await asyncio.wait_for(received.get(), 60) == b""


def lead_here(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every name that has this part lead to this machine."""
    resolve = socket.getaddrinfo

    def found(host: str | bytes, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return resolve("127.0.0.1" if part in name else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", found)

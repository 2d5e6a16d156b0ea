"""An app to which events are forwarded: a real server that answers as a test says, and keeps what it got."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True, slots=True)
class Got:
    """A request: its path, its headers, its body."""

    path: str
    headers: Message
    body: bytes

    @property
    def id(self) -> str:
        return str(self.headers["webhook-id"])


def answering(status: int, **headers: str) -> Answer:
    """Return what answers with a status and an empty body; `_` in a header's name is `-`."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


@dataclass(slots=True)
class App:
    """The app: `answers` are given one after the other, the last one for ever."""

    answers: list[Answer] = field(default_factory=lambda: [answering(204)])
    got: list[Got] = field(default_factory=list)
    url: str = ""
    connections: int = 0
    sent: int = 0  # bytes of an endless answer
    over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator["App"]:
        app = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                app.connections += 1
                super().setup()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                app.got.append(Got(self.path, self.headers, body))
                answer = app.answers.pop(0) if len(app.answers) > 1 else app.answers[0]
                answer(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Say nothing: clients that go away are what is tried."""

        with Server(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield self
            finally:
                self.over.set()
                server.shutdown()
                thread.join()

    def silent(self, request: BaseHTTPRequestHandler) -> None:
        """Answer nothing until the test is over, or the client has gone."""
        self.over.wait(60)
        request.close_connection = True

    def endless(self, request: BaseHTTPRequestHandler) -> None:
        """Answer 200 with a body that never ends."""
        request.send_response(200)
        request.send_header("Content-Length", str(10**12))
        request.end_headers()
        while not self.over.is_set():
            self.sent += request.wfile.write(bytes(65536))

    def dripping(self, request: BaseHTTPRequestHandler) -> None:
        """Answer 200, and hold back the body."""
        request.send_response(200)
        request.send_header("Content-Length", "2")
        request.end_headers()
        request.wfile.write(b"o")
        self.over.wait(60)
        request.close_connection = True


def cut(request: BaseHTTPRequestHandler) -> None:
    """Close the connection without an answer."""
    request.close_connection = True


def half(request: BaseHTTPRequestHandler) -> None:
    """Begin an answer, and close the connection."""
    request.wfile.write(b"HTTP/1.1 200 O")
    request.close_connection = True

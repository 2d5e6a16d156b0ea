"""A service that tells people: a real server, which apprise's own plugin `json://` speaks to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Service:
    """A server that takes messages as JSON. It answers one status after the other, the last one for ever; 0 is none."""

    answers: list[int] = field(default_factory=lambda: [200])
    got: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"json://someone:s3cret@127.0.0.1:{self.port}/s3cret/path?-x=s3cret"

    @contextmanager
    def running(self) -> Iterator["Service"]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = service.answers.pop(0) if len(service.answers) > 1 else service.answers[0]
                service.got.append(json.loads(body))
                if not status:
                    service.over.wait(60)
                    return
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield self
            finally:
                self.over.set()
                server.shutdown()
                thread.join()

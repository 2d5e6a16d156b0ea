"""A collector of spans: it takes OTLP over HTTP, as protobuf, and keeps what comes. As a program it throws it away.

`python -m tests.logs.collector PORT` listens on a port; the benchmarks start it so.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.servers import Quiet, serving


@dataclass(frozen=True, slots=True)
class Seen:
    """A span as it came. Ids are hexadecimal; `parent` is empty without one."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    links: tuple[tuple[str, str], ...]
    facts: dict[str, Any] = field(hash=False)
    failed: bool
    start: int
    end: int
    resource: dict[str, Any] = field(hash=False)


class Collector:
    """Takes spans on a port of its own."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.paths: set[str] = set()
        self.url = ""

    @contextmanager
    def running(self, port: int = 0) -> Iterator["Collector"]:
        """Listen while the context is open."""
        with serving(_server(self, port)) as server:
            self.url = f"http://127.0.0.1:{server.server_port}"
            yield self

    def take(self, path: str, body: bytes) -> None:
        self.paths.add(path)
        self.bodies.append(body)

    @property
    def spans(self) -> list[Seen]:
        """All spans that have come."""
        return [span for body in list(self.bodies) for span in _spans(body)]


class Thrown(Collector):
    """Keeps nothing."""

    def take(self, path: str, body: bytes) -> None:
        pass


def _server(collector: Collector, port: int) -> ThreadingHTTPServer:
    class Handler(Quiet):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            collector.take(self.path, self.body())
            self.say(200, Content_Type="application/x-protobuf")

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def _spans(body: bytes) -> Iterator[Seen]:
    asked = ExportTraceServiceRequest()
    asked.ParseFromString(body)
    for of_resource in asked.resource_spans:
        resource = _facts(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield Seen(
                    name=span.name, kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    trace=span.trace_id.hex(), id=span.span_id.hex(), parent=span.parent_span_id.hex(),
                    links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    facts=_facts(span.attributes), failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
                    start=span.start_time_unix_nano, end=span.end_time_unix_nano, resource=resource,
                )  # fmt: skip


def _facts(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


if __name__ == "__main__":
    _server(Thrown(), int(sys.argv[1])).serve_forever()

"""Spans of OpenTelemetry: of a delivery, an attempt, a request to a provider. None where nobody has set it up.

    span      kind      lasts                                    its parent
    ───────── ───────── ──────────────────────────────────────── ────────────────────────────────────────────────────
    delivery  SERVER    from the request to its answer           the span that its `traceparent` header names
    store     INTERNAL  until it is durable, or refused there    the delivery
    attempt   CONSUMER  until the handler's outcome is known     of a first attempt the delivery; any other has none,
                                                                 but a link to the delivery
    request   CLIENT    until the whole answer has come          the current span: the attempt, or a handler's own

OpenTelemetry is an extra, and nothing here imports it. There are spans if somebody else in this process has imported it
and set a provider: `exporting`, a user's handlers, or `opentelemetry-instrument`. Otherwise each function returns soon.
Whatever fails in OpenTelemetry is logged, and fails nothing else.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from importlib import metadata
from typing import TYPE_CHECKING, ParamSpec, TypeAlias, TypeVar

from receiver.logs.reasons import describe
from receiver.logs.redaction import shorten

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context

log = logging.getLogger(__name__)

API = "opentelemetry.trace"
BETWEEN_LINES_SECONDS = 60.0
CONTEXT = ("traceparent", "tracestate")

Facts: TypeAlias = Mapping[str, str | int | bool | None]
P = ParamSpec("P")
R = TypeVar("R")


class Rarely(logging.Filter):
    """Lets one line pass in a while, with its addresses shortened. What fails here might fail for each span."""

    def __init__(self, *, seconds: float = BETWEEN_LINES_SECONDS) -> None:
        super().__init__()
        self._seconds = seconds
        self._last = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the last line was long ago. An address can have a token in its path."""
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        record.msg, record.args = shorten(record.getMessage()), ()
        return True


log.addFilter(Rarely())


def _harmless(function: Callable[P, R]) -> Callable[P, R | None]:
    """Let a function that calls OpenTelemetry return None if that fails."""

    def called(*arguments: P.args, **named: P.kwargs) -> R | None:
        try:
            return function(*arguments, **named)
        except Exception as exc:  # noqa: BLE001 - a stranger's sampler or processor
            log.warning("OpenTelemetry fails, and a span is missing: %s", describe(exc))
            return None

    return called


class Tracing:
    """OpenTelemetry with the provider that somebody has set in this process."""

    def __init__(self, provider: "trace.TracerProvider") -> None:
        # Somebody has imported the first of them, and that has imported the others.
        from opentelemetry import context, trace  # noqa: PLC0415 - only where it is there
        from opentelemetry.trace.propagation import tracecontext  # noqa: PLC0415

        self.trace, self.context = trace, context
        self.tracer = provider.get_tracer("receiver", metadata.version("receiver"))
        self._propagator = tracecontext.TraceContextTextMapPropagator()

    def named(self, carrier: Mapping[str, str]) -> "Context":
        """Return a context whose span is the one that a `traceparent` names; an empty one if it names none."""
        empty = self.context.Context()
        return self._propagator.extract(carrier, empty) if carrier else empty

    def name(self, span: "trace.Span") -> str | None:
        """Return the `traceparent` that names a span."""
        found, trace = span.get_span_context(), self.trace
        if not found.is_valid:
            return None
        ids = f"{trace.format_trace_id(found.trace_id)}-{trace.format_span_id(found.span_id)}"
        return f"00-{ids}-{found.trace_flags:02x}"


class Span:
    """A span under way. Nothing that is done with it fails."""

    __slots__ = ("_span", "_tracing")

    def __init__(self, tracing: Tracing, span: "trace.Span") -> None:
        self._tracing, self._span = tracing, span

    @_harmless
    def traceparent(self) -> str | None:
        """Return what names it."""
        return self._tracing.name(self._span)

    @_harmless
    def note(self, facts: Facts) -> None:
        """Add facts, without those that are None."""
        for name, value in facts.items():
            if value is not None:
                self._span.set_attribute(name, value)

    @_harmless
    def fail(self, kind: str) -> None:
        """Say that it ends with an error of this kind."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(self._tracing.trace.StatusCode.ERROR)

    def answered(self, status: int, *, bad: int) -> None:
        """Note the status of an HTTP answer; from `bad` on it is an error."""
        self.note({"http.response.status_code": status})
        if status >= bad:
            self.fail(str(status))

    @_harmless
    def end(self) -> None:
        """End it now."""
        self._span.end()

    @contextmanager
    def lasting(self) -> Iterator["Span"]:
        """Keep it current while the context is open. Then end it; an exception is its error."""
        token = self._attach()
        try:
            yield self
        except BaseException as exc:
            self.fail(str(getattr(exc, "code", None) or type(exc).__name__))
            raise
        finally:
            if token is not None:
                self._detach(token)
            self.end()

    @_harmless
    def _attach(self) -> object:
        return self._tracing.context.attach(self._tracing.trace.set_span_in_context(self._span))

    @_harmless
    def _detach(self, token: object) -> None:
        self._tracing.context.detach(token)


@_harmless
def tracing() -> Tracing | None:
    """Return OpenTelemetry if somebody has set a provider in this process."""
    api = sys.modules.get(API)
    return None if api is None else _tracing(api.get_tracer_provider())


@lru_cache(maxsize=1)
def _tracing(provider: "trace.TracerProvider") -> Tracing | None:
    from opentelemetry import trace  # noqa: PLC0415 - only where it is there

    if isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        return None
    return Tracing(provider)


class Arrival:
    """A request that might prove to be a delivery: when it came, and with which headers."""

    __slots__ = ("_at", "_headers", "_tracing")

    def __init__(self, tracing: Tracing, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self._tracing, self._headers = tracing, headers
        self._at = time.time_ns()

    @_harmless
    def delivery(self, route: str, facts: Facts) -> Span | None:
        """Begin the span of a delivery, from when it came. It lasts until `end`."""
        found = dict(self._headers)
        carrier = {name: found[name.encode()].decode("latin-1") for name in CONTEXT if name.encode() in found}
        here = self._tracing
        span = here.tracer.start_span(
            f"POST {route}", here.named(carrier), here.trace.SpanKind.SERVER,
            {"http.request.method": "POST", "http.route": route, **_given(facts)}, start_time=self._at,
        )  # fmt: skip
        return Span(here, span)


def arrival(headers: Sequence[tuple[bytes, bytes]]) -> Arrival | None:
    """Note that a request has come; None if there are no spans. A request that proves nothing gets none."""
    here = tracing()
    return None if here is None else Arrival(here, headers)


def stored(adding: "asyncio.Future[R]", traceparent: str | None) -> "asyncio.Future[R]":
    """Give a span to what makes a delivery durable in the database, and return that."""
    span = None if traceparent is None else _store(traceparent, "database")
    if span is not None:
        adding.add_done_callback(lambda ended: _end(span, ended))
    return adding


def _end(span: Span, ended: "asyncio.Future[R]") -> None:
    error = None if ended.cancelled() else ended.exception()
    if ended.cancelled() or error is not None:
        span.fail("cancelled" if error is None else type(error).__name__)
    else:
        span.note({"receiver.status": str(ended.result())})
    span.end()


async def spooled(appending: Awaitable[None], traceparent: str | None) -> None:
    """Give a span to what puts a delivery into the spool, and wait for that."""
    span = None if traceparent is None else _store(traceparent, "spool")
    with nullcontext() if span is None else span.lasting():
        await appending


@_harmless
def _store(traceparent: str, place: str) -> Span | None:
    here = tracing()
    if here is None:
        return None
    parent, facts = here.named({"traceparent": traceparent}), {"receiver.place": place}
    return Span(here, here.tracer.start_span("store", parent, attributes=facts))


def attempt(
    handler: str, facts: Facts, traceparent: str | None, *, is_first: bool
) -> AbstractContextManager[Span | None]:
    """Give a span to an attempt, which is current while the context is open.

    The first one continues the trace of the delivery, which `traceparent` names. Any other begins a trace with a link.
    """
    span = _attempt(handler, facts, traceparent, is_first=is_first)
    return nullcontext() if span is None else span.lasting()


@_harmless
def _attempt(handler: str, facts: Facts, traceparent: str | None, *, is_first: bool) -> Span | None:
    here = tracing()
    if here is None:
        return None
    delivery = here.named({} if traceparent is None else {"traceparent": traceparent})
    context = here.trace.get_current_span(delivery).get_span_context()
    links = [] if is_first or not context.is_valid else [here.trace.Link(context)]
    parent = delivery if is_first else here.context.Context()
    kind = here.trace.SpanKind.CONSUMER
    return Span(here, here.tracer.start_span(f"attempt {handler}", parent, kind, _given(facts), links))


def request(method: str, template: str | None, *, host: str, port: int | None) -> AbstractContextManager[Span | None]:
    """Give a span to a request to a provider, which is current while the context is open.

    `template` is the path without ids, which can be shown; None if nothing of the path can.
    """
    span = _request(method, template, {"server.address": host, "server.port": port})
    return nullcontext() if span is None else span.lasting()


@_harmless
def _request(method: str, template: str | None, facts: Facts) -> Span | None:
    here = tracing()
    if here is None:
        return None
    name = method if template is None else f"{method} {template}"
    known = _given({"http.request.method": method, "url.template": template, **facts})
    return Span(here, here.tracer.start_span(name, kind=here.trace.SpanKind.CLIENT, attributes=known))


def _given(facts: Facts) -> dict[str, str | int | bool]:
    return {name: value for name, value in facts.items() if value is not None}

"""Spans of this process, for tests of what makes them."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_span_id, format_trace_id


class Spans:
    """The spans that have ended, oldest first."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def __getitem__(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self._exporter.get_finished_spans() if span.name == name]
        return found

    @property
    def names(self) -> list[str]:
        return [span.name for span in self._exporter.get_finished_spans()]


def ids(span: ReadableSpan) -> tuple[str, str | None]:
    """Return the trace of a span, and its parent."""
    assert span.context is not None
    return format_trace_id(span.context.trace_id), None if span.parent is None else format_span_id(span.parent.span_id)


@contextmanager
def recorded() -> Iterator[Spans]:
    """Set a provider for a while. OpenTelemetry itself lets nobody set a second one in a process."""
    provider, exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("opentelemetry.trace._TRACER_PROVIDER", provider)
        yield Spans(exporter)
    provider.shutdown()

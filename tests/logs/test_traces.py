"""`receiver.logs.traces`: which span continues which, and what costs nothing and harms nothing."""

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import product

import pytest
from opentelemetry import trace
from opentelemetry.trace import format_span_id

from receiver.errors import ProviderUnavailable
from receiver.logs import traces
from receiver.logs.traces import Rarely, Span
from tests.logs.recorded import Spans, ids, recorded

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
NAMED = f"00-{TRACE}-{PARENT}-01"
WITHOUT = """
import sys
from receiver.logs import traces

assert traces.arrival([]) is None
with traces.attempt("one", {}, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", is_first=True) as span:
    assert span is None
with traces.request("GET", "me", host="127.0.0.1", port=1) as span:
    assert span is None
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""


@pytest.fixture
def spans() -> Iterator[Spans]:
    with recorded() as found:
        yield found


def delivered(*headers: tuple[bytes, bytes]) -> Span:
    arrival = traces.arrival(headers)
    assert arrival is not None
    span = arrival.delivery("/webhooks/transcribe-so", {"receiver.source": "transcribe.so", "receiver.type": None})
    assert span is not None
    span.answered(200, bad=500)
    span.end()
    return span


def test_a_delivery_continues_the_trace_that_its_header_names(spans: Spans) -> None:
    delivered((b"content-type", b"application/json"), (b"traceparent", NAMED.encode()), (b"tracestate", b"a=1"))
    span = spans["POST /webhooks/transcribe-so"]
    assert ids(span) == (TRACE, PARENT)
    assert span.attributes == {
        "http.request.method": "POST", "http.route": "/webhooks/transcribe-so", "receiver.source": "transcribe.so",
        "http.response.status_code": 200,
    }  # fmt: skip
    assert span.context is not None
    assert span.context.trace_state == {"a": "1"}


def test_a_delivery_lasts_from_when_its_request_came(spans: Spans) -> None:
    arrival, later = traces.arrival([]), time.time_ns()
    assert arrival is not None
    span = arrival.delivery("/", {})
    assert span is not None
    span.end()
    assert (spans["POST /"].start_time or later) < later


@pytest.mark.parametrize("header", [b"", b"00-0-0-01", b"\xff\x00", NAMED.replace("0af", "xyz").encode()])
def test_a_header_that_names_nothing_begins_a_trace(spans: Spans, header: bytes) -> None:
    delivered((b"traceparent", header))
    trace_id, parent = ids(spans["POST /webhooks/transcribe-so"])
    assert parent is None
    assert trace_id != TRACE


@pytest.mark.parametrize(("status", "is_error"), [(200, False), (408, False), (503, True)])
def test_an_answer_of_ours_that_is_an_error_makes_the_delivery_one(
    spans: Spans, status: int, *, is_error: bool
) -> None:
    arrival = traces.arrival([])
    assert arrival is not None
    span = arrival.delivery("/", {})
    assert span is not None
    span.answered(status, bad=500)
    span.end()
    assert spans["POST /"].status.is_ok is not is_error


@pytest.mark.parametrize(("is_first", "is_named"), list(product((True, False), repeat=2)))
def test_the_first_attempt_continues_and_any_other_begins_with_a_link(
    spans: Spans, *, is_first: bool, is_named: bool
) -> None:
    with traces.attempt("one", {"receiver.job": 7}, NAMED if is_named else None, is_first=is_first):
        pass
    span = spans["attempt one"]
    trace_id, parent = ids(span)
    assert ((trace_id, parent) == (TRACE, PARENT)) is (is_first and is_named)
    links = [format_span_id(link.context.span_id) for link in span.links]
    assert links == ([PARENT] if is_named and not is_first else [])
    assert (parent is None) is not (is_first and is_named)


def test_an_attempt_is_not_a_part_of_what_is_current_around_it(spans: Spans) -> None:
    with traces.request("GET", "around", host="h", port=None), traces.attempt("one", {}, NAMED, is_first=False):
        pass
    assert ids(spans["attempt one"])[1] is None


async def test_a_request_is_a_part_of_its_attempt_in_tasks_and_threads_too(spans: Spans) -> None:
    def ask(name: str) -> None:
        with traces.request("GET", name, host="127.0.0.1", port=80) as span:
            assert span is not None
            span.answered(200, bad=400)

    async def ask_in_a_task() -> None:
        ask("in-a-task")

    with traces.attempt("one", {}, NAMED, is_first=True):
        current = format_span_id(trace.get_current_span().get_span_context().span_id)
        await asyncio.create_task(ask_in_a_task())
        await asyncio.to_thread(ask, "in-a-thread")
    assert {ids(spans[f"GET in-a-{where}"]) for where in ("task", "thread")} == {(TRACE, current)}
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (200, None, None),
        (404, None, "404"),
        (None, ProviderUnavailable("no", code="transport"), "transport"),
        (None, ValueError("tsk_live_secret"), "ValueError"),
        (None, asyncio.CancelledError(), "CancelledError"),
    ],
)
def test_how_a_request_has_ended_is_noted_without_an_errors_text(
    spans: Spans, status: int | None, error: BaseException | None, kind: str | None
) -> None:
    raised = nullcontext() if error is None else pytest.raises(type(error))
    with raised, traces.request("PUT", None, host="127.0.0.1", port=None) as span:
        assert span is not None
        if error is not None:
            raise error
        assert status is not None
        span.answered(status, bad=400)
    found = spans["PUT"]
    assert found.attributes is not None
    assert (found.attributes.get("error.type"), found.status.is_ok) == (kind, kind is None)
    assert "secret" not in found.to_json()


@pytest.mark.parametrize("error", [None, ValueError("no")])
async def test_what_is_stored_or_refused_in_the_database_or_the_spool_has_its_span(
    spans: Spans, error: Exception | None
) -> None:
    adding = asyncio.get_running_loop().create_future()
    assert traces.stored(adding, NAMED) is adding
    adding.set_result("duplicate") if error is None else adding.set_exception(error)
    await asyncio.wait({adding})
    assert ids(spans["store"]) == (TRACE, PARENT)
    facts = spans["store"].attributes or {}
    assert (facts["receiver.place"], facts.get("receiver.status")) == (
        "database",
        "duplicate" if error is None else None,
    )
    assert adding.exception() is error


async def test_what_has_no_trace_has_no_span(spans: Spans) -> None:
    adding = asyncio.get_running_loop().create_future()
    traces.stored(adding, None)
    adding.set_result("stored")

    async def nothing() -> None:
        return

    await traces.spooled(nothing(), None)
    await asyncio.wait({adding})
    assert spans.names == []


def test_what_is_not_sampled_is_still_named_so_that_its_attempt_is_not_sampled_either(spans: Spans) -> None:
    span = delivered((b"traceparent", NAMED[:-1].encode() + b"0"))
    named = span.traceparent()
    assert named is not None
    assert named.startswith(f"00-{TRACE}-")
    with traces.attempt("one", {}, named, is_first=True):
        pass
    assert spans.names == []


def test_without_a_provider_there_is_nothing_although_opentelemetry_is_there() -> None:
    assert "opentelemetry.trace" in sys.modules
    assert traces.arrival([]) is None


def test_nothing_imports_opentelemetry() -> None:
    ran = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr


def test_of_an_address_in_a_line_only_the_host_is_shown() -> None:
    record = logging.makeLogRecord({"msg": "no answer: %s", "args": ("http://host:4318/token?key=1",)})
    assert Rarely().filter(record)
    assert record.getMessage() == "no answer: http://host:4318/…"


def test_of_many_lines_one_passes_in_a_while() -> None:
    record = logging.makeLogRecord({"msg": "no room"})
    rarely, always = Rarely(seconds=3600), Rarely(seconds=0)
    assert [rarely.filter(record) for _ in range(3)] == [True, False, False]
    assert [always.filter(record) for _ in range(3)] == [True] * 3

"""What becomes of a delivery is one trace, over all processes, and tracing that fails costs nothing else."""

import socket
from collections.abc import Iterator

import pytest

from tests.commands import Simulated
from tests.logs.collector import Collector, Seen
from tests.processes import SECRET, Process, Processes, Web, completed, free_port, sign, unreachable, until

ASKING = '''
"""Ask the provider; plain, with a span of its own; and not at the first try."""

from datetime import timedelta

from opentelemetry import trace

from receiver import Context, Event, RetryPolicy, handler

AT_ONCE = RetryPolicy(attempts=3, first=timedelta(0), limit=timedelta(0))


@handler("transcription.completed")
async def asking(event: Event, ctx: Context) -> None:
    await ctx.transcript()


@handler("transcription.completed")
def plain(event: Event, ctx: Context) -> None:
    with trace.get_tracer("own").start_as_current_span("own"):
        ctx.wait(ctx.provider.get(event.transcription.id))


@handler("transcription.completed", retry=AT_ONCE)
async def again(event: Event, ctx: Context) -> None:
    if ctx.attempt == 1:
        raise ValueError("not yet")
'''
UNTRACED = """
from receiver import Context, Event, handler


@handler("transcription.completed")
async def asking(event: Event, ctx: Context) -> None:
    await ctx.transcript()
"""
BROKEN = """
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler

from receiver import Context, Event, handler


class Broken(SpanProcessor, Sampler):
    def should_sample(self, *arguments, **named):
        return ALWAYS_ON.should_sample(*arguments, **named)

    def get_description(self):
        return "broken"


def fail(*_, **__):
    raise RuntimeError("broken")


setattr(Broken, "{when}", fail)
provider = TracerProvider(sampler=Broken())
provider.add_span_processor(Broken())
trace.set_tracer_provider(provider)


@handler("transcription.completed")
async def other(event: Event, ctx: Context) -> None:
    return
"""
SAYS = "encountered while exporting span"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ABSENT = """
open({marker!r}, "a").write("asked for")
raise ModuleNotFoundError("No module named 'opentelemetry'", name="opentelemetry")
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector().running() as running:
        yield running


@pytest.fixture
def traced(processes: Processes, receiver_database: str, sandbox: Simulated, collector: Collector) -> Processes:
    """Return processes that share a database, ask the sandbox, and send their spans to the collector."""
    processes.environment |= {
        "DATABASE_URL": receiver_database, "TRANSCRIBE_API_URL": sandbox.url, "TRANSCRIBE_API_KEY": sandbox.key,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100",
    }  # fmt: skip
    processes.write_handlers(asking=ASKING)
    return processes


def by_name(spans: list[Seen]) -> dict[str, list[Seen]]:
    return {name: [span for span in spans if span.name == name] for name in {span.name for span in spans}}


def deliver(web: Web, body: bytes, *, in_pieces: bool = False, secret: bytes = SECRET, **more: str) -> int:
    """Deliver a body, with more headers; returns the status of the answer. In pieces it is no ordinary delivery."""
    content = iter([body[:9], body[9:]]) if in_pieces else body
    with web.http() as http:
        answer = http.post(
            f"{web.url}/webhooks/transcribe-so", content=content, headers=sign(body, secret=secret) | more
        )
        return answer.status_code


def end_all(*started: Process) -> None:
    assert [one.end() for one in started] == [0] * len(started), started[0].log


def test_a_delivery_its_attempts_and_their_requests_are_one_trace_and_what_follows_has_links(
    traced: Processes, sandbox: Simulated, collector: Collector
) -> None:
    number = sandbox.made("https://example.com/a.mp3")
    web, worker = traced.serve(), traced.start("work")
    assert deliver(web, completed("evt_1", number), traceparent=PARENT) == 200
    traced.settled()
    assert traced.run("replay", "evt_1", "--handler", "asking").returncode == 0
    traced.settled()
    end_all(web, worker)

    found = by_name(collector.spans)
    (delivery,), (store,) = found["POST /webhooks/transcribe-so"], found["store"]
    assert (delivery.trace, delivery.parent, delivery.kind) == (PARENT[3:35], PARENT[36:52], "SERVER")
    assert delivery.facts == {
        "http.request.method": "POST", "http.route": "/webhooks/transcribe-so", "http.response.status_code": 200,
        "receiver.source": "transcribe.so", "receiver.account": "default", "receiver.event": "evt_1",
        "receiver.type": "transcription.completed",
    }  # fmt: skip
    assert (store.trace, store.parent, store.kind) == (delivery.trace, delivery.id, "INTERNAL")
    assert store.facts == {"receiver.place": "database", "receiver.status": "stored"}
    assert delivery.start <= store.start <= store.end <= delivery.end

    first, replayed = found["attempt asking"]
    assert (first.trace, first.parent, first.kind, first.links) == (delivery.trace, delivery.id, "CONSUMER", ())
    assert first.facts.items() >= {
        "receiver.handler": "asking", "receiver.event": "evt_1", "receiver.attempt": 1, "receiver.outcome": "done",
        "receiver.replay": False,
    }.items()  # fmt: skip
    assert (replayed.parent, replayed.links) == ("", ((delivery.trace, delivery.id),))
    assert replayed.trace != delivery.trace
    assert replayed.facts["receiver.replay"] is True

    failed, retried = found["attempt again"]
    assert (failed.trace, failed.parent, failed.failed) == (delivery.trace, delivery.id, True)
    assert failed.facts["receiver.outcome"] == "again"
    assert "ValueError: not yet" in failed.facts["receiver.reason"]
    assert (retried.parent, retried.links, retried.failed) == ("", ((delivery.trace, delivery.id),), False)
    assert len({retried.trace, replayed.trace, delivery.trace}) == 3

    (plain,), (own,) = found["attempt plain"], found["own"]
    assert (plain.parent, own.trace, own.parent) == (delivery.id, delivery.trace, plain.id)
    (result,), (asked,) = found["GET transcriptions/{id}/result"], found["GET transcriptions/{id}"]
    assert (result.trace, result.parent, result.kind) == (delivery.trace, first.id, "CLIENT")
    assert (asked.trace, asked.parent) == (delivery.trace, own.id)  # by way of the thread
    assert asked.facts == {
        "http.request.method": "GET", "url.template": "transcriptions/{id}", "http.response.status_code": 200,
        "server.address": "127.0.0.1", "server.port": int(sandbox.url.rpartition(":")[2]),
    }  # fmt: skip
    _hold(traced, collector)


def _hold(traced: Processes, collector: Collector) -> None:
    """No secret is in what was sent, and it was sent where and as what the variables say."""
    assert collector.paths == {"/v1/traces"}
    names = {(span.resource["service.name"], "service.version" in span.resource) for span in collector.spans}
    assert names == {("receiver", True)}
    for body in collector.bodies:
        traced.secrecy.hold("the spans", body.decode("latin-1"))


def test_what_was_spooled_goes_on_with_its_trace(traced: Processes, sandbox: Simulated, collector: Collector) -> None:
    number = sandbox.made("https://example.com/a.mp3")
    cut_off = traced.serve(DATABASE_URL=unreachable(traced.environment["DATABASE_URL"]))
    assert deliver(cut_off, completed("evt_1", number)) == 200
    end_all(cut_off)
    web, worker = traced.serve(), traced.start("work")
    until(lambda: traced.events() != [], "it is stored")
    traced.settled()
    end_all(web, worker)
    found = by_name(collector.spans)
    (delivery,), (store,) = found["POST /webhooks/transcribe-so"], found["store"]
    assert (store.parent, store.facts) == (delivery.id, {"receiver.place": "spool"})
    (attempt,) = found["attempt asking"]
    assert (delivery.parent, attempt.trace, attempt.parent) == ("", delivery.trace, delivery.id)


def test_each_way_of_a_delivery_gives_it_a_span_and_what_proves_nothing_has_none(
    traced: Processes, collector: Collector
) -> None:
    web = traced.serve()
    for one, in_pieces in enumerate((False, True)):
        assert deliver(web, completed(f"evt_{one}"), in_pieces=in_pieces, secret=b"whsec_of_somebody") == 401
        assert deliver(web, completed(f"evt_{one}"), in_pieces=in_pieces, traceparent=PARENT) == 200
    end_all(web)
    servers = [span for span in collector.spans if span.kind == "SERVER"]
    assert [span.facts["receiver.event"] for span in servers] == ["evt_0", "evt_1"]
    assert {(span.parent, span.facts["http.response.status_code"]) for span in servers} == {(PARENT[36:52], 200)}
    rows = traced.sql("select traceparent from receiver.jobs order by id")
    assert {str(row["traceparent"]) for row in rows} == {f"00-{span.trace}-{span.id}-01" for span in servers}


@pytest.mark.parametrize("when", ["should_sample", "on_start", "on_end"])
def test_whatever_fails_in_opentelemetry_fails_nothing_else_and_what_a_handler_has_set_up_is_kept(
    traced: Processes, sandbox: Simulated, collector: Collector, when: str
) -> None:
    number = sandbox.made("https://example.com/a.mp3")
    traced.write_handlers(asking=UNTRACED, broken=BROKEN.format(when=when))
    web, worker = traced.serve(), traced.start("work")
    for in_pieces in (False, True):
        assert deliver(web, completed(f"evt_{in_pieces}", number), in_pieces=in_pieces) == 200
    events = traced.settled()
    assert len(events) == 2
    assert {job["state"] for event in events for job in event["jobs"]} == {"done"}
    end_all(web, worker)
    fails = "OpenTelemetry fails, and a span is missing: RuntimeError: broken"
    assert [one.log.count(fails) for one in (web, worker)] == [1, 1]
    assert "traces go to" not in web.log + worker.log
    assert collector.spans == []


@pytest.mark.parametrize("is_silent", [False, True], ids=["refuses", "is silent"])
def test_a_collector_that_is_away_costs_no_answer_and_no_job_and_fills_no_log(
    traced: Processes, sandbox: Simulated, *, is_silent: bool
) -> None:
    number = sandbox.made("https://example.com/a.mp3")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if is_silent else free_port()
        traced.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{port}"
        web, worker = traced.serve(), traced.start("work")
        for one in range(4):
            assert deliver(web, completed(f"evt_{one}", number)) == 200
        assert {job["state"] for event in traced.settled() for job in event["jobs"]} == {"done"}
        if not is_silent:
            until(lambda: SAYS in web.log and SAYS in worker.log, "both have tried to send spans")
        end_all(web, worker)
    assert [one.log.count(SAYS) for one in (web, worker)] == [not is_silent] * 2


@pytest.mark.parametrize("is_named", [False, True], ids=["no collector", "a collector"])
def test_without_the_extra_nothing_is_missing_and_without_a_collector_nobody_asks_for_it(
    traced: Processes, sandbox: Simulated, collector: Collector, *, is_named: bool
) -> None:
    """What stands for the extra that is not there writes down that it was imported."""
    number = sandbox.made("https://example.com/a.mp3")
    marker, package = traced.folder / "imported", traced.folder / "absent" / "opentelemetry"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(ABSENT.format(marker=str(marker)))
    traced.environment["PYTHONPATH"] += f":{package.parent}"
    if not is_named:
        del traced.environment["OTEL_EXPORTER_OTLP_ENDPOINT"]
    traced.write_handlers(asking=UNTRACED)
    web, worker = traced.serve(), traced.start("work")
    assert deliver(web, completed("evt_1", number)) == 200
    assert {job["state"] for event in traced.settled() for job in event["jobs"]} == {"done"}
    end_all(web, worker)
    assert marker.exists() is is_named
    assert ("run pip install 'opentelemetry-api>=" in web.log) is is_named
    assert collector.spans == []

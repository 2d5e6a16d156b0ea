"""Deliveries: answers a second, the time to answer, and the time until a handler has begun."""

import json
import math
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from statistics import median

from receiver.server import bind
from tests.benchmarks import plain
from tests.benchmarks.figures import Line, Target
from tests.benchmarks.load import HOST, SECRET, Came, Order, event_id
from tests.benchmarks.stage import Place, Server, Stage
from tests.benchmarks.turns import Run, Taken, in_turn
from tests.processes import free_port, until

MOST_A_SECOND = 15_000  # requests are prepared; when they are used up, the turn is over
POOLS = (4, 6, 8, 10)
HOOKS = "adnanh/webhook"
TARGETS = {
    "bare Starlette, h11": Target(1.0),
    "bare Starlette, httptools": Target(0.45),
    "the usual way, h11": Target(2.3),
    "the usual way, httptools": Target(2.3),
    HOOKS: Target(1.0),
}
A_SECOND = 200
TRACED_A_SECOND = 500  # OpenTelemetry has room for all their spans
STARTED = """
import time

from receiver import Context, Event, handler


@handler("transcription.completed")
async def started(event: Event, ctx: Context) -> None:
    at = time.time()
    await ctx.db.execute("insert into public.started values ($1, $2)", event.id, at)
"""


def rates(stage: Stage, run: Run, *, others: bool = True) -> list[Line]:
    """Compare the durable answers a second of one web process, for 64 connections."""
    place = stage.place("answering")
    servers, pools = {"ours": place.web()}, dict[str, int]()
    url = stage.database("usual", plain.TABLES)
    for parser in ("h11", "httptools") if others and find_spec("httptools") else ("h11",):
        servers[f"bare Starlette, {parser}"] = stage.serve("tests.benchmarks.plain", "bare", parser)
        usual = f"the usual way, {parser}"
        pools[usual], servers[usual] = _with_best_pool(stage, run, parser, url)
    warm = replace(run, seconds=0.3)
    first = in_turn(1, {name: turn(stage, warm, name, server) for name, server in servers.items()})
    turns = {name: turn(stage, run, name, server) for name, server in servers.items()}
    if others and (program := shutil.which("webhook")):
        turns[HOOKS] = partial(_of_hooks, stage, run, program)
    found = in_turn(run.rounds, turns)
    lost = _lost(place, sum(one.many for one in (*first["ours"], *found["ours"])))
    lines = _lines(found, pools, lost)
    absent = replace(lines[0], theirs=(), note="not here: not measured")
    names = [name for name in TARGETS if others and name not in found]
    return [*lines, *(replace(absent, beside=name, target=TARGETS[name]) for name in names)]


def rates_on_disk(stage: Stage, run: Run) -> list[Line]:
    """Compare the same with the data on a disk, and with the two that matter most."""
    return [replace(line, measure=f"{line.measure}, on a disk") for line in rates(stage, run, others=False)]


def turn(stage: Stage, run: Run, name: str, *servers: Server) -> Callable[[], Taken]:
    """Return what sends a server deliveries for one turn, signed as it understands."""
    seconds = math.ceil(run.seconds) if run.by_wrk else run.seconds
    order = Order(servers[0].port, "r", max(64, int(MOST_A_SECOND * seconds)), seconds, by_wrk=run.by_wrk)
    if name == HOOKS:
        order = replace(order, path="/hooks/stored", signing="body")
    return partial(stage.rate, order, *(server.process for server in servers))


def _with_best_pool(stage: Stage, run: Run, parser: str, url: str) -> tuple[int, Server]:
    """Return the size of the pool with which the usual way is fastest here on a parser, and the server that has it."""
    servers = {size: stage.serve("tests.benchmarks.plain", "usual", parser, url, str(size)) for size in POOLS}
    tries = replace(run, seconds=run.seconds / 2)
    found = in_turn(2, {str(size): turn(stage, tries, "", server) for size, server in servers.items()})
    size = max(servers, key=lambda size: max(one.value for one in found[str(size)]))
    return size, servers[size]


def _of_hooks(stage: Stage, run: Run, program: str) -> Taken:
    """Let adnanh/webhook have its turn: with a hook that verifies and runs `true`.

    It answers before it has run its command, and after a turn thousands of them are left. So it is ended after each
    turn: what it has left over is not the next one's.
    """
    rule = {"match": {
        "type": "payload-hmac-sha256", "secret": SECRET, "parameter": {"source": "header", "name": "X-Signature"},
    }}  # fmt: skip
    hook = {"id": "stored", "execute-command": shutil.which("true"), "response-message": "stored", "trigger-rule": rule}
    hooks, port = stage.folder / "hooks.json", free_port()
    hooks.write_text(json.dumps([hook]))
    popen = stage.begin_program(program, "-hooks", str(hooks), "-ip", HOST, "-port", str(port))
    server = stage.listening(port, popen)
    try:
        turn(stage, replace(run, seconds=0.3), HOOKS, server)()
        return turn(stage, run, HOOKS, server)()
    finally:
        popen.kill()
        popen.wait()


def _lost(place: Place, answered: int) -> list[str]:
    """Return in words how many of the answered events are not in the inbox; nothing if none."""

    def kept() -> int:
        return int(place.sql("select count(*) as events from receiver.events")[0]["events"])

    with suppress(AssertionError):  # what went to disk during a stall comes a little later
        until(lambda: kept() >= answered, "all is stored", seconds=10.0)
    return [f"OF {answered} ANSWERED {kept()} ARE STORED"] if kept() < answered else []


def _lines(found: Mapping[str, list[Taken]], pools: Mapping[str, int], lost: list[str]) -> list[Line]:
    rates, spent, ours = list[Line](), list[Line](), found["ours"]
    for name, turns in found.items():
        if name == "ours":
            continue
        odd = {f"NOT ALL 2xx: {one.odd}" for one in (*ours, *turns) if one.odd}
        note = ", ".join([*([f"pool of {pools[name]}"] if name in pools else []), *odd, *lost])
        share = max(one.strangers for one in (*ours, *turns))
        rates.append(Line("answers/s, one web process", "/s", [one.value for one in ours], name,
                          [one.value for one in turns], TARGETS[name], share, note))  # fmt: skip
        spent.append(Line("processor time of an answer, with the database's", "µs", [one.spent for one in ours], name,
                          [one.spent for one in turns], strangers=share))  # fmt: skip
    return [*rates, *spent]


def pairs(stage: Stage, run: Run) -> list[Line]:
    """Compare two web processes that share one socket, as `up --web 2` starts them, with one."""
    place = stage.place("pairs")
    with bind(HOST, 0) as alone, bind(HOST, 0) as shared:
        both = [place.web_on(shared, "--shared") for _ in range(2)]
        servers = {"one": [place.web_on(alone)], "two": both}
        turns = {name: turn(stage, run, name, *those) for name, those in servers.items()}
        found = in_turn(run.rounds + 1, turns)
    one, two = (turns[1:] for turns in (found["one"], found["two"]))
    odd = {f"NOT ALL 2xx: {taken.odd}" for taken in (*one, *two) if taken.odd}
    return [Line("answers/s, two web processes on one socket", "/s", [taken.value for taken in two], "one web process",
                 [taken.value for taken in one], strangers=max(taken.strangers for taken in (*one, *two)),
                 note=", ".join(odd))]  # fmt: skip


def spans(stage: Stage, run: Run) -> list[Line]:
    """Compare a web process that sends spans to a collector with one that sends none.

    At full speed most spans have no room in the queue of OpenTelemetry, and are dropped. At a rate all are sent.
    """
    collector = stage.serve("tests.logs.collector")
    places = {
        "with": stage.place("traced", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{HOST}:{collector.port}"),
        "without": stage.place("untraced"),
    }
    servers = {name: place.web() for name, place in places.items()}
    fast = in_turn(run.rounds + 1, {name: turn(stage, run, name, server) for name, server in servers.items()})
    many = max(20, int(2 * run.seconds * TRACED_A_SECOND))
    orders = {
        name: Order(one.port, f"o{name[4:]}", many, connections=16, rate=TRACED_A_SECOND)
        for name, one in servers.items()
    }
    slow = in_turn(run.rounds, {name: partial(stage.rate, orders[name], one.process) for name, one in servers.items()})
    found = {name: turns[1:] for name, turns in fast.items()}
    odd = {f"NOT ALL 2xx: {one.odd}" for turns in (*found.values(), *slow.values()) for one in turns if one.odd}
    share, beside = max(one.strangers for turns in (*found.values(), *slow.values()) for one in turns), "without spans"
    spent = "processor time of an answer, with the database's"
    return [
        Line("answers/s, one web process with spans", "/s", [one.value for one in found["with"]], beside,
             [one.value for one in found["without"]], strangers=share, note=", ".join(odd)),
        *(
            Line(f"{spent}, with spans{how}", "µs", [one.spent for one in turns["with"]], beside,
                 [one.spent for one in turns["without"]], strangers=share)
            for how, turns in (("", found), (f", at {TRACED_A_SECOND}/s", slow))
        ),
    ]  # fmt: skip


def times(stage: Stage, run: Run) -> list[Line]:
    """Compare the time to answer at 200 deliveries a second, sent whatever has been answered."""
    place = stage.place("times")
    bare = stage.serve("tests.benchmarks.plain", "bare", "h11")
    ports = {"ours": place.web().port, "bare Starlette, h11": bare.port}
    many = max(20, int(2 * run.seconds * A_SECOND))
    orders = {name: Order(one, f"t{name[0]}", many, connections=16, rate=A_SECOND) for name, one in ports.items()}
    in_turn(1, {name: partial(stage.send, order) for name, order in orders.items()})
    found = in_turn(run.rounds, {name: partial(stage.send, order) for name, order in orders.items()})
    odd = {f"NOT ALL 2xx: {came.odd}" for turns in found.values() for came, _ in turns if came.odd}
    share = max(one for turns in found.values() for _, one in turns)
    bounds = {0.5: Target(3, at_least=False), 0.99: Target(5, at_least=False)}
    return [
        Line(f"time to answer at {A_SECOND}/s, p{int(quantile * 100)}", "ms", *(
            [came.quantile(quantile) for came, _ in found["ours"]], "bare Starlette, h11",
            [came.quantile(quantile) for came, _ in found["bare Starlette, h11"]],
        ), target, share, ", ".join(odd))
        for quantile, target in bounds.items()
    ]  # fmt: skip


def starts(stage: Stage, run: Run) -> list[Line]:
    """Measure from a delivery to its handler, when nothing else is to be done."""
    place = stage.place("starts", STARTED)
    place.sql("create table public.started (event text, at double precision)")
    port = place.web().port
    medians, shares = list[float](), list[float]()
    with place.working():
        for _ in range(run.rounds + 1):  # the first one warms up
            came, share = stage.send(Order(port, "s", run.some(40), connections=2, rate=20))
            until(partial(_have_begun, place, came), "all handlers have begun")
            begun = _begun(place, came)
            medians.append(median(begun[event_id(came.run, one)] - sent for one, sent in enumerate(came.sent)) * 1000)
            shares.append(share)
    target = Target(15, at_least=False)
    return [Line("delivery to handler, idle, p50", "ms", medians[1:], target=target, strangers=max(shares))]


def _have_begun(place: Place, came: Came) -> bool:
    return len(_begun(place, came)) == len(came.sent)


def _begun(place: Place, came: Came) -> dict[str, float]:
    rows = place.sql(f"select event, at from public.started where starts_with(event, '{event_id(came.run, 0)[:-7]}')")
    return {row["event"]: row["at"] for row in rows}

"""The long form: crowds of 500, and 5,000 bad signatures a second; prints the figures of README.md."""

import time
from contextlib import ExitStack

import pytest

from tests.faults.hostile import Statements, Strangers, deliver, descriptors, memory_mb
from tests.faults.strangers import CROWDS
from tests.processes import Processes, linux

SECONDS = 20.0


@linux
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("kind", "connections"),
    [("idle", 500), ("dripping", 500), ("half-sent", 500), ("idle", 1500), ("dripping", 1500), ("half-sent", 1500)],
)
def test_a_crowd_turns_no_delivery_away(processes: Processes, kind: str, connections: int) -> None:
    processes.run("migrate")
    web = processes.serve()
    before = memory_mb(web)
    with Strangers(web.port, kind, seconds=SECONDS + 30, connections=connections):
        time.sleep(1)
        outcome = deliver(web.port, seconds=SECONDS)
        memory, opened = memory_mb(web), descriptors(web)
    print(f"\n{connections} {kind}: {outcome}, memory {before} MB -> {memory} MB")  # noqa: T201 - what the run is for
    assert outcome.answers == {"200": SECONDS * 20}
    assert outcome.p99_seconds < (1 if connections <= 500 else 5)  # beyond the bound they come again all the time
    assert memory < 500
    assert opened > min(connections, 1000) * 0.9  # they were there
    assert web.end() == 0


@linux
@pytest.mark.timeout(120)
@pytest.mark.parametrize("crowd", [False, True], ids=["alone", "beside 500 idle or slow"])
@pytest.mark.parametrize(("kind", "connections"), [("kept", 500), ("fresh", 1000)])
def test_a_flood_of_bad_signatures_costs_a_constant_little(
    processes: Processes,
    kind: str,
    connections: int,
    crowd: bool,  # noqa: FBT001 - a case
) -> None:
    processes.run("migrate")
    web = processes.serve()
    statements, lines, before = Statements(processes), len(web.log.splitlines()), memory_mb(web)
    with ExitStack() as stack:
        for slow, count in zip(CROWDS if crowd else (), (167, 167, 166), strict=False):
            stack.enter_context(Strangers(web.port, slow, seconds=SECONDS + 30, connections=count))
        flood = stack.enter_context(Strangers(web.port, kind, seconds=SECONDS, connections=connections, rate=5000))
        outcome = deliver(web.port, seconds=SECONDS)
        seen, memory = flood.seen(), memory_mb(web)
    asked, said = statements.for_strangers(outcome.answers.total()), len(web.log.splitlines()) - lines
    print(  # noqa: T201 - what the run is for
        f"\n{kind}{' beside a crowd' if crowd else ''}: {outcome}; offered {seen['offered'] / SECONDS:.0f}/s, "
        f"answered {seen['401'] / SECONDS:.0f}/s {seen}; {asked} statements and {said} log lines in {SECONDS:g} s, "
        f"memory {before} MB -> {memory} MB"
    )
    assert outcome.answers == {"200": SECONDS * 20}
    assert outcome.p99_seconds < 1
    assert seen["401"] > 10_000  # the flood was there
    assert asked <= 2 * (SECONDS + 2)  # a reading and a capture each second
    assert said <= 8
    assert web.end() == 0

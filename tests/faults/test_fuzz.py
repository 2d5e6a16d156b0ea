"""The long form: 2 million deliveries for the verifier, 10 million requests, 20,000 authentic bodies over HTTP."""

import time

import pytest

from tests.faults import heads
from tests.faults.bodies import HANDLERS, deliver
from tests.faults.forgery import BLOCK, Tally, attack, attacks
from tests.processes import Processes

SEED = 20_260_429
FORGERIES, BODIES = 2_000_000, 20_000


@pytest.mark.timeout(1200)
def test_no_mutation_is_misjudged() -> None:
    began, tally, said = time.monotonic(), Tally(), 0
    for tally in attacks(attack, SEED, FORGERIES, workers=2):
        judged = tally.outcomes.total()
        if judged >= said + 20 * BLOCK:
            said = judged
            print(f"\n{judged} after {time.monotonic() - began:.0f} s", end="", flush=True)  # noqa: T201
    print(f"\nseed {SEED}: {tally.outcomes.total()} judged, {dict(tally.outcomes)}, wrong: {dict(tally.wrong)}")  # noqa: T201
    print(*tally.shown, sep="\n")  # noqa: T201
    assert tally.outcomes.total() == FORGERIES
    assert not tally.wrong


@pytest.mark.timeout(3600)
def test_h11_reads_no_request_differently() -> None:
    tally = heads.run()
    assert tally.outcomes.total() == heads.COUNT
    assert tally.outcomes["taken"] > heads.COUNT * 0.3
    assert not tally.wrong


@pytest.mark.timeout(900)
@pytest.mark.parametrize("style", ["text", "json"])
def test_every_authentic_body_is_kept_byte_for_byte(processes: Processes, receiver_database: str, style: str) -> None:
    processes.environment |= {"DATABASE_URL": receiver_database, "RECEIVER_LOG": style}
    processes.write_handlers(anything=HANDLERS)
    processes.sql("create table effects (event text)")
    web, worker = processes.serve(), processes.start("work")
    kept = deliver(processes, web, worker, seed=f"{SEED}/{style}", count=BODIES // 2)
    print(f"\nseed {SEED}/{style}: {kept}")  # noqa: T201 - what the run is for
    assert kept.harm == 0
    assert [process.end() for process in (worker, web)] == [0, 0]

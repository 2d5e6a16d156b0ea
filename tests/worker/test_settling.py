"""`receiver.worker.settling`: what ended together is written together, and no outcome spoils another's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import asyncpg

from receiver.database import Connections
from receiver.inbox import jobs
from receiver.inbox.retry import Dead, Done, Outcome
from receiver.testing import ACCOUNT, Scratch
from receiver.worker.lane import Lane
from receiver.worker.settling import Settling
from tests.inbox.portions import portions
from tests.worker.working import deliver, made, stored, until

LEASE = timedelta(minutes=1)
ONE = made("one", lambda _, __: None)
COUNTED = """
    create sequence statements;
    create function counted() returns trigger language plpgsql as
    $$ begin perform nextval('statements'); return null; end $$;
    create trigger counted after update on receiver.jobs for each statement execute function counted();
"""
WAITS = """
    select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')
"""


async def lanes_of(scratch: Scratch, count: int) -> list[Lane]:
    for number in range(count):
        await deliver(scratch, f"evt_{number}", ONE)
    claims = await jobs.claim(scratch.db, portions(jobs.queues([ACCOUNT], ["one"])), lease=LEASE, limit=count)
    return [Lane(claim) for claim in sorted(claims, key=lambda claim: claim.job)]


@asynccontextmanager
async def settling(scratch: Scratch, connections: Connections | None = None) -> AsyncIterator[Settling]:
    connections = connections or Connections(scratch.url, statement_seconds=5)
    yield Settling(connections, lease=LEASE, seconds=60, again=0.02)
    connections.close()


async def states(scratch: Scratch) -> list[str]:
    return [job.state for _, job in sorted((await stored(scratch)).items())]


async def test_what_ended_together_is_written_in_one_statement(receiver_scratch: Scratch) -> None:
    lanes = await lanes_of(receiver_scratch, 5)
    await receiver_scratch.db.execute(COUNTED)
    async with settling(receiver_scratch) as settled:
        written = await asyncio.gather(*(settled.settle(lane, Done()) for lane in lanes))
    assert written == [Done()] * 5
    assert await states(receiver_scratch) == ["done"] * 5
    assert await receiver_scratch.db.fetchval("select last_value from statements") == 1


async def test_a_refused_outcome_spoils_none_of_those_that_ended_with_it(receiver_scratch: Scratch) -> None:
    lanes = await lanes_of(receiver_scratch, 4)
    await receiver_scratch.db.execute("alter table receiver.jobs add check (error <> 'refused')")
    outcomes: list[Outcome] = [Done(), Dead("refused"), Done(), Dead("taken")]
    async with settling(receiver_scratch) as settled:
        tasks = [asyncio.create_task(settled.settle(*one)) for one in zip(lanes, outcomes, strict=True)]
        assert await asyncio.gather(*tasks) == outcomes
    assert await states(receiver_scratch) == ["done", "dead", "done", "dead"]
    errors = [job.error for _, job in sorted((await stored(receiver_scratch)).items())]
    assert errors[3] == "taken", "in its own words"
    assert str(errors[1]).startswith("the error's text is only in the log; the database refuses it")


async def test_an_outcome_whose_row_is_locked_is_written_when_the_lock_is_gone(receiver_scratch: Scratch) -> None:
    """The one that ended with it is written before anybody waits for the lock."""
    lanes = await lanes_of(receiver_scratch, 2)
    other = await asyncpg.connect(receiver_scratch.url)
    async with settling(receiver_scratch) as settled:
        async with other.transaction():
            await other.execute("select from receiver.jobs where id = $1 for update", lanes[0].claim.job)
            locked, neighbour = (asyncio.create_task(settled.settle(lane, Done())) for lane in lanes)
            await until(lambda: receiver_scratch.db.fetchval(WAITS))
            assert await states(receiver_scratch) == ["running", "done"]
            assert await asyncio.wait_for(neighbour, 30) == Done()
            assert not locked.done()
        assert await asyncio.wait_for(locked, 30) == Done()
    await other.close()
    assert await states(receiver_scratch) == ["done", "done"]


async def test_outcomes_that_wait_for_locks_leave_connections_to_claims(receiver_scratch: Scratch) -> None:
    lanes = await lanes_of(receiver_scratch, 2)
    await receiver_scratch.db.execute(COUNTED)
    other = await asyncpg.connect(receiver_scratch.url)
    connections = Connections(receiver_scratch.url, size=2)
    claim = partial(jobs.with_due, accounts=[ACCOUNT], handlers=["one"])
    async with settling(receiver_scratch, connections) as settled:
        async with other.transaction():
            await other.execute("select from receiver.jobs for update")
            waiting = []
            for count, lane in enumerate(lanes, start=1):
                waiting.append(asyncio.create_task(settled.settle(lane, Done())))
                async with asyncio.timeout(30):
                    while (
                        await receiver_scratch.db.fetchval("select last_value from statements where is_called") != count
                    ):
                        pass
            assert [await connections.run(claim, seconds=20) for _ in range(50)] == [[]] * 50
        assert await asyncio.wait_for(asyncio.gather(*waiting), 30) == [Done()] * 2
    await other.close()

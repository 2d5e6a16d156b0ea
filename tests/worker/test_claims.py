"""`receiver.worker.claims`: jobs that cannot be claimed do not stop others, for any reason and in any number."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import asyncpg
import pytest

from receiver import Context, Event
from receiver.database import Connections
from receiver.inbox.jobs import Claim, Queue
from receiver.testing import ACCOUNT, Scratch
from receiver.worker import Deadlines
from receiver.worker.claims import LOOKED_AT, Claims
from receiver.worker.queues import Queues
from tests.worker.working import append, deliver, made, stored, until, worker_of, working

BEFORE_A_CLAIM = (
    "create trigger theirs before update on receiver.jobs for each row "
    "when (new.handler = 'bad' and new.state = 'running' and old.attempt <> new.attempt) execute function theirs()"
)
REFUSE = (
    "create sequence tries; create function theirs() returns trigger language plpgsql as $$ begin "
    "perform nextval('tries'); raise exception 'tenant is locked' using errcode = '{}'; end $$;" + BEFORE_A_CLAIM
)
WAIT = (
    "create table counts (n integer); insert into counts values (0);"
    "create function theirs() returns trigger language plpgsql as $$ begin update counts set n = n + 1; "
    "return new; end $$;" + BEFORE_A_CLAIM
)


async def works(_: Event, __: Context) -> None: ...


BAD, GOOD, OTHER = made("bad", works), made("good", works), made("other", works)


@contextmanager
def claiming(scratch: Scratch, *, aside: float = 60) -> Iterator[Claims]:
    with claiming_from(scratch.url, Queues([ACCOUNT], ["bad", "good", "other"], each=9), aside=aside) as claims:
        yield claims


@contextmanager
def claiming_from(url: str, queues: Queues, *, aside: float = 60) -> Iterator[Claims]:
    connections = Connections(url)
    yield Claims(
        connections, queues=queues, lapsed=False, lease=timedelta(minutes=1), seconds=60, aside_seconds=aside,
        failing_seconds=60,
    )  # fmt: skip
    connections.close()


async def until_good_is_done(scratch: Scratch, name: str = "evt_good") -> None:
    async def done() -> bool:
        return (await stored(scratch))[f"{name} good"].state == "done"

    await until(done)


@pytest.mark.parametrize("sqlstate", ["55P03", "40001", "57014"])
async def test_a_job_whose_claim_is_refused_for_now_holds_up_no_other(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture, sqlstate: str
) -> None:
    await receiver_scratch.db.execute(REFUSE.format(sqlstate))
    for number in range(3):
        await deliver(receiver_scratch, f"evt_{number}", BAD)
    await deliver(receiver_scratch, "evt_good", GOOD)
    async with working(receiver_scratch, BAD, GOOD):
        await until_good_is_done(receiver_scratch)
        await deliver(receiver_scratch, "evt_later", GOOD)
        await until_good_is_done(receiver_scratch, "evt_later")
    found = await stored(receiver_scratch)
    assert {(found[f"evt_{n} bad"].state, found[f"evt_{n} bad"].attempt) for n in range(3)} == {("pending", 0)}
    assert "cannot be claimed now: the database refuses it" in caplog.text


async def test_a_claim_that_waits_for_a_lock_holds_up_no_other_and_is_no_outage(
    receiver_scratch: Scratch, receiver_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    await receiver_scratch.db.execute(WAIT)
    for number in range(3):
        await deliver(receiver_scratch, f"evt_{number}", BAD)
    await deliver(receiver_scratch, "evt_good", GOOD)
    other = await asyncpg.connect(receiver_database)
    async with other.transaction():
        await other.execute("select from counts for update")
        async with working(receiver_scratch, BAD, GOOD):
            await until_good_is_done(receiver_scratch)
    await other.close()
    assert "did not answer" not in caplog.text


async def test_however_many_jobs_of_one_handler_cannot_be_claimed_the_others_are(receiver_scratch: Scratch) -> None:
    await receiver_scratch.db.execute(REFUSE.format("55P03"))
    for number in range(LOOKED_AT + 20):
        await deliver(receiver_scratch, f"evt_{number}", BAD)
    await deliver(receiver_scratch, "evt_good", GOOD, OTHER)
    taken: list[Claim] = []
    with claiming(receiver_scratch) as claims:
        await claims.take(9, taken.append)
    assert sorted(one.handler for one in taken) == ["good", "other"]


async def test_beside_one_that_cannot_be_claimed_no_more_are_than_asked_for(receiver_scratch: Scratch) -> None:
    await receiver_scratch.db.execute(REFUSE.format("55P03"))
    for number in range(5):
        await deliver(receiver_scratch, f"evt_{number}", BAD, GOOD, OTHER)
    taken: list[Claim] = []
    with claiming(receiver_scratch) as claims:
        await claims.take(3, taken.append)
    assert len(taken) == 3


async def test_what_cannot_be_claimed_is_left_for_a_while(receiver_scratch: Scratch) -> None:
    await receiver_scratch.db.execute(REFUSE.format("55P03"))
    await deliver(receiver_scratch, "evt_bad", BAD)
    taken: list[Claim] = []
    with claiming(receiver_scratch) as claims:
        await claims.take(9, taken.append)
        tries = await receiver_scratch.db.fetchval("select last_value from tries")
        await deliver(receiver_scratch, "evt_good", GOOD)
        await claims.take(9, taken.append)
    assert await receiver_scratch.db.fetchval("select last_value from tries") == tries
    assert [one.handler for one in taken] == ["good"]


async def test_what_still_cannot_be_claimed_is_told_until_it_can(receiver_scratch: Scratch) -> None:
    await receiver_scratch.db.execute(REFUSE.format("55P03"))
    await deliver(receiver_scratch, "evt_bad", BAD)
    taken: list[Claim] = []
    with claiming(receiver_scratch, aside=0.2) as claims:

        async def told() -> bool:
            await claims.take(9, taken.append)
            return claims.trouble is not None

        await claims.take(9, taken.append)
        assert claims.trouble is None, "once may be chance"
        await until(told)
        assert claims.trouble == "it cannot claim 1 job(s), for example job 1; see the worker's log"
        await receiver_scratch.db.execute("drop trigger theirs on receiver.jobs")

        async def over() -> bool:
            return not await told()

        await until(over)
    assert [one.handler for one in taken] == ["bad"]


async def test_a_worker_that_can_claim_nothing_at_all_says_so_until_it_can(receiver_scratch: Scratch) -> None:
    await receiver_scratch.db.execute("alter table receiver.jobs rename column uncounted to away")
    connections = Connections(receiver_scratch.url)
    worker = worker_of(receiver_scratch, connections, GOOD, deadlines=Deadlines(failing=0))
    assert worker.trouble() is None
    running = asyncio.create_task(worker.run())

    async def told() -> bool:
        return worker.trouble() == "it cannot claim any job; see the worker's log"

    async def over() -> bool:
        return worker.trouble() is None

    await until(told)
    await receiver_scratch.db.execute("alter table receiver.jobs rename column away to uncounted")
    await until(over)
    worker.leave()
    await asyncio.wait_for(running, 60)
    connections.close()


async def test_a_job_that_appears_after_one_that_was_stored_later_is_claimed_at_once(receiver_scratch: Scratch) -> None:
    """Its transaction began earlier and ended later: the moment at which it is due is that of the beginning."""
    taken: list[Claim] = []
    await deliver(receiver_scratch, "evt_first", GOOD)
    with claiming(receiver_scratch) as claims:
        await claims.take(1, taken.append)
        async with receiver_scratch.db.acquire() as connection, connection.transaction():
            await append(connection, "evt_late", GOOD)
            await deliver(receiver_scratch, "evt_second", GOOD)
            await claims.take(1, taken.append)
        await claims.take(1, taken.append)
    assert [one.event_id for one in taken] == ["evt_first", "evt_second", "evt_late"]


async def test_without_a_queue_to_claim_from_the_database_is_not_asked() -> None:
    queues = Queues([ACCOUNT], ["good"], each=1)
    held = Queue(ACCOUNT, "good", is_replay=False)
    queues.holds(held, more=1)
    with claiming_from("postgresql://nobody@127.0.0.1:1/nowhere", queues) as claims:
        assert await claims.take(9, lambda _: None)
        queues.holds(held, more=-1)
        assert not await claims.take(9, lambda _: None)

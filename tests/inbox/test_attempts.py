"""`receiver.inbox.attempts`: every attempt whose end is known has one row, which says how it ended."""

import os
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from receiver.database import Pool
from receiver.events import Event
from receiver.inbox import attempts, deliveries, jobs, lookup
from receiver.inbox.attempts import Attempt
from receiver.inbox.deliveries import Delivery
from receiver.inbox.jobs import Ended
from receiver.inbox.retry import Again, Dead, Done, Later
from receiver.providers.transcribe_so import payload
from receiver.testing import ACCOUNT, SANDBOX_URL
from tests.inbox.ending import finish
from tests.inbox.portions import portions
from tests.processes import completed

NOW, LEASE = timedelta(0), timedelta(minutes=1)


async def test_each_attempt_has_a_row_that_says_how_it_ended_and_where(db: Pool) -> None:
    event = payload.read("transcribe.so", completed("evt_1"))
    assert isinstance(event, Event)
    async with db.acquire() as connection:
        await deliveries.append(connection, [Delivery(event, SANDBOX_URL, "f", ("a", "b"))])
    queues = jobs.queues([ACCOUNT], ["a"])
    (first,) = await jobs.claim(db, portions(queues), lease=LEASE, limit=1)
    assert await attempts.of_event(db, 1) == []
    await jobs.settle(db, [Ended(first.job, 1, Again(NOW, "why"), first.claimed_at)])
    await jobs.release(db, await jobs.claim(db, portions(queues), lease=LEASE, limit=1))
    (dying,) = await jobs.claim(db, portions(queues), lease=NOW, limit=1)
    (taken,) = await jobs.claim_lapsed(db, [ACCOUNT], ["a"], lease=LEASE, limit=1)
    late, last = Ended(taken.job, 3, Done(), dying.claimed_at), Ended(taken.job, 4, Dead("no"), taken.claimed_at)
    assert await jobs.settle(db, [late]) == ["lost"]
    async with db.acquire() as connection, connection.transaction():
        await jobs.settle(connection, [last])
        ended_at = await connection.fetchval("select now()")

    found = await attempts.of_event(db, 1)
    here = f"{socket.gethostname()}/{os.getpid()}"
    assert [(one.attempt, one.outcome, one.worker, one.error) for one in found] == [
        (1, "again", here, "why"), (2, "released", here, None), (3, "lost", None, None), (4, "dead", here, "no"),
    ]  # fmt: skip
    assert [one.claimed_at for one in found if one.outcome != "released"] == [
        first.claimed_at, None, taken.claimed_at,
    ]  # fmt: skip
    assert found[2].ended_at == taken.due_at, "its lease ran out then"
    assert found[2].seconds is None
    assert found[3].ended_at == ended_at
    assert found[3].seconds == (ended_at - taken.claimed_at).total_seconds()

    whole = await lookup.whole(db, "evt_1")
    assert [[one.attempt for one in whole.attempts_at(job)] for job in whole.event.jobs] == [[1, 2, 3, 4], []]
    told = [job["attempts"] for job in whole.to_json()["jobs"]]
    assert [(one["attempt"], one["outcome"]) for one in told[0]] == [
        (1, "again"), (2, "released"), (3, "lost"), (4, "dead"),
    ]  # fmt: skip
    assert told[1] == []


def test_the_seconds_of_an_attempt_are_those_between_its_claim_and_its_end() -> None:
    began = datetime(2026, 7, 5, 23, 59, 58, tzinfo=UTC)
    one = Attempt(1, 1, "host/1", began, began + timedelta(days=1, seconds=2.5), "done", None)
    assert one.seconds == 86_402.5
    assert replace(one, claimed_at=None).seconds is None


async def test_of_a_job_that_postpones_itself_for_ever_the_first_row_and_the_last_200_are_kept(db: Pool) -> None:
    event = payload.read("transcribe.so", completed("evt_1"))
    assert isinstance(event, Event)
    async with db.acquire() as connection:
        await deliveries.append(connection, [Delivery(event, SANDBOX_URL, "f", ("a", "b"))])
    await db.execute(
        "insert into receiver.attempts (job, attempt, outcome)"
        " select id, n, 'later' from receiver.jobs, generate_series(1, 204) n"
    )
    await db.execute("update receiver.jobs set attempt = 204 where handler = 'a'")
    (claim,) = await jobs.claim(db, portions(jobs.queues([ACCOUNT], ["a"])), lease=LEASE, limit=1)
    assert await finish(db, claim.job, 205, Later(NOW, "not yet"))
    whole = await lookup.whole(db, "evt_1")
    kept = {job.handler: [one.attempt for one in whole.attempts_at(job)] for job in whole.event.jobs}
    assert kept == {"a": [1, *range(6, 206)], "b": [*range(1, 205)]}


async def test_a_row_that_is_there_already_keeps_no_outcome_from_being_written(db: Pool) -> None:
    event = payload.read("transcribe.so", completed("evt_1"))
    assert isinstance(event, Event)
    async with db.acquire() as connection:
        await deliveries.append(connection, [Delivery(event, SANDBOX_URL, "f", ("a",))])
    queues = jobs.queues([ACCOUNT], ["a"])
    for _ in range(2):  # somebody has set the number back
        (claim,) = await jobs.claim(db, portions(queues), lease=LEASE, limit=1)
        assert await finish(db, claim.job, 1, Again(NOW, "why"))
        await db.execute("update receiver.jobs set attempt = 0")

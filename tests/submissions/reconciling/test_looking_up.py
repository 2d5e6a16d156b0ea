"""What a refused delivery has announced is looked up: nothing gets lost by it, and nobody gains by a replay."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from receiver.database import Pool
from receiver.submissions.reconciling.looking_up import look_up
from receiver.webhooks import doubts
from receiver.webhooks.doubts import Doubt
from tests.submissions.reconciling.bench import ID, Bench, opened


@pytest_asyncio.fixture
async def here(db: Pool) -> AsyncIterator[Bench]:
    async with opened(db) as bench:
        await bench.begun()
        yield bench


async def doubted(here: Bench, number: int, times: int = 1) -> None:
    """Refuse deliveries about a transcription for their time."""
    doubt = Doubt(ID, str(number), "transcription.completed", f"evt_{number}", 400.0, times)
    async with here.db.acquire() as connection:
        await doubts.note(connection, [doubt])


async def outcomes(here: Bench) -> list[str | None]:
    rows = await here.db.fetch("select outcome from receiver.doubts order by id")
    return [row["outcome"] for row in rows]


async def test_an_end_that_was_refused_and_is_not_stored_becomes_an_event_at_once(here: Bench) -> None:
    item = here.add(7, ended=timedelta(0))
    await doubted(here, 7)
    await look_up(here.db, {ID: here.account})
    (event,) = await here.events()
    assert (event.transcription_id, event.origin, len(event.jobs)) == ("7", "reconciled", 1)
    assert await outcomes(here) == ["stored"]
    await here.delivered(item, "evt_7")
    assert len(await here.jobs()) == 1


async def test_a_thousand_replays_are_one_question_and_no_event(here: Bench) -> None:
    await here.delivered(here.add(7), "evt_other")
    for _ in range(10):
        await doubted(here, 7, times=100)
        await look_up(here.db, {ID: here.account})
    assert len(here.sandbox.asked) == 1
    assert await outcomes(here) == ["known"]
    assert await here.jobs() == ["evt_other"]


@pytest.mark.parametrize(("status", "outcome"), [("processing", "running"), ("cancelled", "gone"), ("quoted", "gone")])
async def test_what_has_not_ended_or_nobody_announces_becomes_no_event(here: Bench, status: str, outcome: str) -> None:
    here.add(7, status)
    await doubted(here, 7)
    await look_up(here.db, {ID: here.account})
    assert (await outcomes(here), await here.events()) == ([outcome], [])


async def test_what_the_provider_does_not_know_is_gone(here: Bench) -> None:
    await doubted(here, 7)
    await look_up(here.db, {ID: here.account})
    assert await outcomes(here) == ["gone"]


async def test_a_replay_of_what_ended_before_our_time_gains_nothing(here: Bench) -> None:
    here.add(7, created=timedelta(days=50), ended=timedelta(days=49))
    await doubted(here, 7)
    await look_up(here.db, {ID: here.account})
    assert (await outcomes(here), await here.events()) == (["known"], [])


async def test_a_provider_that_cannot_be_asked_is_asked_again(here: Bench) -> None:
    here.add(7)
    await doubted(here, 7)
    here.sandbox.faults.plan({"endpoint": "/transcriptions/7", "kind": "500"})
    await look_up(here.db, {ID: here.account})
    assert await outcomes(here) == [None]
    await here.db.execute("update receiver.doubts set taken_until = now()")
    await look_up(here.db, {ID: here.account})
    assert await outcomes(here) == ["stored"]


@pytest.mark.parametrize(("kind", "outcome"), [("malformed", "gone"), ("500", None)])
async def test_an_answer_that_nobody_can_use_holds_up_no_other(here: Bench, kind: str, outcome: str | None) -> None:
    for number in (7, 8, 9):
        here.add(number)
        await doubted(here, number)
    here.sandbox.faults.plan({"endpoint": "/transcriptions/7", "kind": kind, "times": 9})
    await look_up(here.db, {ID: here.account})
    assert await outcomes(here) == [outcome, "stored", "stored"]


async def test_an_end_that_could_not_be_stored_is_looked_up_again(here: Bench) -> None:
    here.add(7, "processing", created=timedelta(days=20))
    await here.compared()
    here.add(7, created=timedelta(days=20), ended=timedelta(days=35))  # before our time, if one believes it
    await doubted(here, 7)
    async with here.db.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("insert into receiver.gate select where false")
        await look_up(here.db, {ID: here.account})
        await transaction.rollback()
    assert await outcomes(here) == [None]
    await here.db.execute("update receiver.doubts set taken_until = now()")
    await look_up(here.db, {ID: here.account})
    assert await outcomes(here) == ["stored"]

"""What was never announced becomes an event, once; what was announced, or is none of ours, becomes none."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
import pytest_asyncio

from receiver import providers
from receiver.database import Pool
from receiver.errors import BusyError
from receiver.events import Event
from receiver.inbox import deliveries, listing, unannounced
from receiver.sandbox import Knobs
from receiver.sandbox.knobs import Digits
from receiver.sandbox.transcribe_so.transcription import stamp
from receiver.submissions.reconciling import records
from tests.submissions.reconciling.bench import GRACE, ID, WANTED, Bench, opened

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest_asyncio.fixture
async def here(db: Pool) -> AsyncIterator[Bench]:
    async with opened(db) as bench:
        yield bench


async def test_an_end_that_nobody_announced_becomes_an_event_with_its_jobs(here: Bench) -> None:
    await here.begun()
    here.add(7)
    here.add(8, "failed")
    comparison = await here.compared()
    assert (comparison.compared, comparison.found) == (2, 2)
    found = {event.transcription_id: event for event in await here.events()}
    assert {event.type for event in found.values()} == {"transcription.completed", "transcription.failed"}
    assert {event.origin for event in found.values()} == {"reconciled"}
    assert all(
        event.id.startswith("rec_") and [job.handler for job in event.jobs] == [WANTED] for event in found.values()
    )


async def test_its_body_is_the_item_of_the_list_and_reads_like_an_announcement(here: Bench) -> None:
    await here.begun()
    item = here.add(7)
    await here.compared()
    (event,) = await here.events()
    raw = await listing.raw(here.db, event.key)
    page = await here.client._calls.send("GET", "transcriptions")  # noqa: SLF001 - the bytes as they come
    assert raw in page
    content = providers.read_stored("transcribe.so", raw, event.origin, event.id)
    assert isinstance(content, Event)
    assert (content.id, content.type, content.transcription.id) == (event.id, "transcription.completed", "7")
    assert (content.transcription.title, content.transcription.completed_at) == (
        item.title,
        stamp(item.ended_at or item.created_at),
    )
    assert content.data["transcription"] == json.loads(raw)


async def test_a_second_comparison_finds_nothing_more(here: Bench) -> None:
    await here.begun()
    here.add(7)
    await here.compared()
    assert (await here.compared()).found == 0
    assert len(await here.events()) == 1


async def test_what_was_announced_becomes_no_event(here: Bench) -> None:
    await here.begun()
    await here.delivered(here.add(7), "evt_7")
    assert (await here.compared()).found == 0


@pytest.mark.parametrize("digits", [0, 3, 6, "offset"])
async def test_the_same_instant_in_other_digits_is_the_same_end(db: Pool, digits: Digits) -> None:
    async with opened(db, Knobs(list_digits=digits)) as here:
        await here.begun()
        for number in range(300):
            item = here.add(number + 1, created=HOUR + timedelta(seconds=number / 2))
            await here.delivered(item, f"evt_{number}")
        comparison = await here.compared()
        assert (comparison.compared, comparison.found) == (300, 0)


@pytest.mark.parametrize("teller", ["both", "list", "event", "neither"])
async def test_who_ever_tells_the_time_of_an_end_it_is_one(db: Pool, teller: Literal["both", "list"]) -> None:
    async with opened(db, Knobs(completed_at=teller)) as here:
        await here.begun()
        changes: Any = {} if teller in ("both", "event") else {"completed_at": None}
        await here.delivered(here.add(1), "evt_1", **changes)
        here.add(2)
        await here.compared()
        await here.db.execute("update receiver.transcriptions set since = since - interval '1 hour'")
        await here.compared()
        assert [event.transcription_id for event in await here.events()] == ["1", "2"]


async def test_what_ended_before_our_time_becomes_no_event(here: Bench) -> None:
    """The time of an account that is seen for the first time begins now."""
    for number in range(300):
        here.add(number + 1, created=timedelta(minutes=number + 40))
    await records.begin(here.db, [ID])
    await here.compared()
    assert await here.events() == []
    assert await here.db.fetchval("select count(*) from receiver.transcriptions") == 0


async def test_what_was_begun_before_our_time_and_ends_in_it_is_ours(here: Bench) -> None:
    await here.begun(timedelta(minutes=40))
    here.add(7, created=DAY, ended=timedelta(minutes=10))
    assert (await here.compared()).found == 1


async def test_what_was_seen_under_way_is_ours_even_if_nothing_tells_when_it_ended(here: Bench) -> None:
    await here.begun(timedelta(minutes=5))
    item = here.add(7, "processing", created=DAY)
    await here.compared()
    item.status = "completed"  # and has no time
    await here.compared()
    await here.db.execute("update receiver.transcriptions set since = since - interval '1 hour'")
    assert (await here.compared()).found == 1


async def test_an_announcement_has_time_to_come(here: Bench) -> None:
    await here.begun()
    item = here.add(7, ended=GRACE - timedelta(minutes=1))
    assert (await here.compared()).found == 0
    await here.delivered(item, "evt_7")
    assert (await here.compared(replace(here.account, grace=timedelta(0)))).found == 0


async def test_an_end_whose_time_is_not_told_is_given_its_time_from_when_it_was_seen(here: Bench) -> None:
    await here.begun()
    here.add(7, ended=None)
    assert (await here.compared()).found == 0
    await here.db.execute("update receiver.transcriptions set since = since - interval '1 hour'")
    assert (await here.compared()).found == 1
    assert (await here.compared()).found == 0


async def test_quotes_and_what_was_cancelled_mean_nothing(here: Bench) -> None:
    await here.begun()
    for number in range(50):
        here.add(number + 1, "quoted", created=timedelta(hours=number))
    here.add(99, "cancelled")
    await here.compared()
    assert await here.events() == []
    assert await here.watermark() > datetime.now(UTC) - timedelta(minutes=11)


async def test_the_watermark_stays_at_what_is_under_way(here: Bench) -> None:
    await here.begun()
    oldest = here.add(1, "processing", created=3 * DAY)
    here.add(2, "queued", created=HOUR)
    here.add(3)
    await here.compared()
    assert abs(await here.watermark() - oldest.created_at) < timedelta(seconds=1)
    oldest.end_as("completed", datetime.now(UTC) - HOUR)
    await here.compared()
    assert await here.watermark() > datetime.now(UTC) - timedelta(hours=1, minutes=1)


async def test_what_is_under_way_for_more_than_a_week_is_asked_about_by_itself(here: Bench) -> None:
    await here.begun()
    old = here.add(1, "processing", created=8 * DAY)
    await here.compared()
    assert await here.watermark() > datetime.now(UTC) - timedelta(minutes=11)
    old.status = "completed"
    await here.db.execute("update receiver.transcriptions set ask_at = now()")
    assert (await here.compared()).found == 1
    (event,) = await here.events()
    assert event.transcription_id == "1"


async def test_what_the_provider_has_forgotten_is_asked_about_no_more(here: Bench) -> None:
    await here.begun()
    here.add(1, "processing", created=8 * DAY)
    await here.compared()
    here.items.clear()
    await here.db.execute("update receiver.transcriptions set ask_at = now()")
    await here.compared()
    assert await here.db.fetchval("select count(*) from receiver.transcriptions") == 0


async def test_a_retried_transcription_ends_again(here: Bench) -> None:
    await here.begun()
    item = here.add(7, "failed", ended=timedelta(minutes=50))
    await here.delivered(item, "evt_7")
    item.status, item.ended_at = "processing", None
    await here.compared()
    item.status = "failed"
    await here.compared()
    await here.db.execute("update receiver.transcriptions set since = since - interval '1 hour'")
    await here.compared()
    assert [event.id[:4] for event in await here.events()] == ["evt_", "rec_"]


@pytest.mark.parametrize("everything", [False, True])
async def test_only_what_the_api_was_asked_for_is_listed_unless_all_is_wished(
    here: Bench,
    everything: bool,  # noqa: FBT001 - of the table
) -> None:
    await here.begun()
    here.add(7, by_api=False)
    assert (await here.compared(replace(here.account, everything=everything))).found == everything


async def test_a_webhook_that_comes_late_is_stored_and_runs_nothing(here: Bench) -> None:
    await here.begun()
    item = here.add(7)
    await here.compared()
    assert await here.delivered(item, "evt_7") == "stored"
    assert await here.delivered(item, "evt_7") == "duplicate"
    reconciled, late = await here.events()
    assert (late.same_as, late.jobs) == (reconciled.key, ())
    assert await here.jobs() == [reconciled.id]


async def test_a_webhook_of_another_end_runs_its_handlers(here: Bench) -> None:
    await here.begun()
    item = here.add(7, "failed")
    await here.compared()
    item.end_as("failed", datetime.now(UTC))
    await here.delivered(item, "evt_again")
    assert len(await here.jobs()) == 2


@pytest.mark.parametrize("restarted", [False, True])
async def test_without_a_time_two_ends_are_one_unless_it_was_started_again_between(
    here: Bench,
    restarted: bool,  # noqa: FBT001 - of the table
) -> None:
    await here.begun()
    item = here.add(7, "failed")
    await here.compared()
    if restarted:
        await here.db.execute("update receiver.transcriptions set restarted_at = now()")
    await here.delivered(item, "evt_7", completed_at=None)
    assert len(await here.jobs()) == 1 + restarted


async def test_two_webhooks_are_never_compared(here: Bench) -> None:
    item = here.add(7)
    await here.delivered(item, "evt_7")
    await here.delivered(item, "evt_8")
    assert await here.jobs() == ["evt_7", "evt_8"]


@pytest.mark.parametrize("of_one_user", [False, True])
async def test_two_keys_of_one_user_list_the_same_and_it_is_run_once(
    here: Bench,
    of_one_user: bool,  # noqa: FBT001 - of the table
) -> None:
    """Each key has a webhook of its own, but the list shows what all keys of a user have submitted."""
    await here.begun()
    other = ID._replace(account="other")
    item = here.add(7)
    await records.begin(here.db, [other])
    user = (await here.client.me()).user_id
    await records.note_user(here.db, other, user if of_one_user else "somebody else")
    await here.delivered(item, "evt_7", account="other")
    assert (await here.compared()).found == (0 if of_one_user else 1)


async def test_a_late_webhook_of_another_key_of_the_user_runs_nothing(here: Bench) -> None:
    await here.begun()
    other = ID._replace(account="other")
    await records.begin(here.db, [other])
    item = here.add(7)
    await here.compared()
    await records.note_user(here.db, other, (await here.client.me()).user_id)
    await here.delivered(item, "evt_7", account="other")
    assert len(await here.jobs()) == 1


async def test_a_webhook_that_comes_at_the_same_time_waits_and_runs_nothing(here: Bench) -> None:
    """Neither sees what the other has not committed: the gate lets one pass after the other."""
    await here.begun()
    item = here.add(7)
    end = here.account.delivery(await here.client.got(7), None)
    assert end is not None
    async with here.db.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await unannounced.lock(connection)
        assert await unannounced.among(connection, ID, [end])
        await deliveries.append(connection, [end])
        delivering = asyncio.create_task(here.delivered(item, "evt_7"))
        await blocked(here.db)
        await transaction.commit()
    assert await delivering == "stored"
    assert await here.jobs() == [end.content.id]


async def test_who_compares_waits_for_a_webhook_that_is_being_stored(here: Bench) -> None:
    await here.begun()
    item = here.add(7)
    end = here.account.delivery(await here.client.got(7), None)
    assert end is not None
    async with here.db.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("insert into receiver.gate select where false")
        with pytest.raises(BusyError):
            await unannounced.append(here.db, ID, [end])
        await transaction.rollback()
    await here.delivered(item, "evt_7")
    assert await unannounced.append(here.db, ID, [end]) == []


async def test_a_list_that_a_process_compares_is_left_alone_by_others(here: Bench) -> None:
    await here.begun()
    assert len(await records.take(here.db, [ID])) == 1
    assert await records.take(here.db, [ID], at_once=True, spacing=timedelta(0)) == []


async def test_who_has_lost_the_list_stops(here: Bench) -> None:
    await here.begun()
    (taken,) = await records.take(here.db, [ID])
    await here.db.execute("update receiver.reconciliations set leased_until = now() + interval '1 hour'")
    with pytest.raises(BusyError):
        await records.keep(here.db, ID, taken.leased_until)


async def test_an_item_that_cannot_be_read_is_left_out_and_the_others_are_taken(
    here: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await here.begun()
    here.add(7)
    broken = here.add(8)
    broken.place = "https://media.example/a\0.mp3"
    assert (await here.compared()).found == 1
    assert "transcription 8 cannot be read" in caplog.text


async def test_what_takes_longer_than_its_length_suggests_is_noted_once(
    here: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await here.begun()
    here.add(7, "processing", created=2 * DAY)
    here.add(8, "processing", created=HOUR)
    await here.compared()
    await here.compared()
    rows = await here.db.fetch("select transcription_id from receiver.transcriptions where overdue_at is not null")
    assert [row["transcription_id"] for row in rows] == ["7"]
    assert caplog.text.count("takes longer") == 1


async def blocked(db: Pool) -> None:
    """Wait until a statement waits for a lock."""
    waiting = "select count(*) from pg_locks where not granted and relation = 'receiver.gate'::regclass"
    async with asyncio.timeout(60):
        while not await db.fetchval(waiting):  # noqa: ASYNC110 - the database cannot call us
            await asyncio.sleep(0.02)

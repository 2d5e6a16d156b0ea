"""What was never announced becomes an event, once; what was announced, or is none of ours, becomes none."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from receiver import Context, handler, providers
from receiver.database import Pool
from receiver.errors import BusyError, ImpossibleError, NotFound, ProviderUnavailable
from receiver.events import Event
from receiver.handling.replay import replay
from receiver.inbox import deliveries, listing, unannounced
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import Listed, TranscriptionStatus
from receiver.sandbox import Knobs
from receiver.sandbox.knobs import Digits
from receiver.sandbox.transcribe_so.pipelines import DEFAULT_CODE
from receiver.sandbox.transcribe_so.transcription import SimulatedTranscription, stamp
from receiver.submissions.reconciling import records
from receiver.submissions.reconciling.comparing import Comparison
from tests.inbox.ageing import prune
from tests.providers.scripted import turns_enough
from tests.sandbox.simulated import KEY, URL
from tests.submissions.reconciling.bench import GRACE, ID, WANTED, Bench, opened

SUBMITTED = """
    insert into receiver.submissions (
        id, source, api_url, account, key_fingerprint, operation, wishes, recording, caller_key, asked, state, remote_id
    )
    values ('sub_other', $1, $2, 'other', 'k', 'transcription', '{}', 'a.mp3', 'k', 'k', 'accepted', '7')
"""
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


async def test_an_end_that_could_not_be_stored_is_asked_about_again(here: Bench) -> None:
    """What is noted as ended is not asked about: nobody would find it any more."""
    (old,) = await asked_about(here, 1)
    old.end_as("completed", datetime.now(UTC) - HOUR)
    async with here.db.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("insert into receiver.gate select where false")
        _, trouble = await compared_now(here)
        await transaction.rollback()
    assert trouble is not None
    assert trouble.startswith("a delivery is being stored")
    await here.db.execute("update receiver.transcriptions set ask_at = now()")
    assert (await here.compared()).found == 1


async def test_what_has_ended_just_now_may_still_be_announced_also_if_it_is_asked_about(here: Bench) -> None:
    (old,) = await asked_about(here, 1)
    old.end_as("completed", datetime.now(UTC))
    comparison = await here.compared()
    assert (comparison.found, comparison.unripe) == (0, 1)
    await here.db.execute("update receiver.transcriptions set ask_at = now()")
    assert (await here.compared(replace(here.account, grace=timedelta(0)))).found == 1


@pytest.mark.parametrize("kind", ["malformed", "gone", "500"])
async def test_one_that_cannot_be_asked_about_holds_up_no_other(here: Bench, kind: str) -> None:
    for item in await asked_about(here, 1, 2, 3):
        item.status = "completed"
    if kind == "gone":
        del here.items[1]
    else:
        here.sandbox.faults.plan({"endpoint": "/transcriptions/1", "kind": kind, "times": 9})
    assert (await here.compared()).found == 2
    assert sorted(event.transcription_id or "" for event in await here.events()) == ["2", "3"]


async def test_a_page_of_something_before_the_provider_knows_no_transcription(here: Bench) -> None:
    """It says 404 of everything while it is deployed."""
    (item,) = await asked_about(here, 1)
    item.status = "completed"
    transport = httpx.MockTransport(lambda _: httpx.Response(404, text="<html>we are deploying</html>"))
    async with TranscribeSo(URL, SecretStr(KEY), budget=turns_enough(), transport=transport) as client:
        with pytest.raises(NotFound):
            await replace(here.account, client=client).ask("1")
    assert (await here.account.ask("99")) is None


async def test_one_odd_time_hides_nothing_of_the_list(here: Bench) -> None:
    await here.begun()
    for number in (1, 2, 3):
        here.add(number)
    first, odd, last = await listed(here)
    odd = odd._replace(status=odd.status.model_copy(update={"created_at": "1970-01-01T00:00:00Z"}))
    await compared_with(here, [first, odd, last])
    assert {event.transcription_id for event in await here.events()} == {"1", "3"}


async def test_a_clock_that_was_set_back_stops_nothing(here: Bench) -> None:
    await here.begun()
    await here.compared()
    await here.db.execute(
        "update receiver.reconciliations set due_at = now() + interval '1 year', watermark = now() + interval '1 year',"
        " compared_at = now() + interval '1 year', leased_until = now() + interval '1 year'"
    )
    here.add(7)
    (taken,) = await records.take(here.db, [ID])
    await here.reconciler.compare(taken)
    assert len(await here.events()) == 1


async def test_the_key_of_another_user_begins_anew_and_so_do_the_others_of_the_old_one(here: Bench) -> None:
    other = ID._replace(account="other")
    await here.begun()
    await records.begin(here.db, [ID, other])
    for account in (ID, other):
        assert await records.note_user(here.db, account, "user_1") is None
    before = await here.db.fetch("select reconcile_from from receiver.reconciliations order by account")
    assert await records.note_user(here.db, ID, "user_1") is None
    assert await records.note_user(here.db, ID, "user_2") is not None
    after = await here.db.fetch("select reconcile_from, user_id from receiver.reconciliations order by account")
    assert [row["user_id"] for row in after] == ["user_2", "user_1"]
    assert all(new["reconcile_from"] > old["reconcile_from"] for new, old in zip(after, before, strict=True))


async def test_what_another_user_had_before_is_not_looked_for(here: Bench) -> None:
    await here.begun()
    await records.note_user(here.db, ID, "user_of_before")
    here.add(7)
    assert (await here.compared()).found == 0


async def test_an_end_after_a_start_with_another_key_of_the_user_is_another_end(here: Bench) -> None:
    other = ID._replace(account="other")
    await here.begun()
    await records.begin(here.db, [other])
    for account in (ID, other):
        await records.note_user(here.db, account, (await here.client.me()).user_id)
    item = here.add(7, "failed")
    await here.compared()
    await here.db.execute(
        "insert into receiver.transcriptions (source, api_url, account, transcription_id, status, since, restarted_at)"
        " values ($1, $2, $3, '7', 'processing', now(), now())", *other,
    )  # fmt: skip
    await here.delivered(item, "evt_7", completed_at=None)
    assert len(await here.jobs()) == 2


async def asked_about(here: Bench, *numbers: int) -> list[SimulatedTranscription]:
    """Add transcriptions under way that a comparison has seen, and that the next one asks about."""
    await here.begun()
    items = [here.add(number, "processing", created=8 * DAY) for number in numbers]
    await here.compared()
    await here.db.execute("update receiver.transcriptions set ask_at = now()")
    return items


async def compared_now(here: Bench) -> tuple[Comparison, str | None]:
    await records.hurry(here.db, [ID], within=timedelta(0))
    (taken,) = await records.take(here.db, [ID])
    return await here.reconciler.compare(taken)


async def test_what_another_account_of_the_user_has_submitted_is_found_by_that_one(here: Bench) -> None:
    await here.begun()
    here.add(7)
    await here.db.execute(SUBMITTED, ID.source, ID.api_url)
    assert (await here.compared()).found == 0
    await here.db.execute("update receiver.submissions set state = 'done'")
    await here.db.execute("update receiver.reconciliations set watermark = now() - interval '1 day'")
    assert (await here.compared()).found == 1


async def test_it_is_not_asked_about_at_every_comparison(here: Bench) -> None:
    await here.begun()
    here.add(1, "processing", created=8 * DAY)
    for _ in range(3):
        await here.compared()
    assert [one.path for one in here.sandbox.asked if one.path.endswith("/1")] == []
    await here.db.execute("update receiver.transcriptions set ask_at = now()")
    for _ in range(3):
        await here.compared()
    assert len([one.path for one in here.sandbox.asked if one.path.endswith("/1")]) == 1


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


async def test_a_webhook_that_could_not_be_read_at_first_runs_nothing_more(here: Bench) -> None:
    await here.begun()
    item = here.add(7)
    await here.delivered(item, "evt_7")
    quarantine = "update receiver.events set type = null, unreadable = 'so', transcription_id = null, ended_at = null"
    await here.db.execute("delete from receiver.jobs")
    await here.db.execute(quarantine)
    await here.compared()
    late, reconciled = await here.events()
    made = handler("transcription.*", name=WANTED)(_nothing)
    replayed = await replay(here.db, f"@{late.key}", [made], known=[WANTED])
    assert (replayed.pending, replayed.instead) == ((WANTED,), f"transcribe.so/{reconciled.id}")
    late, reconciled = await here.events()
    assert (late.same_as, late.jobs) == (reconciled.key, ())
    assert len(await here.jobs()) == 1


async def test_a_replay_of_what_runs_as_a_pruned_event_says_so(here: Bench) -> None:
    await here.begun()
    item = here.add(7)
    await here.compared()
    await here.delivered(item, "evt_7")
    reconciled, late = await here.events()
    unread = "update receiver.events set type = null, unreadable = 'so', same_as = null, ended_at = null where id = $1"
    await here.db.execute(unread, late.key)
    await here.db.execute("update receiver.events set pruned_at = now() where id = $1", reconciled.key)
    made = handler("transcription.*", name=WANTED)(_nothing)
    with pytest.raises(ImpossibleError, match=f"the body of transcribe.so/{reconciled.id} was pruned"):
        await replay(here.db, f"@{late.key}", [made], known=[WANTED])


async def _nothing(event: Event, ctx: Context) -> None:
    """Do nothing."""


async def test_what_was_never_announced_is_found_after_a_prune_too(here: Bench) -> None:
    await here.begun()
    here.add(7, created=timedelta(days=3), ended=timedelta(days=2))
    await prune(here.db, DAY)
    assert (await here.compared()).found == 1


async def test_two_webhooks_are_never_compared(here: Bench) -> None:
    item = here.add(7)
    await here.delivered(item, "evt_7")
    await here.delivered(item, "evt_8")
    assert await here.jobs() == ["evt_7", "evt_8"]


@pytest.mark.parametrize("user", ["the same", "somebody else", None])
async def test_two_keys_of_one_user_list_the_same_and_it_is_run_once(here: Bench, user: str | None) -> None:
    """Each key has a webhook of its own, but the list shows what all keys of a user have submitted.

    As long as nobody knows whose key the other one is, it may be the same user's.
    """
    await here.begun()
    other = ID._replace(account="other")
    item = here.add(7)
    await records.begin(here.db, [other])
    same = (await here.client.me()).user_id
    await records.note_user(here.db, other, same if user == "the same" else user)
    await here.delivered(item, "evt_7", account="other")
    assert (await here.compared()).found == (1 if user == "somebody else" else 0)


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
    end = here.account.delivery(await here.client.one(7), None)
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
    end = here.account.delivery(await here.client.one(7), None)
    assert end is not None
    async with here.db.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("insert into receiver.gate select where false")
        with pytest.raises(BusyError):
            await here.account.store_behind([end])
        await transaction.rollback()
    await here.delivered(item, "evt_7")
    assert await here.account.store_behind([end]) == []


async def test_a_list_that_a_process_compares_is_left_alone_by_others(here: Bench) -> None:
    await here.begun()
    assert len(await records.take(here.db, [ID])) == 1
    await records.hurry(here.db, [ID], within=timedelta(0))
    assert await records.take(here.db, [ID]) == []


async def test_whoever_compares_keeps_the_list_for_longer(here: Bench) -> None:
    await here.begun()
    (taken,) = await records.take(here.db, [ID])
    assert await records.keep(here.db, ID, taken.leased_until) > taken.leased_until


async def test_who_has_lost_the_list_stops(here: Bench) -> None:
    await here.begun()
    (taken,) = await records.take(here.db, [ID])
    await here.db.execute("update receiver.reconciliations set leased_until = now() + interval '1 hour'")
    with pytest.raises(BusyError):
        await records.keep(here.db, ID, taken.leased_until)


async def test_an_end_whose_words_cannot_be_stored_is_stored_without_them(here: Bench) -> None:
    await here.begun()
    here.add(7).place = "https://media.example/a\0b.mp3"
    assert (await here.compared()).found == 1
    (event,) = await here.events()
    content = providers.read_stored("transcribe.so", await listing.raw(here.db, event.key), event.origin, event.id)
    assert isinstance(content, Event)
    assert (content.transcription.id, content.transcription.title) == ("7", "ab.mp3")


async def test_what_tells_no_time_and_was_never_seen_under_way_is_old(here: Bench) -> None:
    """A provider that writes its times in another way all of a sudden lists its whole past like this."""
    await here.begun()
    for number in range(3):
        here.add(number + 1)
    items = [one._replace(status=_untimed(one.status)) for one in await listed(here)]
    await compared_with(here, items)
    assert await here.events() == []


async def test_an_end_in_the_future_is_given_its_time_from_when_it_was_seen(here: Bench) -> None:
    await here.begun()
    here.add(7, ended=-timedelta(days=3650))
    assert (await here.compared()).found == 0
    await here.db.execute("update receiver.transcriptions set since = since - interval '1 hour'")
    assert (await here.compared()).found == 1


async def test_a_page_that_was_asked_for_before_the_webhook_came_shows_no_new_start(here: Bench) -> None:
    await here.begun()
    item = here.add(7, "processing")
    (old,) = await listed(here)
    item.end_as("completed", datetime.now(UTC))
    await here.delivered(item, "evt_7", completed_at=None)
    await compared_with(here, [old])
    assert await here.db.fetchval("select restarted_at from receiver.transcriptions") is None


async def test_an_old_page_changes_nothing_that_was_noted_since(here: Bench) -> None:
    await here.begun()
    item = here.add(7, "processing")
    (old,) = await listed(here)
    item.end_as("completed", datetime.now(UTC))
    await here.compared()
    await compared_with(here, [old])
    assert await here.db.fetchval("select status from receiver.transcriptions") == "completed"


@pytest.mark.parametrize("pipeline", ["", "x" * 20_000])
@pytest.mark.parametrize("seconds", [5e-324, 60])
async def test_odd_values_of_one_item_hold_up_no_other(here: Bench, pipeline: str, seconds: float) -> None:
    await here.begun()
    for number in range(6):
        odd = here.add(number + 1)
        odd.pipeline_code, odd.duration_seconds = pipeline, seconds
    here.add(8, "processing").pipeline_code = pipeline
    assert (await here.compared()).found == 6
    assert (await here.compared()).found == 0


async def test_a_list_without_end_is_given_up(here: Bench) -> None:
    await here.begun()
    here.add(1)
    (one,) = await listed(here)
    untimed = one._replace(status=_untimed(one.status))
    with pytest.raises(ProviderUnavailable, match="does not come to an end"):
        await compared_with(here, [untimed] * 5000)


async def test_usual_times_are_learned_from_five_that_have_completed(here: Bench) -> None:
    await here.begun()
    for number in range(4):
        here.add(number + 1)
    here.add(9, "failed", ended=timedelta(minutes=59, seconds=59))
    await here.compared()
    assert await records.usual_share(here.db, ID, DEFAULT_CODE) is None
    here.add(5)
    await here.db.execute("update receiver.reconciliations set watermark = now() - interval '1 day'")
    await here.compared()
    assert await records.usual_share(here.db, ID, DEFAULT_CODE) == pytest.approx(30.0, abs=0.1)


async def test_nothing_is_compared_beside_a_process_of_before(here: Bench) -> None:
    """It would run a webhook that comes late once more."""
    await here.db.execute(
        "insert into receiver.processes (id, kind, api_url, host, pid, version)"
        " values (gen_random_uuid(), 'web', $1, 'host', 1, '0.8.0'),"
        " (gen_random_uuid(), 'web', $1, 'host', 2, '0.9.1')",
        URL,
    )
    with pytest.raises(BusyError, match="of version 0"):
        await records.begin(here.db, [ID])
    await here.db.execute("update receiver.processes set seen_at = now() - interval '1 minute' where pid = 1")
    await records.begin(here.db, [ID])


async def test_what_takes_longer_than_its_length_suggests_is_noted_once(
    here: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await here.begun()
    here.add(7, "processing", created=2 * DAY)
    here.add(8, "processing", created=timedelta(minutes=5))
    await here.compared()
    await here.compared()
    rows = await here.db.fetch("select transcription_id from receiver.transcriptions where overdue_at is not null")
    assert [row["transcription_id"] for row in rows] == ["7"]
    assert caplog.text.count("takes longer") == 1


async def listed(here: Bench) -> list[Listed]:
    """Return what the provider lists."""
    return [one async for one in here.client.listed()]


def _untimed(status: TranscriptionStatus) -> TranscriptionStatus:
    return status.model_copy(update={"created_at": "Sun, 29 Nov 2026 09:00:00 GMT", "completed_at": "1764406800"})


async def compared_with(here: Bench, items: Sequence[Listed]) -> None:
    """Compare a list of these items."""

    class Listing(TranscribeSo):
        async def listed(self, **_: Any) -> AsyncIterator[Listed]:
            for one in items:
                yield one

    transport = here.client._calls.http._transport  # noqa: SLF001 - that of the simulated provider
    client = Listing(URL, SecretStr(KEY), budget=turns_enough(), transport=transport)
    await records.hurry(here.db, [ID], within=timedelta(0))
    (taken,) = await records.take(here.db, [ID])
    await Comparison(replace(here.account, client=client), taken).compare()


async def blocked(db: Pool) -> None:
    """Wait until a statement waits for a lock."""
    waiting = "select count(*) from pg_locks where not granted and relation = 'receiver.gate'::regclass"
    async with asyncio.timeout(60):
        while not await db.fetchval(waiting):  # noqa: ASYNC110 - the database cannot call us
            await asyncio.sleep(0.02)

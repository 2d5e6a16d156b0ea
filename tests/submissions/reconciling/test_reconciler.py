"""Lists are compared again and again, each in one process at a time, and whoever looks sees how it went."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from receiver.database import Pool
from receiver.health import feeds
from receiver.submissions.reconciling import asked, feed, records
from receiver.submissions.reconciling.feed import Coverage, Feed
from receiver.submissions.reconciling.reconciler import Reconciler
from receiver.webhooks import doubts
from receiver.webhooks.doubts import Doubt
from tests.submissions.reconciling.bench import CONFIGURED, ID, SECRET, Bench, opened
from tests.worker.working import until

SECRETS = [SECRET.encode()]
LATER = timedelta(minutes=10)


@pytest_asyncio.fixture
async def here(db: Pool) -> AsyncIterator[Bench]:
    async with opened(db) as bench:
        await bench.begun()
        yield bench


async def due_in(here: Bench) -> timedelta:
    pause: timedelta = await here.db.fetchval("select due_at - now() from receiver.reconciliations")
    return pause


async def requests(here: Bench) -> int:
    return sum(asked.path.endswith("/transcriptions") for asked in here.sandbox.asked)


async def test_a_start_compares_at_once_and_then_it_is_quiet_until_it_is_time(here: Bench) -> None:
    await records.hurry(here.db, [ID])
    await here.reconciler.reconcile()
    asked_for = await requests(here)
    assert asked_for > 0
    assert timedelta(minutes=9) < await due_in(here) <= LATER
    await here.reconciler.reconcile()
    assert await requests(here) == asked_for


async def test_starts_that_follow_each_other_compare_once(here: Bench) -> None:
    """A fleet that is started again must not use up the requests of a minute."""
    for _ in range(5):
        await records.hurry(here.db, [ID])
        await here.reconciler.reconcile()
    assert await requests(here) == 1


async def test_it_compares_until_it_is_cancelled_and_stores_what_it_finds(here: Bench) -> None:
    here.add(7)
    task = asyncio.create_task(replace(here.reconciler, tick=0.01).watch())

    async def compared() -> bool:
        return bool(await here.db.fetchval("select compared_at is not null from receiver.reconciliations"))

    await until(compared)
    here.add(8)
    await here.db.execute("update receiver.reconciliations set due_at = now(), watermark = now() - interval '1 day'")

    async def both() -> bool:
        return len(await here.events()) == 2

    await until(both)
    task.cancel()
    await asyncio.wait({task})


async def test_without_an_interval_nothing_is_compared_unasked(here: Bench) -> None:
    here.add(7)
    await doubted(here, 7)
    reconciler = replace(here.reconciler, every=timedelta(0), tick=0.01)
    await reconciler.watch()
    task = asyncio.create_task(reconciler.watch_doubts())
    await until(here.events)  # looked up
    task.cancel()
    await asyncio.wait({task})
    assert [asked.path.rpartition("/")[2] for asked in here.sandbox.asked] == ["7"]


async def test_a_provider_that_does_not_answer_is_asked_again_a_minute_later(here: Bench) -> None:
    here.sandbox.faults.plan({"endpoint": "/transcriptions", "kind": "500", "times": 9})
    (taken,) = await records.take(here.db, [ID])
    before = taken.watermark
    _, trouble = await here.reconciler.compare(taken)
    row = await here.db.fetchrow("select * from receiver.reconciliations")
    assert row is not None
    assert trouble is not None
    assert row["trouble"] == trouble
    assert (row["watermark"], row["compared_at"]) == (before, None)
    assert await due_in(here) <= timedelta(minutes=1)


async def test_a_full_budget_puts_it_off_for_as_long_as_it_says(here: Bench) -> None:
    here.sandbox.faults.plan({"endpoint": "/transcriptions", "kind": "429", "times": 9})
    (taken,) = await records.take(here.db, [ID])
    await here.reconciler.compare(taken)
    assert timedelta(seconds=9) < await due_in(here) <= timedelta(seconds=61)


async def test_an_item_that_the_database_refuses_ends_only_its_own_comparison_and_is_said_after_an_hour(
    here: Bench,
) -> None:
    await here.db.execute("alter table receiver.transcriptions add constraint odd check (transcription_id <> '7')")
    here.add(7)
    (taken,) = await records.take(here.db, [ID])
    _, trouble = await here.reconciler.compare(taken)
    assert trouble == (
        'the database refuses what it lists: new row for relation "transcriptions" violates check constraint "odd"'
    )
    for compared_at, holds in (("59 minutes", True), ("61 minutes", False)):
        await here.db.execute(
            "update receiver.reconciliations set compared_at = now() - $1::text::interval", compared_at
        )
        async with here.db.acquire() as connection:
            found = await feeds.feed_of(connection, CONFIGURED, SECRETS)
        assert (found.holds, trouble in found.seen) == (holds, not holds)


async def test_of_several_accounts_the_users_are_learned_although_nothing_is_compared(here: Bench) -> None:
    other = ID._replace(account="other")
    accounts = {ID: here.account, other: replace(here.account, id=other)}
    reconciler = Reconciler(here.db, accounts, {}, timedelta(0), tick=0.01)
    task = asyncio.create_task(reconciler.watch_doubts())

    async def known() -> bool:
        users = await here.db.fetch("select user_id from receiver.reconciliations where user_id is not null")
        return len(users) == len(accounts)

    await until(known)
    task.cancel()
    await asyncio.wait({task})
    assert await here.db.fetchval("select receiver.is_known_user($1, $2, $3, 'other')", *ID)


async def test_without_accounts_it_has_nothing_to_do(db: Pool) -> None:
    reconciler = Reconciler(db, {}, {}, timedelta(minutes=10))
    async with asyncio.timeout(20):
        await asyncio.gather(reconciler.watch(), reconciler.watch_doubts())


async def test_a_feed_looks_off_once_something_has_ended_unannounced_and_on_when_a_webhook_comes(
    here: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    first = here.add(1, ended=timedelta(minutes=50))
    await here.delivered(first, "evt_1")
    await here.db.execute("update receiver.events set last_delivered_at = now() - interval '49 minutes'")
    here.add(2, ended=timedelta(minutes=20))
    reconciler = here.reconciler
    (taken,) = await records.take(here.db, [ID])
    await reconciler.compare(taken)
    assert (await feed.read(here.db, ID, SECRETS)).looks_off
    assert await due_in(here) <= timedelta(minutes=1)
    assert caplog.text.count(feed.LOOKS_OFF) == 1
    async with here.db.acquire() as connection:
        assert not (await feeds.feed_of(connection, CONFIGURED, SECRETS)).holds
        assert [found.todo for found in await feeds.silent(connection, CONFIGURED, SECRETS)] == [feed.LOOKS_OFF]
    await here.delivered(here.add(3, ended=timedelta(0)), "evt_3")
    await compared_again(here, reconciler)
    assert not (await feed.read(here.db, ID, SECRETS)).looks_off
    assert await due_in(here) > timedelta(minutes=9)
    assert "webhooks come again" in caplog.text


async def test_webhooks_that_are_refused_for_their_time_come_nevertheless(here: Bench) -> None:
    here.add(1)
    await here.compared()
    assert (await feed.read(here.db, ID, SECRETS)).looks_off
    await doubted(here, 2)
    assert not (await feed.read(here.db, ID, SECRETS)).looks_off


async def test_a_webhook_that_comes_late_is_heard(here: Bench) -> None:
    item = here.add(1)
    await here.compared()
    assert (await feed.read(here.db, ID, SECRETS)).looks_off
    await here.delivered(item, "evt_1")
    assert not (await feed.read(here.db, ID, SECRETS)).looks_off


async def test_without_a_secret_there_is_no_feed_that_could_be_off(here: Bench) -> None:
    here.add(1)
    await here.compared()
    assert await feed.read(here.db, ID, []) == Feed()


async def test_what_webhooks_have_announced_is_counted_also_what_came_late(here: Bench) -> None:
    await here.delivered(here.add(1), "evt_1")
    late = here.add(2)
    here.add(3)
    here.add(4, "cancelled")
    await here.compared()
    assert await feed.coverage(here.db, ID) == Coverage(announced=1, ended=3)
    await here.delivered(late, "evt_2")
    counted = await feed.coverage(here.db, ID)
    assert (counted, counted.share) == (Coverage(announced=2, ended=3), 2 / 3)
    assert Coverage(0, 0).share is None


async def test_what_takes_too_long_is_said(here: Bench) -> None:
    here.add(7, "processing", created=timedelta(days=2))
    here.add(8, "processing", created=timedelta(minutes=5))
    await here.compared()
    async with here.db.acquire() as connection:
        (found,) = await feeds.transcriptions(connection, CONFIGURED)
    assert not found.holds
    assert found.seen.startswith("2 under way, 1 of them overdue, the first begun at ")


async def test_what_lies_before_the_beginning_is_taken_only_if_a_person_says_so(here: Bench) -> None:
    await here.db.execute("update receiver.reconciliations set reconcile_from = now()")
    for number in range(3):
        here.add(number + 1, created=timedelta(days=number, hours=2), ended=timedelta(days=number, hours=1))
    await here.compared()
    assert await here.events() == []
    shown = list[str | None]()
    stored, compared = await asked.take_since(
        here.account, timedelta(days=2), confirm=lambda events: shown.extend(one.transcription.id for one in events)
    )
    assert shown == ["1", "2"]
    assert (len(stored), compared) == (len(await here.events()), 2)
    assert await here.db.fetchval("select count(*) from receiver.jobs where is_replay") == 2  # behind what is live
    assert (await asked.take_since(here.account, timedelta(days=2), confirm=lambda _: None))[0] == []
    assert await feed.coverage(here.db, ID) == Coverage(0, 0)  # nobody was to announce them


async def test_who_says_no_takes_nothing(here: Bench) -> None:
    await here.db.execute("update receiver.reconciliations set reconcile_from = now()")
    here.add(1)

    def no(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await asked.take_since(here.account, timedelta(days=2), confirm=no)
    assert await here.events() == []


async def test_a_person_waits_for_the_process_that_compares(here: Bench) -> None:
    await records.take(here.db, [ID])
    waited = list[datetime]()
    task = asyncio.create_task(
        asked.compare_now(here.reconciler, ID, waits=lambda: waited.append(datetime.now().astimezone()))
    )

    async def has_waited() -> bool:
        return bool(waited)

    await until(has_waited)
    await here.db.execute("update receiver.reconciliations set leased_until = '-infinity'")
    assert (await task).found == 0


async def doubted(here: Bench, number: int) -> None:
    """Refuse a delivery about a transcription for its time."""
    async with here.db.acquire() as connection:
        await doubts.note(connection, [Doubt(ID, str(number), "transcription.completed", f"evt_{number}", 400.0)])


async def compared_again(here: Bench, reconciler: Reconciler) -> None:
    await records.hurry(here.db, [ID], within=timedelta(0))
    (taken,) = await records.take(here.db, [ID])
    assert (await reconciler.compare(taken))[1] is None

"""`inbox.retention`: what is old and over goes, and nothing else; beside others, in batches, and on after a stop."""

import asyncio
from datetime import timedelta

import pytest

from receiver.database import Pool, query
from receiver.events import AccountId
from receiver.inbox import jobs, listing, retention
from receiver.inbox.retention import Gone, Old, Prune, fitting
from receiver.inbox.retry import Done
from tests.inbox.ageing import API, AT_ONCE, QUARTER, READ, age, aged, deliver, names, prune
from tests.inbox.ending import finish
from tests.processes import completed

A_MONTH = timedelta(days=30)
THREE_DAYS = timedelta(days=3)
TABLES = ("events", "jobs", "attempts", "deliveries")
# A submission in some state, whose provider calls it 4821; its own event is `sub_1`.
SUBMISSION = """
insert into receiver.submissions (
    id, source, api_url, account, key_fingerprint, operation, wishes, recording, caller_key, asked, state, remote_id,
    ended_at
) values ('sub_1', 'transcribe.so', 'https://api.test', 'default', 'k', 'transcription', '{}', 'a.mp3', 'k', 'k', $1,
    '4821', now() - interval '100 days')
"""


async def counts(db: Pool) -> dict[str, int]:
    return {name: await db.fetchval(f"select count(*) from receiver.{name}") for name in TABLES}


async def many(db: Pool, number: int, came: str) -> None:
    """Store so many events that no handler wants; `came` says in SQL when number `n` came."""
    await db.execute(
        "insert into receiver.events (source, event_id, api_url, type, raw, secret_fingerprint, origin, received_at,"
        f" last_delivered_at) select 's', n::text, 'u', 'a.b', '', '', 'webhook', {came}, {came}"
        f" from generate_series(1, {number}) n"
    )


# --- what goes -------------------------------------------------------------------------------------------------------


async def test_an_event_whose_jobs_have_ended_goes_with_all_that_is_kept_of_it(db: Pool) -> None:
    await deliver(db, completed("evt_1"), completed("evt_1"))
    (claim,) = await jobs.claim(db, [retention_portion()], lease=timedelta(minutes=1), limit=1)
    assert await finish(db, claim.job, claim.attempt, Done())
    await age(db, await listing.newest_key(db))
    assert await counts(db) == dict.fromkeys(TABLES, 1)
    assert await prune(db) == Gone(events=1)
    assert await counts(db) == dict.fromkeys(TABLES, 0)


def retention_portion() -> jobs.Portion:
    account = AccountId("transcribe.so", API, "default")
    return jobs.Portion(jobs.Queue(account, "a", is_replay=False), 10)


async def test_an_event_that_no_handler_wanted_goes_and_what_handlers_have_stored_stays(db: Pool) -> None:
    await deliver(db, completed("evt_1", 7), handlers=())
    await age(db, await listing.newest_key(db))
    await db.execute(
        "insert into receiver.transcripts (source, api_url, transcription_id, completed_at)"
        " values ('transcribe.so', $1, '7', '')", API,
    )  # fmt: skip
    assert await prune(db) == Gone(events=1)
    assert await db.fetchval("select count(*) from receiver.transcripts") == 1


async def test_a_job_that_a_person_has_dropped_has_ended(db: Pool) -> None:
    await db.execute("alter type receiver.job_state add value if not exists 'dropped'")
    await aged(db, state="dropped")
    assert await prune(db) == Gone(events=1)


async def test_what_the_ledger_has_not_read_stays_until_it_has(db: Pool) -> None:
    await aged(db)
    await db.execute("update receiver.ledger set last_event = 0")
    run = Prune(db, await retention.horizon(db, QUARTER), AT_ONCE)
    assert await run.run()
    assert run.gone == Gone()
    assert await prune(db) == Gone(events=1)


# --- what stays ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["dead", "pending", "running"])
async def test_an_event_with_a_job_that_has_not_ended_stays_with_its_other_jobs(db: Pool, state: str) -> None:
    key = await aged(db)
    await jobs.replay(db, key, ["b"])
    await db.execute("update receiver.jobs set state = $1::text::receiver.job_state where handler = 'b'", state)
    await age(db, key)
    assert await prune(db) == Gone()
    assert await db.fetchval("select count(*) from receiver.jobs") == 2


@pytest.mark.parametrize(
    "since",
    [
        "update receiver.events set received_at = now()",
        "update receiver.events set last_delivered_at = now() - interval '89 days'",
        "update receiver.jobs set due_at = now() - interval '89 days'",
        "update receiver.events set type = null, unreadable = 'it is not JSON'",
    ],
    ids=["received since", "delivered since", "its job ended since", "quarantined"],
)
async def test_an_event_of_which_something_is_not_old_stays(db: Pool, since: str) -> None:
    await aged(db)
    await db.execute(since)
    assert await prune(db) == Gone()
    assert len(await names(db)) == 1


async def test_an_event_stays_while_a_webhook_that_came_late_is_kept_because_its_jobs_are_the_events(db: Pool) -> None:
    key = await aged(db)
    late = await aged(db, "evt_late", days=10)
    await db.execute("update receiver.events set same_as = $1 where event_id = 'evt_late'", key)
    assert await prune(db) == Gone()
    await age(db, late, 90)
    assert await prune(db) == Gone(events=2)


OF_IT = ["sub_1", "evt_sub_1_1", "evt_of_the_webhook"]


@pytest.mark.parametrize(
    ("state", "left"), [("unknown", OF_IT), ("accepted", OF_IT), ("ended", OF_IT), ("done", []), ("failed", [])]
)
async def test_the_events_of_a_submission_stay_until_it_is_over(db: Pool, state: str, left: list[str]) -> None:
    await db.execute(SUBMISSION, state)
    for name in (*OF_IT, "evt_other"):
        await aged(db, name, about=7)
    await db.execute("update receiver.events set transcription_id = '4821' where event_id = 'evt_of_the_webhook'")
    await db.execute("update receiver.events set origin = 'submission' where event_id like '%sub_1%'")
    await db.execute("update receiver.submissions set event = (select max(id) from receiver.events)")
    assert await prune(db) == Gone(events=4 - len(left))
    assert await names(db) == left
    assert await db.fetchval("select count(event) from receiver.submissions") == 0


# --- what was delivered in the last 30 days --------------------------------------------------------------------------


async def test_a_recent_event_loses_its_body_and_its_jobs_and_a_repeat_of_it_is_a_duplicate(db: Pool) -> None:
    key, body = await aged(db, days=10), completed("evt_1")
    assert await prune(db, THREE_DAYS) == Gone(bodies=1)
    assert await deliver(db, body, body + b" ") == ["duplicate", "quarantined"]
    assert (await db.fetchval("select count(*) from receiver.jobs")) == 0
    assert body not in await listing.raw(db, key)
    (event,) = [one for one in await listing.recent(db) if one.key == key]
    assert (event.pruned_at is not None, event.is_unwanted) == (True, False)
    assert await db.fetchval("select deliveries from receiver.events where id = $1", key) == 2


async def test_the_row_that_was_left_goes_when_it_is_older_than_30_days(db: Pool) -> None:
    key = await aged(db, days=10)
    assert [await prune(db, THREE_DAYS) for _ in range(2)] == [Gone(bodies=1), Gone()]
    await age(db, key, 21)
    assert await prune(db, THREE_DAYS) == Gone(events=1)
    assert await deliver(db, completed("evt_1")) == ["stored"]


async def test_an_event_without_its_body_is_not_one_that_no_handler_wanted(db: Pool) -> None:
    await aged(db, days=10)
    await prune(db, THREE_DAYS)
    (count,) = await listing.recent_types(db, API)
    assert (count.events, count.unwanted) == (1, 0)


async def test_an_event_without_its_body_gets_no_job_again(db: Pool) -> None:
    key = await aged(db, days=10)
    await prune(db, THREE_DAYS)
    assert await jobs.replay(db, key, ["a"]) == []
    assert await db.fetchval("select count(*) from receiver.jobs") == 0


# --- what else is pruned ---------------------------------------------------------------------------------------------


async def test_callbacks_go_after_30_days_and_retired_registrations_stay(db: Pool) -> None:
    for days in (29, 31, 100):
        await db.execute(
            "insert into receiver.callbacks (token, api_url, idempotency_key, intended_at)"
            " values ($1, 'u', $1, now() - $2::interval)", f"of {days}", timedelta(days=days),
        )  # fmt: skip
    await db.execute(
        "insert into receiver.registrations (api_url, key_fingerprint, callback_url, idempotency_key, intended_at,"
        " retired_at) values ('u', 'k', 'u', 'i', now() - interval '1 year', now() - interval '1 year')"
    )
    assert await counted(db, QUARTER) == Old(Gone(callbacks=1), is_exact=True)
    assert await prune(db) == Gone(callbacks=1)
    assert await prune(db, THREE_DAYS) == Gone(callbacks=1)
    assert await db.fetchval("select token from receiver.callbacks") == "of 29"
    assert await db.fetchval("select count(*) from receiver.registrations") == 1


async def test_what_the_providers_list_said_goes_when_it_has_ended(db: Pool) -> None:
    for status in ("completed", "failed", "cancelled", "processing", "quoted"):
        for days in (80, 100):
            await db.execute(
                "insert into receiver.transcriptions (source, api_url, account, transcription_id, status, since)"
                " values ('s', 'u', 'default', $1, $2, now() - $3::interval)",
                f"{status} {days}", status, timedelta(days=days),
            )  # fmt: skip
    assert await counted(db, QUARTER) == Old(Gone(transcriptions=3), is_exact=True)
    assert await prune(db) == Gone(transcriptions=3)


async def test_what_the_list_said_last_of_a_transcription_goes_with_its_event(db: Pool) -> None:
    """Else it would be asked about as under way, and its end would seem to be announced by nobody."""
    await aged(db, about=7)
    users = {"default": "user_1", "of the user too": "user_1", "of another user": "user_2"}
    for account, user in users.items():
        await db.execute(
            "insert into receiver.transcriptions (source, api_url, account, transcription_id, status, since)"
            " values ('transcribe.so', $1, $2, '7', 'processing', now() - interval '100 days')", API, account,
        )  # fmt: skip
        await db.execute(
            "insert into receiver.reconciliations (source, api_url, account, watermark, user_id)"
            " values ('transcribe.so', $1, $2, now(), $3)", API, account, user,
        )  # fmt: skip
    assert await prune(db) == Gone(events=1)
    assert await db.fetchval("select string_agg(account, ',') from receiver.transcriptions") == "of another user"


async def test_what_the_list_has_said_since_stays(db: Pool) -> None:
    """It was started again."""
    await aged(db, about=7)
    await db.execute(
        "insert into receiver.transcriptions (source, api_url, account, transcription_id, status, since)"
        " values ('transcribe.so', $1, 'default', '7', 'processing', now())", API,
    )  # fmt: skip
    assert await prune(db) == Gone(events=1)
    assert await db.fetchval("select count(*) from receiver.transcriptions") == 1


async def keep_answer(db: Pool, about: str, *, days: int = 100) -> None:
    await db.execute(
        "insert into receiver.archive (source, api_url, transcription_id, completed_at, kind, answer, fetched_at)"
        " values ('transcribe.so', $1, $2, '', 'result', 'x', now() - $3::interval)", API, about, timedelta(days=days),
    )  # fmt: skip


async def test_answers_go_if_that_is_asked_for_and_no_job_or_submission_needs_them(db: Pool) -> None:
    await db.execute(SUBMISSION, "ended")
    for about in ("1", "2", "3", "sub_1"):
        await keep_answer(db, about)
    await keep_answer(db, "4", days=80)
    for number, state in enumerate(("done", "dead", "pending"), start=1):
        await aged(db, f"evt_{number}", state, days=1, about=number)
    assert await prune(db) == Gone()
    assert await prune(db, answers=True) == Gone(answers=1)
    left = await db.fetch("select transcription_id from receiver.archive order by 1")
    assert [row[0] for row in left] == ["2", "3", "4", "sub_1"]


# --- reconciliation --------------------------------------------------------------------------------------------------


async def reconcile_from(db: Pool) -> timedelta:
    """Return how long ago that is from which on ends are looked for."""
    ago: timedelta = await db.fetchval("select now() - reconcile_from from receiver.reconciliations")
    return ago


async def begin_reconciliation(db: Pool, days: int) -> None:
    await db.execute(
        "insert into receiver.reconciliations (source, api_url, account, reconcile_from, watermark)"
        " values ('transcribe.so', $1, 'default', now() - $2::interval, now())", API, timedelta(days=days),
    )  # fmt: skip


@pytest.mark.parametrize(("began", "then"), [(200, 90), (50, 50)])
async def test_nothing_is_compared_that_lies_before_the_horizon(db: Pool, began: int, then: int) -> None:
    await begin_reconciliation(db, began)
    await prune(db)
    assert (await reconcile_from(db)).days == then


async def test_no_end_is_found_missing_whose_event_is_gone_although_it_ended_later_by_the_providers_clock(
    db: Pool,
) -> None:
    await begin_reconciliation(db, 200)
    await aged(db)
    await db.execute("update receiver.events set ended_at = now() - interval '5 days'")
    assert await prune(db) == Gone(events=1)
    ago = await reconcile_from(db)
    assert timedelta(days=4) < ago < timedelta(days=5)


# --- in batches, beside others ---------------------------------------------------------------------------------------


async def test_a_run_that_is_stopped_ends_after_its_batch_and_the_next_run_goes_on(db: Pool) -> None:
    await many(db, 2 * retention.FIRST, "now() - interval '100 days'")
    await db.execute(READ)
    run = Prune(db, await retention.horizon(db, QUARTER), AT_ONCE)
    run.told = lambda _: run.stop.set()
    assert not await run.run()
    assert run.gone == Gone(events=retention.FIRST)
    assert await prune(db) == Gone(events=retention.FIRST)


async def test_the_walk_reads_on_to_the_horizon_and_says_how_far_it_is(db: Pool) -> None:
    number = 3 * retention.MOST
    await many(db, number, f"now() - (10 + 90.0 * ({number} - n) / {number}) * interval '1 day'")
    shares: list[float] = []
    await db.execute(READ)
    run = Prune(db, await retention.horizon(db, timedelta(days=40)), AT_ONCE, told=shares.append)
    assert await run.run()
    assert run.gone.events == 2 * number // 3
    assert await db.fetchval("select count(*) from receiver.events") == number // 3
    assert await db.fetchval("select count(*) from receiver.events where received_at < $1", run.before.at) == 0
    assert shares == sorted(shares)
    assert (shares[0] < 0.1, shares[-1]) == (True, 1.0)


async def test_old_events_behind_young_ones_are_found(db: Pool) -> None:
    """The ids do not follow the time if a clock was set back."""
    await many(db, 2 * retention.FIRST, "now()")
    await aged(db)
    assert await prune(db) == Gone(events=1)


async def test_an_event_that_others_hold_is_left_and_nobody_waits_for_it(db: Pool) -> None:
    first, second = await aged(db, "evt_1"), await aged(db, "evt_2")
    async with db.acquire() as other, other.transaction():
        await other.execute("select from receiver.events where id = $1 for update", first)
        async with asyncio.timeout(10):
            assert await prune(db) == Gone(events=1)
    assert (await names(db), second) == (["evt_1"], second)
    assert await prune(db) == Gone(events=1)


WAITS = "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())"
RUN_AGAIN = "update receiver.jobs set state = 'pending', due_at = now() where event = $1"


async def test_a_job_that_others_hold_keeps_its_event_and_costs_the_others_nothing(db: Pool) -> None:
    """As processes of version 0.8 replay it: without a lock on the event."""
    first, _ = await aged(db, "evt_1"), await aged(db, "evt_2")
    async with db.acquire() as other, other.transaction():
        await other.execute(RUN_AGAIN, first)
        async with asyncio.timeout(10):
            assert await prune(db) == Gone(events=1)
    assert await names(db) == ["evt_1"]


async def test_a_job_that_runs_again_while_its_prune_waits_keeps_its_event(db: Pool) -> None:
    key = await aged(db)
    async with db.acquire() as other:
        async with other.transaction():
            await other.execute(RUN_AGAIN, key)
            pruning = asyncio.create_task(prune(db))
            while not await db.fetchval(WAITS) and not pruning.done():
                pass
        assert await pruning == Gone()
    assert await db.fetchval("select state::text from receiver.jobs") == "pending"


async def test_a_replay_waits_for_the_prune_of_its_event_and_finds_no_body(db: Pool) -> None:
    key = await aged(db, days=10)
    before = await retention.horizon(db, THREE_DAYS)
    async with db.acquire() as other:
        async with other.transaction():
            read = await other.fetchrow(query("inbox/lock_old_events"), 0, *before, 10)
            assert read is not None
            await other.execute(query("inbox/prune_events"), read["locked"], *before)
            replaying = asyncio.create_task(jobs.replay(db, key, ["a"]))
            while not await db.fetchval(WAITS) and not replaying.done():
                pass
        assert await replaying == []
    assert await db.fetchval("select count(*) from receiver.jobs") == 0


async def test_a_job_is_replayed_before_a_prune_or_not_at_all(db: Pool) -> None:
    key = await aged(db)
    async with db.acquire() as other, other.transaction():
        assert await jobs.replay(other, key, ["a", "new"]) == ["a", "new"]
        assert await prune(db) == Gone()
    assert await prune(db) == Gone()


@pytest.mark.parametrize(
    ("rows", "took", "then"), [(100, 0.01, 200), (100, 0.03, 100), (100, 0.06, 50), (1, 9, 1), (900, 0.0, 1000)]
)
def test_a_batch_takes_as_many_rows_as_fit_into_its_time(rows: int, took: float, then: int) -> None:
    assert fitting(rows, took, 0.05) == then


# --- how many there are ----------------------------------------------------------------------------------------------


async def counted(db: Pool, older_than: timedelta, *, answers: bool = False) -> Old:
    return await retention.count(db, await retention.horizon(db, older_than), answers=answers)


async def test_few_events_are_counted_and_many_are_estimated(db: Pool) -> None:
    for number in range(3):
        await aged(db, f"evt_{number}", days=40 * number)
    assert await counted(db, A_MONTH) == Old(Gone(events=2), is_exact=True)
    await many(db, retention.COUNTED, "now() - interval '50 days'")
    await db.execute("analyze receiver.events")
    old = await counted(db, A_MONTH)
    assert (old.is_exact, retention.COUNTED * 0.9 < old.most.events < retention.COUNTED * 1.1) == (False, True)
    assert old.most.bodies == 0


async def test_what_is_pruned_or_stays_by_itself_is_not_counted_and_what_loses_its_body_is_told(db: Pool) -> None:
    for name, days in (("evt_whole", 100), ("evt_body", 10), ("evt_young", 1)):
        await aged(db, name, days=days)
    await aged(db, "evt_quarantined")
    await db.execute("update receiver.events set type = null, unreadable = 'no' where event_id = 'evt_quarantined'")
    await aged(db, "evt_again")
    await db.execute("update receiver.events set last_delivered_at = now() where event_id = 'evt_again'")
    assert await counted(db, THREE_DAYS) == Old(Gone(events=1, bodies=1), is_exact=True)
    assert await prune(db, THREE_DAYS) == Gone(events=1, bodies=1)
    assert await counted(db, THREE_DAYS) == Old(Gone(), is_exact=True)


async def test_old_answers_are_counted_if_they_are_to_go(db: Pool) -> None:
    for about, days in (("1", 100), ("2", 1)):
        await keep_answer(db, about, days=days)
    assert await counted(db, QUARTER) == Old(Gone(), is_exact=True)
    assert await counted(db, QUARTER, answers=True) == Old(Gone(answers=1), is_exact=True)

"""`submissions.ledger`: one row for each thing that was paid for, whoever tells it, and however often and when."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from receiver import database
from receiver.database import Pool
from receiver.events import AccountId, Event
from receiver.inbox import deliveries, retention
from receiver.inbox.deliveries import Delivery
from receiver.inbox.retention import Gone, Prune
from receiver.providers.transcribe_so import TranscriptionStatus, payload
from receiver.submissions import ledger, records, resolving
from receiver.submissions.asking import Terms
from receiver.submissions.ledger import AT_ONCE, Ledger
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission, Wanted
from tests.inbox.ageing import age
from tests.submissions.submitting import Bench, bench, transcribe_bench
from tests.worker.working import until

API = "https://api.test"
NOW, ENDED, LATER = timedelta(0), "2026-04-29T14:25:27.968Z", "2026-04-30T09:00:00.100Z"
Row = tuple[Any, ...]


@pytest_asyncio.fixture
async def here(db: Pool, receiver_database: str) -> AsyncIterator[Bench]:
    async with bench(db, receiver_database) as found:
        yield found


async def announce(
    db: Pool, event_id: str, *, what: str = "completed", number: int = 7, usd: object = 0.36, at: str | None = ENDED,
    account: str = "default",
) -> None:  # fmt: skip
    """Store an event of transcribe.so, as the web process does."""
    about = {
        "id": number, "status": what, "completed_at": at, "charge_usd": usd, "title": "A talk", "pipeline_code": "fast",
    }  # fmt: skip
    raw = json.dumps({"id": event_id, "event": f"transcription.{what}", "data": {"transcription": about}})
    content = payload.read("transcribe.so", raw.encode())
    async with db.acquire() as connection:
        await deliveries.append(connection, [Delivery(content, API, "f", account=account)])


async def read_all(db: Pool) -> None:
    """Read what there is: mark it, and read up to the mark."""
    organ = Ledger(db)
    assert not await organ.read(NOW)
    while await organ.read(NOW):
        pass


async def rows(db: Pool) -> list[Row]:
    found = await db.fetch(
        "select work, run, operation, amount::float, unit, perhaps, known_by from receiver.charges order by id"
    )
    return [tuple(row) for row in found]


async def accepted(db: Pool, remote_id: str, *, charged: float | None = 0.4) -> Submission:
    """Return a submission to transcribe.so that was accepted as a work."""
    submission = await sent(db, remote_id)
    moved = await records.move(
        db, submission.id, State.ACCEPTED, Change(remote_id=remote_id, charged=charged, look_after=NOW)
    )
    assert moved is not None
    return moved


async def sent(db: Pool, key: str) -> Submission:
    wanted = Wanted(
        AccountId("transcribe.so", API, "default"), "key", "transcription", {"pipeline_code": "fast"}, "talk.mp3", None,
        "A talk", 60.0, 1, key, "ask", "USD",
    )  # fmt: skip
    submission = await records.intend(db, wanted, key)
    for state, change in ((State.UPLOADED, Change()), (State.SENT, Change(tries=1))):
        assert submission is not None
        submission = await records.move(db, submission.id, state, change)
    assert submission is not None
    return submission


# --- what others have submitted --------------------------------------------------------------------------------------


async def test_a_transcription_that_was_submitted_elsewhere_is_one_charge_however_often_it_is_told(db: Pool) -> None:
    for event_id, at in (("evt_1", ENDED), ("evt_callback", ENDED), ("evt_list", "2026-04-29T14:25:28Z")):
        await announce(db, event_id, at=at)
        await read_all(db)
    await db.execute("update receiver.ledger set last_event = 0")
    await read_all(db)
    assert await rows(db) == [("7", 1, "transcription", 0.36, "USD", False, "event")]
    row = await db.fetchrow("select account, pipeline, title, submission, event from receiver.charges")
    assert row is not None
    assert tuple(row)[:4] == ("default", "fast", "A talk", None)


async def test_what_comes_out_of_quarantine_after_it_was_passed_is_charged_and_not_pruned_before(db: Pool) -> None:
    await announce(db, "evt_1")
    key, raw = await db.fetchrow("select id, raw from receiver.events") or (0, b"")
    await db.execute("update receiver.events set type = null, unreadable = 'so'")
    await read_all(db)
    assert await rows(db) == []
    event = payload.read("transcribe.so", raw)
    assert isinstance(event, Event)
    assert await deliveries.accept_quarantined(db, key, event) == key
    await age(db, key)
    assert await pruned(db) == Gone()
    await Ledger(db).read(NOW)
    assert [row[:4] for row in await rows(db)] == [("7", 1, "transcription", 0.36)]
    assert await pruned(db) == Gone(events=1)


async def test_what_two_keys_of_one_user_tell_is_one_charge(db: Pool) -> None:
    for account in ("default", "two"):
        await db.execute(
            "insert into receiver.reconciliations (source, api_url, account, watermark, user_id)"
            " values ('transcribe.so', $1, $2, now(), 'user_1')", API, account,
        )  # fmt: skip
    await announce(db, "evt_1", what="failed")
    await read_all(db)
    failed = TranscriptionStatus(id=7, status="failed", charge_usd=0.36, completed_at=ENDED, title="A talk")
    again = TranscriptionStatus(id=7, status="queued", retail_usd=0.5)
    await ledger.started_again(db, AccountId("transcribe.so", API, "two"), failed, again)
    await announce(db, "evt_2", at=LATER, account="two")
    await read_all(db)
    assert [row[:4] for row in await rows(db)] == [("7", 1, "transcription", 0.36), ("7", 2, "retry", 0.36)]


@pytest.mark.parametrize("usd", [1.7e308, True])
async def test_an_amount_that_can_be_none_is_not_told(db: Pool, usd: object) -> None:
    await announce(db, "evt_1", usd=usd)
    await read_all(db)
    assert [row[3] for row in await rows(db)] == [None]


async def pruned(db: Pool) -> Gone:
    """Prune what is older than a day; return how much."""
    run = Prune(db, await retention.horizon(db, timedelta(days=1)))
    await run.run()
    return run.gone


async def test_each_run_and_each_account_is_a_charge_of_its_own(db: Pool) -> None:
    await announce(db, "evt_1", what="failed")
    await announce(db, "evt_2", at=LATER)
    await announce(db, "evt_3", account="two")
    await read_all(db)
    assert [row[:4] for row in await rows(db)] == [
        ("7", 1, "transcription", 0.36), ("7", 2, "retry", 0.36), ("7", 1, "transcription", 0.36),
    ]  # fmt: skip


async def test_an_end_without_a_time_is_the_last_one_that_is_known(db: Pool) -> None:
    await announce(db, "evt_1", what="failed", at=None)
    await announce(db, "evt_2", what="failed", at=None)
    await announce(db, "evt_3", what="failed")  # it ended before that was known
    await read_all(db)
    assert len(await rows(db)) == 1
    future = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    await announce(db, "evt_4", at=future)  # and this one ended after it
    await read_all(db)
    assert [row[1] for row in await rows(db)] == [1, 2]


async def test_a_charge_is_of_the_day_when_its_run_ended_or_else_when_that_was_told(db: Pool) -> None:
    future = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for number, at in enumerate((ENDED, None, future), start=1):
        await announce(db, f"evt_{number}", number=number, at=at)
    await read_all(db)
    found = await db.fetch(
        "select c.at, e.received_at from receiver.charges c join receiver.events e on e.id = c.event order by c.work"
    )
    assert found[0]["at"] == datetime.fromisoformat(ENDED)
    assert [row["at"] for row in found[1:]] == [row["received_at"] for row in found[1:]]


@pytest.mark.parametrize(
    ("usd", "what", "amount", "perhaps"),
    [
        (0, "failed", 0, False),
        (None, "failed", None, True),
        (None, "completed", None, False),
        ("0.5", "failed", 0.5, 0),
    ],
)
async def test_what_a_provider_does_not_say_is_not_guessed(
    db: Pool, usd: object, what: str, amount: float | None, perhaps: object
) -> None:
    await announce(db, "evt_1", what=what, usd=usd)
    await read_all(db)
    assert [(row[3], row[5]) for row in await rows(db)] == [(amount, perhaps)]


async def test_what_the_providers_list_says_is_read_too(db: Pool) -> None:
    item = {"id": 7, "status": "completed", "completed_at": ENDED, "charge_usd": 0.25}
    await db.execute(
        "insert into receiver.events (source, event_id, api_url, type, transcription_id, raw, secret_fingerprint,"
        " origin) values ('transcribe.so', 'rec_1', $1, 'transcription.completed', '7', $2, '', 'reconciled')",
        API, json.dumps(item).encode(),
    )  # fmt: skip
    await announce(db, "evt_late", usd=0.25)
    await read_all(db)
    assert [row[:4] for row in await rows(db)] == [("7", 1, "transcription", 0.25)]


async def test_an_event_without_its_body_tells_nothing(db: Pool) -> None:
    await announce(db, "evt_1")
    await db.execute("update receiver.events set raw = sha256(raw)")
    await read_all(db)
    assert await rows(db) == []


# --- our own ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["event first", "event later"])
async def test_a_submission_and_the_event_of_its_end_are_one_charge_and_the_event_is_right(
    db: Pool, order: str
) -> None:
    if order == "event first":
        await announce(db, "evt_1")
        await read_all(db)
    submission = await accepted(db, "7")
    assert len(await rows(db)) == 1
    if order == "event later":
        assert await rows(db) == [("7", 1, "transcription", 0.4, "USD", False, "answer")]
        await announce(db, "evt_1")
        await read_all(db)
    await records.move(db, submission.id, State.ENDED, Change(charged=0.9))
    assert await rows(db) == [("7", 1, "transcription", 0.36, "USD", False, "event")]
    assert await db.fetchval("select submission from receiver.charges") == submission.id


async def test_a_lost_answer_is_perhaps_a_charge_until_it_is_found(db: Pool) -> None:
    submission = await sent(db, "k")
    assert await rows(db) == []
    await records.move(db, submission.id, State.UNKNOWN)
    assert await rows(db) == [(submission.id, 1, "transcription", None, "USD", True, "answer")]
    async with db.acquire() as connection:
        await resolving.found(connection, submission.id, "7")
    assert await rows(db) == [("7", 1, "transcription", None, "USD", False, "answer")]


async def test_every_paid_try_is_a_row(here: Bench) -> None:
    here.plan("truncated")
    lost = await here.worked(await here.submit(terms=Terms(if_lost="again")))
    assert lost.paid_tries == 2
    assert [(run, perhaps) for _, run, _, _, _, perhaps, _ in await rows(here.db)] == [(1, True), (2, False)]
    assert here.charges() == 2


async def test_what_is_refused_is_no_charge_and_what_is_given_up_stays_perhaps(db: Pool) -> None:
    refused, lost = await sent(db, "a"), await sent(db, "b")
    await records.move(db, refused.id, State.FAILED, Change(tries=-1, error="no"))
    await records.move(db, lost.id, State.UNKNOWN)
    async with db.acquire() as connection:
        await resolving.give_up(connection, lost.id)
    assert await rows(db) == [(lost.id, 1, "transcription", None, "USD", True, "answer")]


async def test_of_what_fails_nobody_knows_the_charge_unless_the_provider_says_it(db: Pool) -> None:
    for number, charged in (("1", None), ("2", 0.0)):
        submission = await accepted(db, number)
        await records.move(db, submission.id, State.FAILED, Change(charged=charged, error="no"))
    assert [(row[0], row[3], row[5]) for row in await rows(db)] == [("1", None, True), ("2", 0.0, False)]


async def test_a_move_that_is_taken_back_leaves_no_charge(db: Pool) -> None:
    submission = await sent(db, "k")
    async with db.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await records.move(connection, submission.id, State.ACCEPTED, Change(remote_id="7", look_after=NOW))
        await transaction.rollback()
    assert await rows(db) == []


# --- started again ---------------------------------------------------------------------------------------------------


def status(what: str, *, at: str | None = None, **more: object) -> TranscriptionStatus:
    return TranscriptionStatus.model_validate({"id": 7, "status": what, "completed_at": at, "title": "A talk", **more})


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_retry_is_one_more_charge_whenever_the_ends_are_read(db: Pool, *, is_known: bool) -> None:
    await announce(db, "evt_1", what="failed")
    if is_known:
        await read_all(db)
    whose = AccountId("transcribe.so", API, "default")
    failed = status("failed", at=ENDED, charge_usd=0.36)
    await ledger.started_again(db, whose, failed, status("processing", retail_usd=0.5, pipeline_code="fast"))
    assert [row[1:4] for row in await rows(db)] == [(1, "transcription", 0.36), (2, "retry", 0.5)]
    await announce(db, "evt_2", at=LATER, usd=0.45)
    await read_all(db)
    assert [row[1:4] for row in await rows(db)] == [(1, "transcription", 0.36), (2, "retry", 0.45)]


async def test_a_ledger_that_cannot_be_written_undoes_no_retry(db: Pool, caplog: pytest.LogCaptureFixture) -> None:
    await db.execute("alter table receiver.charges add constraint never check (false)")
    whose = AccountId("transcribe.so", API, "default")
    await ledger.started_again(db, whose, status("failed"), status("processing"))
    assert "that 7 was started again was not written down" in caplog.text


# --- reading ---------------------------------------------------------------------------------------------------------


async def test_what_was_there_before_is_taken_in_small_batches(db: Pool) -> None:
    for number in range(1, 4):
        await announce(db, f"evt_{number}", number=number)
    await db.execute("select setval(pg_get_serial_sequence('receiver.events', 'id'), $1)", 3 * AT_ONCE)
    await announce(db, "evt_4", number=4)
    organ = Ledger(db)
    assert not await organ.read(NOW)
    reads = 1
    while await organ.read(NOW):
        reads += 1
    assert (reads, len(await rows(db))) == (4, 4)


async def test_an_event_that_commits_after_a_higher_one_is_not_missed(db: Pool, receiver_database: str) -> None:
    slow = await database.connect(receiver_database)
    transaction = slow.transaction()
    await transaction.start()
    raw = json.dumps({"data": {"transcription": {"charge_usd": 1, "completed_at": ENDED}}}).encode()
    await slow.execute(
        "insert into receiver.events (source, event_id, api_url, type, transcription_id, raw, secret_fingerprint,"
        " origin) values ('transcribe.so', 'evt_1', $1, 'transcription.completed', '1', $2, '', 'webhook')", API, raw,
    )  # fmt: skip
    await announce(db, "evt_quick", number=2)
    organ = Ledger(db)
    for _ in range(4):
        assert not await organ.read(NOW)
    assert await rows(db) == [], "the mark waits for the transaction"
    await transaction.commit()
    await slow.close()
    await organ.read(NOW)
    assert [row[0] for row in await rows(db)] == ["1", "2"]


async def test_a_mark_rests_for_a_while_and_one_process_reads(db: Pool, receiver_database: str) -> None:
    await announce(db, "evt_1")
    organ = Ledger(db)
    await organ.read(NOW)
    await organ.read(timedelta(hours=1))
    assert await rows(db) == []
    other = await database.connect(receiver_database)
    async with other.transaction():
        await other.execute("select from receiver.ledger for update")
        assert not await organ.read(NOW)
        assert await rows(db) == []
    await other.close()
    await organ.read(NOW)
    assert len(await rows(db)) == 1


async def test_one_that_the_database_refuses_stops_no_other(db: Pool, caplog: pytest.LogCaptureFixture) -> None:
    await announce(db, "evt_1", at="9999-12-31T23:59:59Z", usd=1e300)
    await db.execute("update receiver.events set received_at = 'infinity'")
    await announce(db, "evt_2", number=8)
    await read_all(db)
    assert "8" in [row[0] for row in await rows(db)], caplog.text


async def test_what_an_older_version_has_moved_is_taken_from_its_event(here: Bench) -> None:
    """Version 0.8 writes submissions and their events, and no charges."""
    here.plan("truncated")
    submission = await here.worked(await here.submit(terms=Terms(if_lost="again")))
    before = [row[1:] for row in await rows(here.db)]
    await here.db.execute("delete from receiver.charges")
    for _ in range(2):
        await read_all(here.db)
    assert [row[1:] for row in await rows(here.db)] == before
    assert await here.db.fetchval("select count(*) from receiver.charges where submission = $1", submission.id) == 2


async def test_an_older_submission_whose_end_was_announced_is_one_charge_with_its_name(db: Pool) -> None:
    submission = await accepted(db, "7")
    await db.execute("delete from receiver.charges")
    await announce(db, "evt_1")
    await read_all(db)
    assert [row[:4] for row in await rows(db)] == [("7", 1, "transcription", 0.36)]
    assert await db.fetchval("select submission from receiver.charges") == submission.id


async def test_one_charge_at_transcribe_so_from_the_order_to_the_end(db: Pool, receiver_database: str) -> None:
    async with transcribe_bench(db, receiver_database) as here:
        submission = await here.worked(await here.submit())
        (charge,) = here.sandbox.charges
        assert [(row[0], row[3]) for row in await rows(db)] == [(submission.remote_id, charge.amount)]


async def counted(db: Pool) -> dict[str, float]:
    return {row["series"]: row["value"] for row in await db.fetch("select * from receiver.totals")}


async def test_each_event_is_counted_once_by_source_type_and_origin(db: Pool) -> None:
    organ = Ledger(db)
    await announce(db, "evt_1")
    await announce(db, "evt_2", number=8)
    await organ.count()
    assert await counted(db) == {}, "the ledger has not read them yet"
    await announce(db, "evt_3", what="failed", number=9)
    await announce(db, "evt_1")
    await read_all(db)
    await organ.count(at_once=1)
    await announce(db, "evt_4", number=10)
    await read_all(db)
    await asyncio.gather(*(Ledger(db).count() for _ in range(5)))
    assert {series: number for series, number in (await counted(db)).items() if series.startswith("events")} == {
        'events["transcribe.so", "transcription.completed", "webhook"]': 3.0,
        'events["transcribe.so", "transcription.failed", "webhook"]': 1.0,
    }


async def test_types_that_a_sender_makes_up_are_counted_as_one(db: Pool) -> None:
    for number in range(4):
        await announce(db, f"evt_{number}", what=f"made_up_{number}")
        await read_all(db)
        await Ledger(db).count(most=2)
    found = {series: value for series, value in (await counted(db)).items() if series.startswith("events")}
    assert found == {
        'events["transcribe.so", "transcription.made_up_0", "webhook"]': 1.0,
        'events["transcribe.so", "transcription.made_up_1", "webhook"]': 1.0,
        'events["transcribe.so", "other", "webhook"]': 2.0,
    }


async def test_what_was_charged_is_added_up_anew_each_minute(db: Pool) -> None:
    series = f'charges["transcribe.so", "{API}", "default", "USD"]'
    for number in (7, 8):
        await announce(db, f"evt_{number}", number=number, usd=0.25)
    await read_all(db)
    await Ledger(db).count()
    await db.execute("update receiver.charges set amount = 1")
    await Ledger(db).count()
    assert (await counted(db))[series] == 0.5, "it was added up a moment ago"
    for amount, total in (("1", 2.0), ("null", 0.0)):
        await db.execute(f"update receiver.charges set amount = {amount}")
        await db.execute("update receiver.counted set totalled_at = now() - interval '2 minutes'")
        await Ledger(db).count()
        assert (await counted(db))[series] == total


async def test_charges_that_nobody_told_are_counted_and_are_no_total(db: Pool) -> None:
    for number in (7, 8):
        await announce(db, f"evt_{number}", number=number, usd=0.25)
    await read_all(db)
    await db.execute("update receiver.charges set amount = null, unit = null")
    await Ledger(db).count()
    found = {series: value for series, value in (await counted(db)).items() if series.startswith("charges")}
    assert found == {f'charges_untold["transcribe.so", "{API}", "default"]': 2.0}


async def test_a_right_that_is_missing_for_counts_stops_no_charge(db: Pool) -> None:
    await announce(db, "evt_1")
    await db.execute("drop table receiver.totals")
    watching = asyncio.create_task(Ledger(db).watch())

    async def is_charged() -> bool:
        await db.execute("update receiver.ledger set marked_at = now() - interval '1 minute'")
        return bool(await db.fetchval("select count(*) from receiver.charges"))

    await until(is_charged)
    assert not watching.done()
    watching.cancel()

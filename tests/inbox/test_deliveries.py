"""`inbox.deliveries`: an event and its jobs are stored once, byte for byte; its state follows from its jobs."""

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from receiver.database import Pool
from receiver.events import AccountId, Event, Unreadable
from receiver.inbox import deliveries, jobs, listing, lookup
from receiver.inbox.deliveries import Delivery, Status
from receiver.inbox.jobs import Queue
from receiver.inbox.listing import Stored
from receiver.inbox.retry import Done
from receiver.providers.transcribe_so import payload
from tests.inbox.ending import finish
from tests.inbox.portions import portions
from tests.processes import completed

API = "https://api.test"
SOURCE = "transcribe.so"


def queues(api_url: str, account: str = "default") -> list[Queue]:
    return jobs.queues([AccountId("transcribe.so", api_url, account)], ["a"])


async def append(
    db: Pool, content: Event | Unreadable, *handlers: str, api_url: str = API, account: str = "default"
) -> Status:
    delivery = Delivery(content, api_url, "abcdef", handlers, account=account)
    async with db.acquire() as connection:
        return (await deliveries.append(connection, [delivery]))[0]


def read(event_id: str, event_type: str = "transcription.completed", source: str = SOURCE) -> Event:
    event = payload.read(source, completed(event_id, event_type=event_type))
    assert isinstance(event, Event)
    return event


async def only(db: Pool, name: str) -> Stored:
    found = await listing.find(db, name)
    assert len(found) == 1
    return found[0]


async def test_an_event_is_stored_with_one_pending_job_for_each_handler(db: Pool) -> None:
    assert await append(db, read("evt_1"), "b", "a") == "stored"
    stored = await only(db, "evt_1")
    assert (stored.source, stored.id, stored.type) == (SOURCE, "evt_1", "transcription.completed")
    assert (stored.transcription_id, stored.unreadable, stored.deliveries) == ("4821", None, 1)
    assert stored.state == "pending"
    assert [(job.handler, job.state, job.attempt, job.error) for job in stored.jobs] == [
        ("a", "pending", 0, None),
        ("b", "pending", 0, None),
    ]
    assert all(job.waits_seconds <= 0 for job in stored.jobs)
    row = await db.fetchrow("select api_url, secret_fingerprint from receiver.events")
    assert row is not None
    assert tuple(row) == (API, "abcdef")


async def test_a_repeat_is_counted_and_changes_nothing_else(db: Pool) -> None:
    """A repeat adds no job for a new handler, and a job that was done stays done."""
    await append(db, read("evt_1"), "a")
    (claim,) = await jobs.claim(db, portions(queues(API)), lease=timedelta(minutes=1), limit=1)
    await finish(db, claim.job, claim.attempt, Done())
    assert await append(db, read("evt_1"), "a", "new") == "duplicate"
    stored = await only(db, "evt_1")
    assert (stored.deliveries, stored.type, stored.state) == (2, "transcription.completed", "done")
    assert [job.handler for job in stored.jobs] == ["a"]
    assert await listing.raw(db, stored.key) == completed("evt_1")
    assert await db.fetchval("select last_delivered_at > received_at from receiver.events")


# --- identity: who speaks, and about what ----------------------------------------------------------------------------


def about(event_id: str, transcription: int) -> Event:
    event = payload.read(SOURCE, completed(event_id, transcription))
    assert isinstance(event, Event)
    return event


async def test_an_id_that_another_api_transcription_or_account_has_used_takes_nobodys_place(db: Pool) -> None:
    """Each is an event of its own, with its own jobs and its own idempotency keys."""
    assert await append(db, read("evt_1"), "a") == "stored"
    assert await append(db, read("evt_1"), "a", api_url="https://other.test") == "stored"
    assert await append(db, about("evt_1", 666), "a") == "stored"
    async with db.acquire() as connection:
        other_account = Delivery(read("evt_1"), API, "abcdef", ("a",), account="second")
        assert await deliveries.append(connection, [other_account]) == ["stored"]
    stored = await listing.find(db, "evt_1")
    assert {(one.api_url, one.account, one.transcription_id) for one in stored} == {
        (API, "default", "4821"), ("https://other.test", "default", "4821"), (API, "default", "666"),
        (API, "second", "4821"),
    }  # fmt: skip
    claims = [
        claim
        for whose in (queues(API), queues(API, "second"), queues("https://other.test"))
        for claim in await jobs.claim(db, portions(whose), lease=timedelta(minutes=1), limit=9)
    ]
    assert len({claim.idempotency_key for claim in claims}) == 4


async def test_of_those_that_are_stored_at_once_too_nobody_takes_anothers_place(db: Pool) -> None:
    content = read("evt_1")
    one = Delivery(content, API, "abcdef", ("a",))
    others = [replace(one, api_url="https://other.test"), replace(one, account="second")]
    async with db.acquire() as connection:
        assert await deliveries.append(connection, [one, *others, one]) == ["stored", "stored", "stored", "duplicate"]
    assert len(await listing.recent(db)) == 3


async def test_no_transcription_is_the_same_as_no_transcription(db: Pool) -> None:
    ping = payload.read(SOURCE, b'{"id": "evt_1", "event": "webhook.test"}')
    assert [await append(db, ping) for _ in range(2)] == ["stored", "duplicate"]


async def test_other_bytes_of_the_same_identity_are_quarantined_beside_the_first(db: Pool) -> None:
    first, other = read("evt_1"), read("evt_1", "transcription.failed")
    assert await append(db, first, "a") == "stored"
    assert [await append(db, other, "a") for _ in range(2)] == ["quarantined", "duplicate"]
    assert await append(db, first, "a") == "duplicate"
    stored = await only(db, "evt_1")
    (variant,) = await listing.variants(db, stored)
    assert (stored.type, stored.deliveries, len(stored.jobs)) == ("transcription.completed", 2, 1)
    assert variant.id == hashlib.sha256(other.raw).hexdigest()
    assert (variant.state, variant.deliveries, variant.jobs) == ("quarantined", 2, ())
    assert variant.unreadable == "another body came before under its id, evt_1"
    assert await listing.raw(db, variant.key) == other.raw


async def test_an_event_called_like_the_hash_of_an_unreadable_body_takes_nobodys_place(db: Pool) -> None:
    body = b"not json"
    name = hashlib.sha256(body).hexdigest()
    trap = payload.read(SOURCE, json.dumps({"id": name, "event": "webhook.test"}).encode())
    assert await append(db, trap) == "stored"
    assert await append(db, payload.read(SOURCE, body)) == "quarantined"
    assert {one.state for one in await listing.find(db, name)} == {"done", "quarantined"}


async def test_many_are_stored_at_once_and_each_has_its_answer(db: Pool) -> None:
    """The batch has copies, other bytes and unreadable bodies, in any order, and events that are stored already."""
    await append(db, read("evt_0"))
    given = [
        Delivery(content, API, "abcdef", ("a",))
        for content in (
            read("evt_2"), read("evt_1"), read("evt_2", "transcription.failed"), read("evt_1"), read("evt_0"),
            payload.read(SOURCE, b"x"), payload.read(SOURCE, b"x"), read("evt_2"),
            read("evt_2", "transcription.failed"),
        )
    ]  # fmt: skip
    async with db.acquire() as connection:
        answers = await deliveries.append(connection, given)
        assert await deliveries.append(connection, []) == []
    assert answers == [
        "stored", "stored", "quarantined", "duplicate", "duplicate", "quarantined", "duplicate", "duplicate",
        "duplicate",
    ]  # fmt: skip
    found = {one.id: one for one in await listing.recent(db)}
    assert {name: one.deliveries for name, one in found.items() if name.startswith("evt_")} == {
        "evt_0": 2, "evt_1": 2, "evt_2": 2,
    }  # fmt: skip
    assert len(found) == 5
    assert [name for name, one in found.items() if one.jobs] == ["evt_2", "evt_1"]


async def test_what_needs_two_statements_is_stored_by_both_or_by_none(db: Pool) -> None:
    """Otherwise what the first one has stored is counted again when the deliveries are stored one by one."""
    await db.execute("alter table receiver.events add check (claimed_id is null)")
    given = [Delivery(content, API, "f", ()) for content in (read("evt_1"), read("evt_1", "transcription.failed"))]
    async with db.acquire() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await deliveries.append(connection, given)
        assert await deliveries.append(connection, given[:1]) == ["stored"]


async def test_batches_that_meet_do_not_deadlock(db: Pool) -> None:
    """Sixteen connections store the same events in different orders."""
    names = [f"evt_{number}" for number in range(30)]

    async def store(order: list[str]) -> None:
        async with db.acquire() as connection:
            await deliveries.append(connection, [Delivery(read(name), API, "abcdef", ("a",)) for name in order])

    await asyncio.gather(*(store(names[turn:] + names[:turn]) for turn in range(16)))
    assert {one.deliveries for one in await listing.recent(db)} == {16}
    assert await db.fetchval("select count(*) from receiver.jobs") == 30


@pytest.mark.parametrize("handlers", [(), ("a",), ("a", "b", "c")])
async def test_of_many_copies_at_once_one_is_stored_and_the_others_are_counted(
    db: Pool, handlers: tuple[str, ...]
) -> None:
    answers = await asyncio.gather(*(append(db, read("evt_1"), *handlers) for _ in range(20)))
    assert sorted(answers) == ["duplicate"] * 19 + ["stored"]
    stored = await only(db, "evt_1")
    assert stored.deliveries == 20
    assert [job.handler for job in stored.jobs] == list(handlers)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff\xfe not UTF-8 \x80",
        b'{"id": "evt_1", "event": "a", "data": {"title": "\\u0000"}}',
        bytes(range(256)) * 1024,
        b"[" * 5000,
    ],
)
async def test_what_cannot_be_read_is_kept_byte_for_byte_and_has_no_jobs(db: Pool, body: bytes) -> None:
    content = payload.read(SOURCE, body)
    assert isinstance(content, Unreadable)
    assert await append(db, content, "a") == "quarantined"
    assert await append(db, content, "a") == "duplicate"
    stored = await only(db, hashlib.sha256(body).hexdigest())
    assert (stored.state, stored.type, stored.unreadable) == ("quarantined", None, content.reason)
    assert (stored.deliveries, stored.jobs) == (2, ())
    assert await listing.raw(db, stored.key) == body


async def test_a_readable_body_is_kept_byte_for_byte(db: Pool) -> None:
    body = b' {"data":{},\t"event":"a.b",   "id":"evt_1", "n": 1.0e0, "\\u00e9": "\xc3\xa9"}\r\n'
    content = payload.read(SOURCE, body)
    assert isinstance(content, Event), content
    await append(db, content, "a")
    assert await listing.raw(db, (await only(db, "evt_1")).key) == body
    (claim,) = await jobs.claim(db, portions(queues(API)), lease=timedelta(minutes=1), limit=1)
    assert claim.raw == body


async def test_an_events_state_follows_from_its_jobs(db: Pool) -> None:
    cases = {
        (): "done",
        ("done",): "done",
        ("done", "done"): "done",
        ("pending",): "pending",
        ("running",): "pending",
        ("dead",): "dead",
        ("done", "dead"): "dead",
        ("dead", "pending"): "pending",
        ("dead", "running"): "pending",
        ("done", "running"): "pending",
        ("done", "dead", "pending", "running"): "pending",
    }
    for states in cases:
        name = f"evt_{'_'.join(states)}"
        await append(db, read(name), *(f"h{n}" for n in range(len(states))))
        for number, state in enumerate(states):
            await db.execute(
                "update receiver.jobs set state = $1 where handler = $2 and event = $3",
                state, f"h{number}", (await only(db, name)).key,
            )  # fmt: skip
    assert {states: (await only(db, f"evt_{'_'.join(states)}")).state for states in cases} == cases


async def test_a_quarantined_event_becomes_what_it_can_now_be_read_as(db: Pool) -> None:
    await append(db, Unreadable(SOURCE, "0123", "once it was not understood", completed("evt_1")))
    key = (await only(db, "0123")).key
    assert await deliveries.accept_quarantined(db, key, read("evt_1"))
    stored = await only(db, "evt_1")
    assert (stored.key, stored.type, stored.unreadable, stored.transcription_id) == (
        key, "transcription.completed", None, "4821",
    )  # fmt: skip
    assert await listing.find(db, "0123") == []
    assert await append(db, read("evt_1"), "a") == "duplicate"
    assert await jobs.replay(db, key, ["a"]) == ["a"]
    assert (await only(db, "evt_1")).state == "pending"


async def test_a_quarantined_event_that_is_stored_already_stays_where_it_is(db: Pool) -> None:
    await append(db, read("evt_1"))
    await append(db, Unreadable(SOURCE, "0123", "why", completed("evt_1")))
    quarantined = await only(db, "0123")
    assert not await deliveries.accept_quarantined(db, quarantined.key, read("evt_1"))
    assert await only(db, "0123") == quarantined


async def test_an_event_that_is_not_quarantined_is_not_changed_by_accepting(db: Pool) -> None:
    await append(db, read("evt_1"))
    before = await only(db, "evt_1")
    await deliveries.accept_quarantined(db, before.key, read("evt_2", "transcription.failed"))
    assert await only(db, "evt_1") == before


# --- each delivery of an event ---------------------------------------------------------------------------------------

SPOOLED = datetime(2026, 4, 29, 8, 15, 30, 500_000, UTC)


def one(content: Event | Unreadable, secret: str, off: float | None = None, at: datetime | None = None) -> Delivery:
    return Delivery(content, API, secret, ("a",), seconds_off=off, spooled_at=at)


async def store(db: Pool, *given: Delivery) -> None:
    async with db.acquire() as connection:
        await deliveries.append(connection, given)


async def delivered(db: Pool, name: str) -> list[tuple[int, str, str, float | None]]:
    """Return number, way, secret and clock of each delivery that is kept."""
    whole = await lookup.whole(db, name)
    return [(came.number, came.how, came.secret_fingerprint, came.seconds_off) for came in whole.delivered]


async def test_each_delivery_is_kept_with_its_secret_and_its_clock(db: Pool) -> None:
    for number in range(1, 4):
        await store(db, one(read("evt_1"), f"s{number}", number / 2))
    assert await delivered(db, "evt_1") == [
        (1, "stored", "s1", 0.5),
        (2, "repeat", "s2", 1.0),
        (3, "repeat", "s3", 1.5),
    ]
    times = [came.at for came in (await lookup.whole(db, "evt_1")).delivered]
    assert times == sorted(times)


@pytest.mark.parametrize("together", [1, 4, 30], ids=["one by one", "by fours", "at once"])
async def test_twenty_deliveries_are_kept_and_further_ones_only_counted(together: int, db: Pool) -> None:
    given = [one(read("evt_1"), f"s{number}", float(number)) for number in range(1, 31)]
    for first in range(0, 30, together):
        await store(db, *given[first : first + together])
    assert await delivered(db, "evt_1") == [
        (number, "stored" if number == 1 else "repeat", f"s{number}", float(number)) for number in range(1, 21)
    ]
    assert (await only(db, "evt_1")).deliveries == 30


async def test_the_deliveries_of_a_batch_are_each_kept_with_their_event(db: Pool) -> None:
    other = read("evt_1", "transcription.failed")
    bad = payload.read(SOURCE, b"x")
    await store(
        db, one(read("evt_1"), "s1"), one(read("evt_2"), "t1"), one(other, "v1"), one(read("evt_1"), "s2"),
        one(bad, "b1"), one(other, "v2", 2.0), one(read("evt_2"), "t2"), one(bad, "b2"), one(read("evt_1"), "s3"),
    )  # fmt: skip
    for name, secrets in (
        ("evt_1", "s1 s2 s3"), ("evt_2", "t1 t2"), (hashlib.sha256(other.raw).hexdigest(), "v1 v2"), (bad.id, "b1 b2"),
    ):  # fmt: skip
        assert [secret for _, _, secret, _ in await delivered(db, name)] == secrets.split()
    assert await delivered(db, hashlib.sha256(other.raw).hexdigest()) == [
        (1, "stored", "v1", None), (2, "repeat", "v2", 2.0),
    ]  # fmt: skip


async def test_what_was_spooled_is_kept_with_the_time_of_the_spooling(db: Pool) -> None:
    await store(db, one(read("evt_1"), "s1", 1.0, SPOOLED), one(read("evt_2"), "t1"))
    await store(
        db, one(read("evt_1"), "s2"), one(read("evt_2"), "t2", -3.0, SPOOLED), one(read("evt_1"), "s3", 0.0, SPOOLED)
    )
    assert await delivered(db, "evt_1") == [
        (1, "spooled", "s1", 1.0), (2, "repeat", "s2", None), (3, "spooled", "s3", 0.0),
    ]  # fmt: skip
    assert await delivered(db, "evt_2") == [(1, "stored", "t1", None), (2, "spooled", "t2", -3.0)]
    for name, number in (("evt_1", 0), ("evt_1", 2), ("evt_2", 1)):
        assert (await lookup.whole(db, name)).delivered[number].at == SPOOLED


async def test_an_event_that_is_gone_leaves_no_deliveries(db: Pool) -> None:
    await store(db, one(read("evt_1"), "s1"), one(read("evt_1"), "s2"))
    await db.execute("delete from receiver.events")
    assert await db.fetchval("select count(*) from receiver.deliveries") == 0

"""`receiver.worker.notices`: what has died and what was charged is told once, whoever tells it."""

import asyncio
import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from receiver.database import Pool
from receiver.events import AccountId, Event
from receiver.inbox import deliveries, jobs, listing
from receiver.inbox.deliveries import Delivery
from receiver.inbox.listing import Stored
from receiver.providers.transcribe_so import payload
from receiver.worker import notices
from receiver.worker.lanes import Deadlines
from receiver.worker.notices import Notices, Pauses
from tests.processes import completed

AT_ONCE = timedelta(0)
PAUSES = Pauses(settled_after=AT_ONCE, between_costs=AT_ONCE)
LATER = dataclasses.replace(PAUSES, between_dead=AT_ONCE)
URL = "https://api.test"
CHARGE = (
    "insert into receiver.charges (source, api_url, account, work, run, operation, amount, unit, perhaps, known_by, at)"
    " values ($1, $2, $3, $4, 1, 'transcription', $5, $6, $7, 'event', $8)"
)
NOW = datetime.now(UTC)  # one month, also if another one begins meanwhile
MONTH = f"{NOW:%Y-%m}"
LAST_SECOND = NOW.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(seconds=1)
# It dies, and cannot commit before another connection lets it.
SLOW = """
with died as (
    update receiver.jobs set state = 'dead', due_at = now(), error = 'slow' where handler = 'slow' returning id
)
select pg_advisory_xact_lock(id, 1) from (select 7 as id from died) as held
"""

MANY = """
with event as (
    insert into receiver.events (source, event_id, api_url, type, raw, secret_fingerprint, origin)
    select 'transcribe.so', 'evt_many_' || n, 'https://api.test', 'some.event', '', '', 'webhook'
    from generate_series(1, $1) n
    returning id
)
insert into receiver.jobs (event, handler, source, api_url, account, state, due_at)
select id, 'files', 'transcribe.so', 'https://api.test', 'default', 'dead', now() from event
"""


def organ(db: Pool, *, thresholds: Sequence[int] = (), pauses: Pauses = PAUSES, wanted: str = "notify:x") -> Notices:
    """Return the organ of a process in which one handler wants every notice."""
    return Notices(db, lambda _, __: [wanted], [Decimal(one) for one in thresholds], pauses)


async def die(db: Pool, *events: str, handler: str = "files", account: str = "default", error: str = "why") -> None:
    """Let the job of a handler for each of some new events die."""
    for name in events:
        event = payload.read("transcribe.so", completed(name))
        assert isinstance(event, Event)
        async with db.acquire() as connection:
            await deliveries.append(connection, [Delivery(event, URL, "s", (handler,), account)])
    await bury(db, handler, error)


async def bury(db: Pool, handler: str, error: str = "why") -> None:
    for row in await db.fetch("select id from receiver.jobs where handler = $1 and state = 'pending'", handler):
        await jobs.bury(db, row["id"], error)


async def charge(
    db: Pool, amount: float | None, *, of: AccountId | None = None, unit: str = "USD", perhaps: bool = False,
    ago: timedelta = AT_ONCE,
) -> None:  # fmt: skip
    number = await db.fetchval("select count(*) from receiver.charges")
    whose = of or AccountId("transcribe.so", URL, "default")
    exact = None if amount is None else Decimal(str(amount))
    await db.execute(CHARGE, *whose, str(number), exact, unit, perhaps, NOW - ago)


async def told(db: Pool) -> list[dict[str, Any]]:
    """Return what the notices say, the first one first."""
    rows = await db.fetch("select raw from receiver.events where origin = 'notice' order by id")
    return [json.loads(row["raw"])["data"] for row in rows]


async def written(db: Pool) -> list[Stored]:
    """Return the notices as they are stored, the first one first."""
    ids = await db.fetch("select event_id from receiver.events where origin = 'notice' order by id")
    return [(await listing.find(db, row["event_id"]))[0] for row in ids]


async def begun(db: Pool, **options: Any) -> Notices:
    """Return an organ that has looked once."""
    found = organ(db, **options)
    assert not await found.look()
    return found


async def test_what_is_dead_at_the_first_look_is_told_by_nobody(db: Pool) -> None:
    await die(db, "evt_1")
    first = await begun(db)
    await first.look()
    assert await told(db) == []
    await die(db, "evt_2")
    await first.look()
    assert [one["dead"]["jobs"] for one in await told(db)] == [1]


async def test_many_dead_jobs_are_one_notice_with_their_number_and_the_last_cause(db: Pool) -> None:
    first = await begun(db)
    await die(db, *(f"evt_{n}" for n in range(9)), error="earlier")
    await die(db, "evt_9", error="\n  answered 503 for evt_9 \nmore")
    await first.look()
    (one,) = await told(db)
    assert one["dead"] | {"since": ""} == {"handler": "files", "jobs": 10, "since": "", "error": "answered 503 for #"}
    oldest = await db.fetchval("select min(due_at) from receiver.jobs where state = 'dead'")
    assert datetime.fromisoformat(one["dead"]["since"]) == oldest
    (event,) = await written(db)
    assert (event.type, event.source, event.api_url, event.account) == (
        "receiver.dead",
        "transcribe.so",
        URL,
        "default",
    )
    assert [(job.handler, job.state) for job in event.jobs] == [("notify:x", "pending")]


async def test_what_dies_within_an_hour_is_told_together_when_the_hour_is_over(db: Pool) -> None:
    first = await begun(db)
    for event in ("evt_1", "evt_2", "evt_3"):
        await die(db, event)
        await first.look()
    assert [one["dead"]["jobs"] for one in await told(db)] == [1]
    later = organ(db, pauses=LATER)
    await later.look()
    await later.look()
    assert [one["dead"]["jobs"] for one in await told(db)] == [1, 2]


async def test_each_handler_and_each_account_has_notices_of_its_own(db: Pool) -> None:
    first = await begun(db)
    await die(db, "evt_1")
    await die(db, "evt_2", handler="crm")
    await die(db, "evt_3", account="two")
    await first.look()
    whose = {
        (one.account, said["dead"]["handler"]) for one, said in zip(await written(db), await told(db), strict=True)
    }
    assert whose == {("default", "files"), ("default", "crm"), ("two", "files")}


async def test_the_dead_job_of_a_notice_makes_no_other_notice(db: Pool) -> None:
    first = await begun(db, pauses=LATER)
    await die(db, "evt_1")
    await first.look()
    await bury(db, "notify:x")
    await first.look()
    await die(db, "evt_2", handler="notify:x")  # but that of another event does
    await first.look()
    assert [one["dead"]["handler"] for one in await told(db)] == ["files", "notify:x"]


async def test_more_dead_jobs_than_are_read_at_once_are_one_notice_too(db: Pool) -> None:
    first = await begun(db)
    await die(db, "evt_1")
    number = notices.AT_ONCE + 5
    await db.execute(MANY, number - 1)
    assert await first.look()
    assert await told(db) == []
    assert not await first.look()
    assert [one["dead"]["jobs"] for one in await told(db)] == [number]


async def test_a_job_is_read_when_what_has_killed_it_can_have_ended(db: Pool) -> None:
    slow = await begun(db, pauses=dataclasses.replace(PAUSES, settled_after=timedelta(minutes=1)))
    await die(db, "evt_1")
    await slow.look()
    assert await told(db) == []
    await db.execute("update receiver.jobs set due_at = due_at - interval '1 min' where state = 'dead'")
    await db.execute("update receiver.noticed set died_at = died_at - interval '2 min'")
    await slow.look()
    assert len(await told(db)) == 1


async def test_a_job_that_has_died_before_another_one_and_is_seen_after_it_is_told_too(db: Pool) -> None:
    first = await begun(db)
    event = payload.read("transcribe.so", completed("evt_1"))
    assert isinstance(event, Event)
    async with db.acquire() as one, db.acquire() as other:
        await deliveries.append(one, [Delivery(event, URL, "s", ("slow",), "default")])
        await one.execute("select pg_advisory_lock(7, 1)")
        dying = asyncio.create_task(other.execute(SLOW))
        await until_waiting(db)
        await die(db, "evt_2")
        await first.look()
        assert await told(db) == []
        await one.execute("select pg_advisory_unlock(7, 1)")
        await dying
    await first.look()
    assert sorted(one["dead"]["handler"] for one in await told(db)) == ["files", "slow"]


async def until_waiting(db: Pool) -> None:
    """Return when a statement waits for a lock that a test holds."""
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    async with asyncio.timeout(60):
        while True:
            if await db.fetchval(waiting):
                return


def test_what_has_begun_to_write_nothing_is_ended_long_before_it_is_passed() -> None:
    longest = max(Deadlines().statement, Deadlines().server)
    assert Pauses().settled_after >= 2 * timedelta(seconds=longest)


async def test_a_look_that_finds_nothing_writes_nothing(db: Pool) -> None:
    first = await begun(db)
    version = await db.fetchval("select xmin::text from receiver.noticed")
    await first.look()
    assert await db.fetchval("select xmin::text from receiver.noticed") == version
    await die(db, "evt_1")
    await first.look()
    assert await db.fetchval("select xmin::text from receiver.noticed") != version


async def test_after_a_long_time_without_a_look_only_what_has_died_lately_is_told(db: Pool) -> None:
    first = await begun(db)
    await die(db, "evt_1", handler="old")
    await db.execute("update receiver.jobs set due_at = now() - interval '25 h'")
    await db.execute("update receiver.noticed set died_at = now() - interval '30 d'")
    await die(db, "evt_2", handler="new")
    await first.look()
    assert [one["dead"]["handler"] for one in await told(db)] == ["new"]


async def test_of_several_processes_one_writes_and_a_look_that_is_cut_off_has_written_nothing(db: Pool) -> None:
    first = await begun(db)
    await die(db, "evt_1")
    async with db.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.fetch("select from receiver.noticed for update")
        assert not await first.look()
        assert await told(db) == []
        await transaction.rollback()
    await asyncio.gather(*(organ(db).look() for _ in range(5)))
    assert len(await told(db)) == 1


async def test_a_job_dies_when_it_is_buried_however_long_it_was_due(db: Pool) -> None:
    await die(db, "evt_1")
    await jobs.replay(db, (await listing.find(db, "evt_1"))[0].key, ["files"])
    first = await begun(db)
    await bury(db, "files")
    await first.look()
    assert [one["dead"]["jobs"] for one in await told(db)] == [1]


async def test_a_job_that_is_replayed_and_dies_again_is_told_again(db: Pool) -> None:
    first = await begun(db, pauses=LATER)
    await die(db, "evt_1")
    await first.look()
    await jobs.replay(db, (await listing.find(db, "evt_1"))[0].key, ["files"])
    await first.look()
    await bury(db, "files")
    await first.look()
    assert [one["dead"]["jobs"] for one in await told(db)] == [1, 1]


async def test_costs_that_pass_an_amount_are_told_once_for_each_month_amount_and_account(db: Pool) -> None:
    first = await begun(db, thresholds=(10, 20))
    await charge(db, 9.5)
    await first.look()
    assert await told(db) == []
    await charge(db, 0.75)
    await first.look()
    await charge(db, 5)
    await first.look()
    (one,) = await told(db)
    assert one == {"costs": {"month": MONTH, "amount": 10.25, "threshold": 10.0, "unit": "USD"}}
    await charge(db, 30, of=AccountId("timbr", URL, "two"))
    await first.look()
    found = [(one.id.rpartition("_")[0], one.source, one.account) for one in await written(db)]
    assert found == [
        (f"evt_costs_{MONTH}_10", "transcribe.so", "default"), (f"evt_costs_{MONTH}_10", "timbr", "two"),
        (f"evt_costs_{MONTH}_20", "timbr", "two"),
    ]  # fmt: skip
    assert {one.type for one in await written(db)} == {"receiver.costs"}


@pytest.mark.parametrize("other", [
    {"amount": 50, "unit": "credits"}, {"amount": 50, "perhaps": True}, {"amount": None},
    {"amount": 50, "ago": timedelta(days=32)},
])  # fmt: skip
async def test_what_is_no_charge_of_the_month_in_dollars_passes_no_amount(db: Pool, other: dict[str, Any]) -> None:
    first = await begun(db, thresholds=(10,))
    await charge(db, **other)
    await charge(db, 9.99)
    await first.look()
    assert await told(db) == []
    await charge(db, 0.01)
    await first.look()
    assert [one["costs"]["amount"] for one in await told(db)] == [10.0]


async def test_costs_are_not_added_up_at_every_look(db: Pool) -> None:
    seldom = organ(db, thresholds=(10,), pauses=Pauses())
    await seldom.look()
    await charge(db, 50)
    await seldom.look()
    assert await told(db) == []


async def test_what_passes_an_amount_after_the_last_look_of_a_month_is_told_of_that_month(db: Pool) -> None:
    first = await begun(db, thresholds=(10,))
    await db.execute("update receiver.noticed set added_up_at = $1", LAST_SECOND - timedelta(minutes=5))
    await charge(db, 50, ago=NOW - LAST_SECOND)
    await first.look()
    assert [one["costs"]["month"] for one in await told(db)] == [f"{LAST_SECOND:%Y-%m}"]
    await charge(db, 50)
    await first.look()
    await first.look()
    assert [one["costs"]["month"] for one in await told(db)] == [f"{LAST_SECOND:%Y-%m}", MONTH]


async def test_a_charge_that_is_written_down_after_its_month_is_told_of_that_month(db: Pool) -> None:
    first = await begun(db, thresholds=(10,))
    await db.execute("update receiver.noticed set added_up_at = $1", LAST_SECOND + timedelta(minutes=5))
    await charge(db, 50, ago=NOW - LAST_SECOND)
    await first.look()
    assert [one["costs"]["month"] for one in await told(db)] == [f"{LAST_SECOND:%Y-%m}"]


async def test_who_has_no_amounts_does_not_say_that_costs_were_added_up(db: Pool) -> None:
    without = await begun(db, pauses=Pauses())
    await charge(db, 50)
    await without.look()
    await organ(db, thresholds=(10,), pauses=Pauses()).look()
    assert len(await told(db)) == 1

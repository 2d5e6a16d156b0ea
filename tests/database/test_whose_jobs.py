"""The migrations that put on a job's row whose it is, and what processes of version 0.8 do beside this version."""

import asyncio
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from receiver import providers
from receiver.database import Database, Pool, connect, migrations
from receiver.events import AccountId
from receiver.inbox import jobs, listing, unannounced
from receiver.inbox.deliveries import Delivery
from receiver.inbox.jobs import START
from receiver.inbox.retry import Done
from tests.database.test_migrations import connection, empty
from tests.inbox.ending import finish
from tests.inbox.portions import portions
from tests.processes import completed
from tests.worker.working import until

__all__ = ["connection", "empty"]  # fixtures

API = "https://api.test"
OF_0_8 = Path(__file__).with_name("of_0_8")
EVENTS = """
insert into receiver.events (source, event_id, api_url, account, type, raw, secret_fingerprint, callback_for)
values ('transcribe.so', 'evt_1', 'https://api.test', 'default', 'transcription.completed', '', '', null),
       ('transcribe.so', 'evt_2', 'https://api.test', 'other', 'transcription.completed', '', '', '42')
"""
JOBS = "insert into receiver.jobs (event, handler) select id, 'a' from receiver.events"
WHOSE = """
select e.event_id, j.source, j.api_url, j.account, e.origin
from receiver.jobs j join receiver.events e on e.id = j.event order by 1
"""
FILLED = [
    ("evt_1", "transcribe.so", API, "default", "webhook"),
    ("evt_2", "transcribe.so", API, "other", "callback"),
]


async def whose(connection: Database) -> list[tuple[str, ...]]:
    return [tuple(row) for row in await connection.fetch(WHOSE)]


async def test_rows_that_are_there_are_filled_and_a_second_run_is_none(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    files = migrations.files()
    await migrations.migrate(connection, files[:9])
    await connection.execute(EVENTS)
    await connection.execute(JOBS)
    await migrations.migrate(connection, files)
    assert await whose(connection) == FILLED
    await connection.execute("delete from receiver.migrations where version in (10, 11, 21)")
    await migrations.migrate(connection, files)
    assert await whose(connection) == FILLED


@pytest.mark.parametrize(
    ("table", "column"),
    [("jobs", "source"), ("jobs", "api_url"), ("jobs", "account"), ("events", "origin")],
)
async def test_no_row_is_without_what_says_whose_it_is(
    table: str, column: str, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    files = migrations.files()
    await migrations.migrate(connection, files[:9])
    await connection.execute(EVENTS)
    await connection.execute(JOBS)
    await migrations.migrate(connection, files)
    with pytest.raises(asyncpg.NotNullViolationError):
        await connection.execute(f"update receiver.{table} set {column} = null")


@pytest.mark.parametrize("path", sorted(OF_0_8.rglob("*.sql")), ids=lambda path: path.stem)
async def test_a_statement_of_version_0_8_fits_this_schema(path: Path, db: Pool) -> None:
    async with db.acquire() as connection:
        await connection.prepare(path.read_text())


@pytest.mark.parametrize("limit", [1, 9])
async def test_what_version_0_8_stores_and_replays_is_claimed_and_done(db: Pool, limit: int) -> None:
    for number in range(3):
        await stored_by_0_8(db, number)
    for event in await listing.find(db, "evt_0"):
        assert {row["handler"] for row in await db.fetch(of_0_8("replay_jobs"), event.key, ["a", "c"])} == {"a", "c"}
    queues = jobs.queues([AccountId("transcribe.so", API, "default")], ["a", "b", "c"])
    done = 0
    while claims := await jobs.claim(db, portions(queues), lease=timedelta(minutes=1), limit=limit):
        for claim in claims:
            assert await finish(db, claim.job, claim.attempt, Done())
            done += 1
    assert done == 7
    assert {job.job.state for job in await listing.jobs(db)} == {"done"}


async def test_what_is_stored_is_claimed_and_done_by_version_0_8(db: Pool) -> None:
    await stored_by_0_8(db, 1)
    whose = [["transcribe.so"], [API], ["default"]]
    claimed = await db.fetch(
        of_0_8("claim_jobs"),
        *whose,
        ["a"],
        [False],
        timedelta(minutes=1),
        8,
        None,
        [],
        [8],
        [START.due_at],
        [START.job],
    )
    assert [row["handler"] for row in claimed] == ["a"]
    for row in claimed:
        settled = await db.fetch(
            of_0_8("settle_jobs"), [row["job"]], [row["attempt"]], ["dead"], [timedelta(0)], ["why"], [0], ["dead"],
            [row["claimed_at"]], "host/1",
        )  # fmt: skip
        assert [one["result"] for one in settled] == ["written"]
    counted = await db.fetch(of_0_8("count_jobs"), *whose, 100)
    assert [tuple(row) for row in counted] == [("a", 1, 0, 0), ("b", 0, 1, 0)]


async def test_what_was_never_announced_is_not_run_twice_because_a_process_of_0_8_takes_the_webhook(db: Pool) -> None:
    """It does not link the late webhook: whoever compares sees it all the same."""
    await stored_by_0_8(db, 1)
    content = providers.read("transcribe.so", completed("evt_other"))
    end = Delivery(content, API, "", ("a",), own="reconciled")
    assert await unannounced.among(db, AccountId("transcribe.so", API, "default"), [end]) == []


def of_0_8(name: str) -> str:
    return (OF_0_8 / f"inbox/{name}.sql").read_text()


async def stored_by_0_8(db: Pool, number: int) -> None:
    """Store an event with jobs for the handlers `a` and `b`."""
    await db.execute(
        of_0_8("append_events"), ["transcribe.so"], [API], ["default"], [f"evt_{number}"], ["4821"],
        ["transcription.completed"], [None], [completed(f"evt_{number}")], ["abcdef"], [None], [1], ["a title"],
        [1, 1], ["a", "b"], ["webhook"], [0.5], [None], [], [], [], [], [],
    )  # fmt: skip


async def test_a_row_that_someone_has_locked_holds_up_no_other_row_and_is_filled_too(
    connection: "asyncpg.Connection[asyncpg.Record]", empty: str
) -> None:
    """A handler that completes its job in a long transaction has locked the job's row."""
    files = migrations.files()
    await migrations.migrate(connection, files[:9])
    await connection.execute(
        "insert into receiver.events (source, event_id, api_url, type, raw, secret_fingerprint)"
        " select 'transcribe.so', 'evt_' || n, $1, 'a.b', '', '' from generate_series(1, 25000) as n", API,
    )  # fmt: skip
    await connection.execute(JOBS)
    await migrations.migrate(connection, files[:10])
    locking, looking = await connect(empty), await connect(empty)

    async def the_others_are_filled() -> bool:
        return bool(await looking.fetchval("select count(*) from receiver.jobs where source is not null") == 24_999)

    async with locking.transaction():
        await locking.execute("select from receiver.jobs where id = 12000 for update")
        filling = asyncio.create_task(migrations.migrate(connection, files[:11]))
        await until(the_others_are_filled)
        assert not filling.done()
    assert await asyncio.wait_for(filling, 60) == ["0010_fill_whose_jobs"]
    for left in ("receiver.jobs where source is null", "receiver.events where origin is null"):
        assert await looking.fetchval(f"select count(*) from {left}") == 0
    assert await looking.fetchval("select convalidated from pg_constraint where conname = 'events_origin_check'")
    await locking.close()
    await looking.close()


async def test_no_migration_waits_for_the_jobs_while_deliveries_wait_for_it(
    connection: "asyncpg.Connection[asyncpg.Record]", empty: str
) -> None:
    """A delivery that has the events and comes for the jobs gets both, and the migration goes on after it."""
    files = migrations.files()
    await migrations.migrate(connection, files[:9])
    delivering, looking = await connect(empty), await connect(empty)

    async def waits() -> bool:
        return bool(await looking.fetchval("select count(*) from pg_locks where not granted and relation is not null"))

    async with delivering.transaction():
        await delivering.execute(EVENTS)
        migrating = asyncio.create_task(migrations.migrate(connection, files[:10]))
        await until(waits)
        await delivering.execute(JOBS)
    assert await asyncio.wait_for(migrating, 60) == ["0009_whose_jobs"]
    await delivering.close()
    await looking.close()

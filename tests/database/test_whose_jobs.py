"""The migrations that put on a job's row whose it is, for rows that are there and for those that 0.6 writes beside."""

from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from receiver.database import Database, Pool, migrations
from receiver.events import AccountId
from receiver.inbox import deliveries, jobs
from receiver.inbox.retry import Done
from tests.database.test_migrations import connection, empty
from tests.processes import completed

__all__ = ["connection", "empty"]  # fixtures

API = "https://api.test"
OF_0_6 = Path(__file__).with_name("of_0_6")
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
    await connection.execute("delete from receiver.migrations where version in (10, 11)")
    await migrations.migrate(connection, files)
    assert await whose(connection) == FILLED


async def test_a_row_without_its_account_is_filled_from_its_event(db: Pool) -> None:
    await db.execute(EVENTS)
    await db.execute(JOBS)
    assert await whose(db) == FILLED


@pytest.mark.parametrize("limit", [1, 9])
async def test_what_version_0_6_stores_and_replays_is_claimed_and_done(db: Pool, limit: int) -> None:
    append, replay = ((OF_0_6 / f"{name}.sql").read_text() for name in ("append_events", "replay_jobs"))
    for number in range(3):
        await db.execute(
            append, ["transcribe.so"], [API], ["default"], [f"evt_{number}"], ["4821"], ["transcription.completed"],
            [None], [completed(f"evt_{number}")], ["abcdef"], [None], [1], [1, 1], ["a", "b"],
        )  # fmt: skip
    for event in await deliveries.find(db, "evt_0"):
        assert {row["handler"] for row in await db.fetch(replay, event.key, ["a", "c"])} == {"a", "c"}
    queues = jobs.queues([AccountId("transcribe.so", API, "default")], ["a", "b", "c"])
    done = 0
    while claims := await jobs.claim(db, queues, lease=timedelta(minutes=1), limit=limit):
        for claim in claims:
            assert await jobs.finish(db, claim.job, claim.attempt, Done())
            done += 1
    assert done == 7
    assert {job.job.state for job in await deliveries.jobs(db, state=None, limit=None)} == {"done"}

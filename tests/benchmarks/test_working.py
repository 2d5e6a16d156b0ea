"""What the benchmarks put into the database is what a worker claims."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from receiver import providers
from receiver.database import Pool
from receiver.events import AccountId, Event
from receiver.inbox import jobs
from tests.benchmarks import queues, working
from tests.benchmarks.asking import snapshot, sql
from tests.inbox.portions import portions

ACCOUNT = AccountId("transcribe.so", "http://127.0.0.1:1", "default")


async def test_jobs_that_are_made_are_due_and_their_events_can_be_read(db: Pool, receiver_database: str) -> None:
    await asyncio.to_thread(working.fill, receiver_database, 6)
    await asyncio.to_thread(working.fill, receiver_database, 6, name="gone", handlers="{gone,lost,renamed}")
    await asyncio.to_thread(working.fill, receiver_database, 3, name="old", state="done")
    queues = jobs.queues([ACCOUNT], ["one", "two", "three"])
    claims = await jobs.claim(db, portions(queues), lease=timedelta(minutes=1), limit=10)
    assert len(claims) == 6
    raws = await db.fetch("select raw, event_id from receiver.events where event_id like 'evt_fill_%'")
    for row in raws:
        event = providers.read(ACCOUNT.source, row["raw"])
        assert isinstance(event, Event)
        assert event.id == row["event_id"]
    assert await asyncio.to_thread(working.done, receiver_database) == 3


async def test_by_hand_a_job_is_settled_with_its_row(
    receiver_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    count = queues.Count(5, 60.0)
    task = asyncio.create_task(queues.by_hand(receiver_database, 5, 0, count))
    while not (said := capsys.readouterr().out):
        assert not task.done(), task.result()
        await asyncio.sleep(0)
    task.cancel()
    assert said.split()[0] == "5"
    connection = await asyncpg.connect(receiver_database)
    assert await connection.fetchval("select count(*) from effects") == 5
    await connection.close()


def test_a_snapshot_is_held_while_it_is_asked_for(receiver_database: str) -> None:
    def held() -> int:
        return int(sql(receiver_database, "select count(*) from pg_stat_activity where state like 'idle in%'")[0][0])

    with snapshot(receiver_database):
        assert held() == 1

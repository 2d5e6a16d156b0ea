"""`sql/migrations/0005_identity.sql`: the rows of version 0.4.0 get source, API and account, and none is lost."""

import hashlib
from datetime import timedelta

import asyncpg

from receiver import events
from receiver.database import migrations
from receiver.events import AccountId
from receiver.inbox import deliveries, jobs, listing
from receiver.inbox.deliveries import Delivery
from receiver.providers.transcribe_so import payload
from tests.database.test_migrations import connection, empty
from tests.inbox.portions import portions
from tests.processes import completed

__all__ = ["connection", "empty"]  # fixtures

REAL, SANDBOX = "https://transcribe.so", "http://127.0.0.1:9000"
STORED = f"""
insert into receiver.events (source, event_id, api_url, type, transcription_id, raw, secret_fingerprint) values
    ('transcribe.so', 'evt_real', '{REAL}', 'transcription.completed', '1', 'a', 'f'),
    ('transcribe.so', 'evt_play', '{SANDBOX}', 'transcription.completed', '2', 'b', 'f'),
    ('transcribe.so', 'evt_both', '{REAL}', 'transcription.completed', '3', 'c', 'f'),
    ('transcribe.so', 'evt_too', '{SANDBOX}', 'transcription.failed', '3', 'd', 'f');
insert into receiver.events (source, event_id, api_url, unreadable, raw, secret_fingerprint) values
    ('transcribe.so', 'cafe', '{REAL}', 'it is not about the transcription whose callback it came to', 'e', 'f');
insert into receiver.jobs (event, handler, state, attempt, live)
select id, 'transcripts', 'dead', 3, event_id <> 'evt_play' from receiver.events where type is not null;
insert into receiver.transcripts (source, transcription_id, completed_at, title)
select 'transcribe.so', id, '', 'title ' || id from unnest(array['1', '2', '3', '4']) id;
insert into receiver.segments
select 'transcribe.so', id, 1, 0, 1, null, 'text ' || id from unnest(array['1', '2', '3', '4']) id;
insert into receiver.archive (source, transcription_id, completed_at, kind, answer)
select 'transcribe.so', id, '', 'result', '{{}}' from unnest(array['1', '2', '3', '4']) id;
insert into receiver.failures (source, transcription_id, event_id, reason)
values ('transcribe.so', '3', 'evt_too', 'why');
"""


async def test_what_was_stored_before_is_whose_it_was(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """An answer of an uncertain API is deleted: it can be fetched again, and it might be shown for the wrong API."""
    await migrations.migrate(connection, migrations.files()[:5])
    await connection.execute(STORED)
    assert await migrations.migrate(connection, migrations.files()[:6]) == ["0005_identity"]
    expected = {("1", REAL), ("2", SANDBOX), ("4", REAL)}
    for table in ("archive", "transcripts", "segments"):
        rows = await connection.fetch(f"select transcription_id, api_url from receiver.{table}")
        assert {tuple(row) for row in rows} == expected, table
    assert await connection.fetchval("select api_url from receiver.failures") == SANDBOX
    assert await connection.fetchval("select count(*) from receiver.events where account = 'default'") == 5
    assert await connection.fetchval("select count(*) from receiver.identity") == 1


async def test_a_job_that_was_there_keeps_its_idempotency_key(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """The other side has seen it."""
    await migrations.migrate(connection, migrations.files()[:5])
    await connection.execute(STORED)
    await migrations.migrate(connection)
    (event,) = await listing.find(connection, "evt_real")
    await jobs.replay(connection, event.key, ["transcripts", "new"])
    claims = await jobs.claim(
        connection,
        portions(jobs.queues([AccountId("transcribe.so", REAL, "default")], ["transcripts", "new"])),
        lease=timedelta(minutes=1),
        limit=9,
    )
    keys = {claim.handler: claim.idempotency_key for claim in claims}
    before = hashlib.sha256(b"transcribe.so\0evt_real\0transcripts").hexdigest()[:40]
    assert keys["transcripts"] == f"rcv-{before}"
    assert keys["new"].startswith("rcv-")
    assert await connection.fetchval("select count(*) from receiver.jobs where is_replay") == 3


async def test_events_of_before_are_still_told_from_new_ones(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await migrations.migrate(connection, migrations.files()[:5])
    await connection.execute(
        "insert into receiver.events (source, event_id, api_url, type, transcription_id, raw, secret_fingerprint)"
        " values ('transcribe.so', 'evt_1', $1, 'transcription.completed', '4821', $2, 'f')", REAL, completed("evt_1"),
    )  # fmt: skip
    await migrations.migrate(connection)
    repeat = Delivery(payload.read("transcribe.so", completed("evt_1")), REAL, "f")
    assert await deliveries.append(connection, [repeat]) == ["duplicate"]


async def test_what_a_callback_was_not_meant_for_stays_in_quarantine(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    await migrations.migrate(connection, migrations.files()[:5])
    await connection.execute(STORED)
    await migrations.migrate(connection)
    (found,) = await listing.find(connection, "cafe")
    assert found.callback_for == ""
    content = events.about(payload.read("transcribe.so", completed("evt_1")), found.callback_for)
    assert isinstance(content, events.Unreadable)

"""What we keep of deliveries: events, and one job for each handler that wants one.

Handler names arrive by argument; nothing here knows what a handler is.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import asyncpg

from receiver.database import Connection, Database, query
from receiver.events import Event, Unreadable

Status = Literal["stored", "duplicate", "quarantined"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """An authentic delivery, read as far as it can be."""

    content: Event | Unreadable
    api_url: str
    secret_fingerprint: str


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job as it lies beside its event; `waits_seconds` until it is due or, running, until its lease ends."""

    id: int
    handler: str
    state: str
    attempt: int
    error: str | None
    waits_seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` prints of it."""
        return {"handler": self.handler, "state": self.state, "attempt": self.attempt, "error": self.error}


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as it lies in the inbox, with its jobs."""

    key: int
    source: str
    id: str
    type: str | None
    unreadable: str | None
    transcription_id: str | None
    received_at: datetime
    deliveries: int
    state: str
    jobs: tuple[StoredJob, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what `events --json` prints of it."""
        return {
            "source": self.source,
            "id": self.id,
            "type": self.type,
            "state": self.state,
            "received_at": self.received_at.isoformat(),
            "deliveries": self.deliveries,
            "transcription_id": self.transcription_id,
            "jobs": [job.to_json() for job in self.jobs],
        }


@dataclass(frozen=True, slots=True)
class TypeCount:
    """How many recent events are of a type, None for the quarantined, and how many of them no handler wanted."""

    type: str | None
    events: int
    unwanted: int


async def append(connection: Connection, delivery: Delivery, handlers: Sequence[str]) -> Status:
    """Store an event and one job for each of `handlers`, in one statement; or count a repeat of it.

    When this returns the event is on disk. It is idempotent: repeated after an ambiguous failure it counts a
    delivery and changes nothing else.
    """
    content = delivery.content
    event_type, unreadable, transcription_id = None, None, None
    if isinstance(content, Event):
        event_type, transcription_id = content.type, content.transcription.id
    else:
        unreadable, handlers = content.reason, ()
    deliveries: int = await connection.fetchval(
        query("append_event"), content.source, content.id, delivery.api_url, event_type, unreadable,
        transcription_id, content.raw, delivery.secret_fingerprint, list(handlers),
    )  # fmt: skip
    if deliveries > 1:
        return "duplicate"
    return "stored" if unreadable is None else "quarantined"


async def recent(db: Database, *, limit: int | None = None) -> list[Stored]:
    """Return the newest events first; all of them where `limit` is None."""
    return [_stored(row) for row in await db.fetch(query("list_events"), limit)]


async def recent_types(db: Database, api_url: str, *, limit: int = 10_000) -> list[TypeCount]:
    """Count the events of an API by type: those of the last 30 days among the newest `limit` of all."""
    return [TypeCount(**dict(row)) for row in await db.fetch(query("recent_types"), api_url, limit)]


async def find(db: Database, name: str) -> list[Stored]:
    """Return the events called `name`: an id, or `source/id`. More than one where several sources use the id."""
    return [_stored(row) for row in await db.fetch(query("find_events"), name)]


async def other_apis(db: Database, api_url: str) -> list[str]:
    """Return the APIs, other than `api_url`, whose events lie here."""
    return [row["api_url"] for row in await db.fetch(query("other_apis"), api_url)]


async def raw(db: Database, key: int) -> bytes:
    """Return an event's body, byte for byte as it was signed."""
    body: bytes = await db.fetchval(query("read_raw"), key)
    return body


async def newest_key(db: Database) -> int:
    """Return the key of the newest event; 0 in an empty inbox."""
    key: int | None = await db.fetchval(query("newest_key"))
    return key or 0


async def test_event_after(db: Database, api_url: str, key: int) -> Stored | None:
    """Return the first `webhook.test` event of an API that was stored after the event with `key`."""
    row = await db.fetchrow(query("test_event_after"), api_url, key)
    return None if row is None else _stored(row)


async def has_ended(db: Database, api_url: str, transcription_id: str, *, since: int) -> bool:
    """Whether an event that was stored after the one with key `since` says that a transcription has ended."""
    ended: bool = await db.fetchval(query("has_ended"), api_url, transcription_id, since)
    return ended


async def jobs(db: Database, *, state: str | None, limit: int | None = None) -> list[tuple[str, StoredJob]]:
    """Return jobs, newest first, each with `source/id` of its event."""
    rows = [dict(row) for row in await db.fetch(query("list_jobs"), state, limit)]
    return [(row.pop("event"), StoredJob(**row)) for row in rows]


async def accept_quarantined(db: Database, key: int, event: Event) -> bool:
    """Let a quarantined event be what it can now be read as; False where that event is stored already."""
    try:
        accepted = await db.fetchval(query("accept_quarantined"), key, event.id, event.type, event.transcription.id)
    except asyncpg.UniqueViolationError:
        return False
    return accepted is not None


def _stored(row: asyncpg.Record) -> Stored:
    return Stored(
        key=row["id"],
        source=row["source"],
        id=row["event_id"],
        type=row["type"],
        unreadable=row["unreadable"],
        transcription_id=row["transcription_id"],
        received_at=row["received_at"],
        deliveries=row["deliveries"],
        state=row["state"],
        jobs=tuple(StoredJob(**job) for job in json.loads(row["jobs"])),
    )

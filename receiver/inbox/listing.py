"""List stored events and jobs, and find events by what they are called."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from receiver.database import Database, query


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job as it is stored. `waits_seconds` pass until it is due or, if it runs, until its lease ends."""

    id: int
    handler: str
    state: str
    attempt: int
    error: str | None
    waits_seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `--json` prints."""
        return {"handler": self.handler, "state": self.state, "attempt": self.attempt, "error": self.error}


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job beside other events' jobs: `event` is the `source/id` of its event."""

    event: str
    job: StoredJob

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `jobs --json` prints."""
        return self.job.to_json() | {"event": self.event}


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as it is stored, with its jobs.

    Attributes:
        title: that of its transcription, if it tells one.
        origin: how we know of it: webhook, callback, submission, reconciled.
        same_as: the key of the event that was made of its announcement before it came, and whose jobs are its jobs.
    """

    key: int
    source: str
    api_url: str
    account: str
    id: str
    type: str | None
    unreadable: str | None
    transcription_id: str | None
    callback_for: str | None
    received_at: datetime
    deliveries: int
    state: str
    jobs: tuple[StoredJob, ...]
    title: str | None = None
    origin: str = "webhook"
    same_as: int | None = None

    @property
    def is_unwanted(self) -> bool:
        """Whether the event could be read, and no handler wanted it."""
        return self.unreadable is None and self.same_as is None and not self.jobs

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `events --json` prints."""
        return {
            "key": self.key,
            "source": self.source,
            "api_url": self.api_url,
            "account": self.account,
            "id": self.id,
            "type": self.type,
            "state": self.state,
            "received_at": self.received_at.isoformat(),
            "deliveries": self.deliveries,
            "transcription_id": self.transcription_id,
            "title": self.title,
            "origin": self.origin,
            "same_as": self.same_as,
            "jobs": [job.to_json() for job in self.jobs],
        }


@dataclass(frozen=True, slots=True)
class TypeCount:
    """How many recent events have a type (None: quarantined), and how many of them no handler wanted."""

    type: str | None
    events: int
    unwanted: int


async def recent(db: Database, *, limit: int | None = None) -> list[Stored]:
    """Return events, newest first: at most `limit`, or all of them if that is None."""
    return [_stored(row) for row in await db.fetch(query("inbox/list_events"), limit)]


async def recent_types(db: Database, api_url: str, *, limit: int = 10_000) -> list[TypeCount]:
    """Count the events of an API by type: those of the last 30 days among the newest `limit` of all."""
    return [TypeCount(**dict(row)) for row in await db.fetch(query("inbox/recent_types"), api_url, limit)]


async def find(db: Database, name: str) -> list[Stored]:
    """Return the events called `name`: an id, `source/id`, `@key`, or the id of the transcription that they are about.

    A name can mean several events: ids of two sources, APIs or accounts collide, and a transcription can have several
    events. The newest comes first.
    """
    return [_stored(row) for row in await db.fetch(query("inbox/find_events"), name)]


async def variants(db: Database, event: Stored) -> list[Stored]:
    """Return the quarantined deliveries that came with an event's identity and other bytes."""
    rows = await db.fetch(query("inbox/find_variants"), event.source, event.api_url, event.account, event.id)
    return [_stored(row) for row in rows]


async def other_apis(db: Database, api_url: str) -> list[str]:
    """Return the APIs, other than `api_url`, whose events are stored."""
    return [row["api_url"] for row in await db.fetch(query("inbox/other_apis"), api_url)]


async def raw(db: Database, key: int) -> bytes:
    """Return an event's body, byte for byte as it was signed."""
    body: bytes = await db.fetchval(query("inbox/read_raw"), key)
    return body


async def newest_key(db: Database) -> int:
    """Return the key of the newest event; 0 in an empty inbox."""
    key: int | None = await db.fetchval(query("inbox/newest_key"))
    return key or 0


async def test_event_after(db: Database, account: tuple[str, str, str], key: int) -> Stored | None:
    """Return the first `webhook.test` event of an account (source, API, name) that was stored after that with `key`."""
    row = await db.fetchrow(query("inbox/test_event_after"), *account, key)
    return None if row is None else _stored(row)


async def has_ended(db: Database, api_url: str, transcription_id: str, *, since: int) -> bool:
    """Return whether an event stored after the one with key `since` says that a transcription has ended."""
    ended: bool = await db.fetchval(query("inbox/has_ended"), api_url, transcription_id, since)
    return ended


async def jobs(db: Database, *, only_dead: bool = False, limit: int | None = None) -> list[ListedJob]:
    """Return jobs, or only the dead ones, newest first."""
    rows = [dict(row) for row in await db.fetch(query("inbox/list_jobs"), only_dead, limit)]
    return [ListedJob(row.pop("event"), StoredJob(**row)) for row in rows]


def _stored(row: asyncpg.Record) -> Stored:
    return Stored(
        key=row["id"],
        source=row["source"],
        api_url=row["api_url"],
        account=row["account"],
        id=row["event_id"],
        type=row["type"],
        unreadable=row["unreadable"],
        transcription_id=row["transcription_id"],
        callback_for=row["callback_for"],
        received_at=row["received_at"],
        deliveries=row["deliveries"],
        state=row["state"],
        jobs=tuple(StoredJob(**job) for job in json.loads(row["jobs"])),
        title=row["title"],
        origin=row["origin"],
        same_as=row["same_as"],
    )

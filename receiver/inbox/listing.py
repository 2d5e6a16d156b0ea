"""List stored events and jobs, and find events by what they are called."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from receiver.database import Database, query
from receiver.inbox.filters import ALL, ALL_JOBS, Filter, keys


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job as it is stored.

    Attributes:
        waits_seconds: how long until it is due or, if it runs, until its lease ends.
        due_at: when it is due; None if it is not pending.
        waiting_since: since when each of its attempts has ended as `Later`; None if the last one did not.
        kept_key: the idempotency key that an older version has stored with it; None for a newer job.
    """

    id: int
    handler: str
    state: str
    attempt: int
    error: str | None
    waits_seconds: float
    due_at: datetime | None = None
    waiting_since: datetime | None = None
    kept_key: str | None = None

    @property
    def waited(self) -> timedelta | None:
        """How long it has been waiting for turns, money, a key or what its handler waits for; None if it is not."""
        if self.due_at is None or self.waiting_since is None:
            return None
        return self.due_at - timedelta(seconds=self.waits_seconds) - self.waiting_since

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `--json` prints."""
        return {
            "handler": self.handler,
            "state": self.state,
            "attempt": self.attempt,
            "error": self.error,
            "due_at": None if self.due_at is None else self.due_at.isoformat(),
            "waiting_since": None if self.waiting_since is None else self.waiting_since.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job beside other events' jobs, with what its event is about. `event` is the `source/id` of its event."""

    job: StoredJob
    key: int
    source: str
    api_url: str
    account: str
    event: str
    type: str
    transcription_id: str | None
    title: str | None
    origin: str
    received_at: datetime

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `jobs --json` prints."""
        return self.job.to_json() | {
            "event": self.event,
            "key": self.key,
            "source": self.source,
            "api_url": self.api_url,
            "account": self.account,
            "type": self.type,
            "transcription_id": self.transcription_id,
            "title": self.title,
            "origin": self.origin,
            "received_at": self.received_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as it is stored, with its jobs.

    Attributes:
        title: that of its transcription, if it tells one.
        origin: how we know of it: webhook, callback, submission, reconciled, notice.
        same_as: the key of the event that was made because it had not come, and whose jobs are its jobs.
        pruned_at: when its body and its jobs were pruned; None if they are here.
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
    pruned_at: datetime | None = None

    @property
    def is_unwanted(self) -> bool:
        """Whether the event could be read, and no handler wanted it."""
        return self.unreadable is None and self.same_as is None and self.pruned_at is None and not self.jobs

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


async def recent(db: Database, wanted: Filter = ALL, *, limit: int | None = None) -> list[Stored]:
    """Return the wanted events, newest first: at most `limit`, or all of them if that is None."""
    return await of_keys(db, await keys(db, wanted, limit))


async def kinds(db: Database) -> list[tuple[str, str, str]]:
    """Return the type, source and account of each kind of events; the type is empty for what is in quarantine."""
    return [(row["type"], row["source"], row["account"]) for row in await db.fetch(query("inbox/list_kinds"))]


async def recent_types(db: Database, api_url: str, *, limit: int = 10_000) -> list[TypeCount]:
    """Count the events of an API by type: those of the last 30 days among the newest `limit` of all."""
    return [TypeCount(**dict(row)) for row in await db.fetch(query("inbox/recent_types"), api_url, limit)]


async def find(db: Database, name: str) -> list[Stored]:
    """Return the events called `name`: an id, `source/id`, `@key`, or the id of the transcription that they are about.

    A name can mean several events: ids of two sources, APIs or accounts collide, and a transcription can have several
    events. The newest comes first.
    """
    return await of_keys(db, [row["id"] for row in await db.fetch(query("inbox/find_events"), name)])


async def variants(db: Database, event: Stored) -> list[Stored]:
    """Return the quarantined deliveries that came with an event's identity and other bytes."""
    rows = await db.fetch(query("inbox/find_variants"), event.source, event.api_url, event.account, event.id)
    return await of_keys(db, [row["id"] for row in rows])


async def late(db: Database, event: Stored) -> list[Stored]:
    """Return the webhooks that came late for an event that had been made because they had not come."""
    return await of_keys(db, [row["id"] for row in await db.fetch(query("inbox/find_late"), event.key)])


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
    found: int | None = await db.fetchval(query("inbox/test_event_after"), *account, key)
    return None if found is None else next(iter(await of_keys(db, [found])), None)


async def has_ended(db: Database, api_url: str, transcription_id: str, *, since: int) -> bool:
    """Return whether an event stored after the one with key `since` says that a transcription has ended."""
    ended: bool = await db.fetchval(query("inbox/has_ended"), api_url, transcription_id, since)
    return ended


async def jobs(db: Database, wanted: Filter = ALL_JOBS, *, limit: int | None = None) -> list[ListedJob]:
    """Return the wanted jobs, those of the newest events first: at most `limit`, or all of them if that is None."""
    events = await keys(db, wanted, limit)
    rows = await db.fetch(
        query("inbox/read_jobs"), events, wanted.handler, list(wanted.job_states), wanted.only_waiting, limit
    )
    return [_listed(row) for row in rows]


async def of_keys(db: Database, keys: Sequence[int]) -> list[Stored]:
    """Return the events with these keys, in their order."""
    return [_stored(row) for row in await db.fetch(query("inbox/read_events"), keys)] if keys else []


def _listed(row: asyncpg.Record) -> ListedJob:
    columns = ("id", "handler", "state", "attempt", "error", "waits_seconds", "due_at", "waiting_since")
    about = ("key", "source", "api_url", "account", "type", "transcription_id", "title", "origin", "received_at")
    return ListedJob(
        StoredJob(**{name: row[name] for name in columns}),
        event=f"{row['source']}/{row['event_id']}",
        **{name: row[name] for name in about},
    )


def _job(stored: dict[str, Any]) -> StoredJob:
    moments = {name: stored[name] and datetime.fromisoformat(stored[name]) for name in ("due_at", "waiting_since")}
    return StoredJob(**stored | moments)


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
        jobs=tuple(map(_job, json.loads(row["jobs"]))),
        title=row["title"],
        origin=row["origin"],
        same_as=row["same_as"],
        pruned_at=row["pruned_at"],
    )

"""Store deliveries as events, with one job for each handler that wants one, and find them again.

Handler names arrive by argument; nothing here knows what a handler is.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import asyncpg

from receiver.database import Connection, Database, query
from receiver.events import Event, Unreadable

Status = Literal["stored", "duplicate", "quarantined"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """An authentic delivery, read as far as it can be.

    Attributes:
        handlers: the names of the handlers that want it. They get no job if it cannot be read.
        account: the account whose key signed it.
        callback_for: the transcription whose callback received it; None if the webhook received it.
        own: how we know of an event that we wrote ourselves: it is about a submission, or it was never announced to us.
        seconds_off: how far behind our time the time of its signature was when it came; None if that is not known.
        spooled_at: when it was put into the spool; None if it comes directly.
    """

    content: Event | Unreadable
    api_url: str
    secret_fingerprint: str
    handlers: tuple[str, ...] = ()
    account: str = "default"
    callback_for: str | None = None
    own: Literal["submission", "reconciled"] | None = None
    seconds_off: float | None = None
    spooled_at: datetime | None = None

    @property
    def origin(self) -> str:
        """How we learned of the event."""
        if self.own is not None:
            return self.own
        return "webhook" if self.callback_for is None else "callback"

    @property
    def transcription_id(self) -> str | None:
        """The transcription that the event is about; None if the delivery cannot be read."""
        return self.content.transcription.id if isinstance(self.content, Event) else None

    @property
    def identity(self) -> tuple[str, str, str, str, str, bool]:
        """The values that distinguish the event from all others. An unreadable delivery's bytes distinguish it too."""
        content = self.content
        about = self.transcription_id or ""
        return content.source, self.api_url, self.account, content.id, about, isinstance(content, Event)


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
    """An event as it is stored, with its jobs."""

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

    @property
    def is_unwanted(self) -> bool:
        """Whether the event could be read, and no handler wanted it."""
        return self.unreadable is None and not self.jobs

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
            "jobs": [job.to_json() for job in self.jobs],
        }


@dataclass(frozen=True, slots=True)
class TypeCount:
    """How many recent events have a type (None: quarantined), and how many of them no handler wanted."""

    type: str | None
    events: int
    unwanted: int


async def append(connection: Connection, deliveries: Sequence[Delivery]) -> list[Status]:
    """Store events, each with one job for every handler that wants it, or count repeats; return a status for each.

    When this returns, the deliveries are on disk. The call is idempotent: repeated after an ambiguous failure, it
    counts deliveries and changes nothing else. A delivery with the identity of an event but other bytes is quarantined
    beside that event. One statement stores all deliveries, unless some have the same identity and different bytes.
    Then several do, in one transaction: either all deliveries are stored and counted, or none is.
    """
    answers: list[Status] = ["duplicate"] * len(deliveries)
    rounds = list(_rounds(deliveries))
    async with connection.transaction() if len(rounds) > 1 else nullcontext():
        for groups in rounds:
            for row in await connection.fetch(query("inbox/append_events"), *_columns(groups)):
                answers[groups[row["item"] - 1][0][0]] = row["status"]
    return answers


def _rounds(deliveries: Sequence[Delivery]) -> Iterator[list[list[tuple[int, Delivery]]]]:
    """Yield what each statement stores: equal deliveries in groups, each with its place, and no identity twice."""
    left = list(enumerate(deliveries))
    while left:
        now: dict[tuple[object, ...], list[tuple[int, Delivery]]] = {}
        later = []
        for place, delivery in left:
            same = now.setdefault(delivery.identity, [])
            if same and same[0][1].content.raw != delivery.content.raw:
                later.append((place, delivery))
            else:
                same.append((place, delivery))
        yield list(now.values())
        left = later


def _columns(groups: Sequence[Sequence[tuple[int, Delivery]]]) -> tuple[list[Any], ...]:
    """Return the statement's parameters: for each group of equal deliveries one of them, and their number."""
    firsts = [group[0][1] for group in groups]
    contents = [delivery.content for delivery in firsts]
    copies = [
        (item, place, delivery)
        for item, group in enumerate(groups, start=1)
        for place, (_, delivery) in enumerate(group[1:], start=2)
    ]
    wanted = [
        (item, name)
        for item, delivery in enumerate(firsts, start=1)
        if isinstance(delivery.content, Event)
        for name in delivery.handlers
    ]
    return (
        [content.source for content in contents],
        [delivery.api_url for delivery in firsts],
        [delivery.account for delivery in firsts],
        [content.id for content in contents],
        [delivery.transcription_id for delivery in firsts],
        [content.type if isinstance(content, Event) else None for content in contents],
        [content.reason if isinstance(content, Unreadable) else None for content in contents],
        [content.raw for content in contents],
        [delivery.secret_fingerprint for delivery in firsts],
        [delivery.callback_for for delivery in firsts],
        [len(group) for group in groups],
        [content.transcription.title if isinstance(content, Event) else None for content in contents],
        [item for item, _ in wanted],
        [name for _, name in wanted],
        [delivery.origin for delivery in firsts],
        [delivery.seconds_off for delivery in firsts],
        [delivery.spooled_at for delivery in firsts],
        [item for item, _, _ in copies],
        [place for _, place, _ in copies],
        [delivery.secret_fingerprint for _, _, delivery in copies],
        [delivery.seconds_off for _, _, delivery in copies],
        [delivery.spooled_at for _, _, delivery in copies],
        [content.transcription.ended_at if isinstance(content, Event) else None for content in contents],
    )


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


async def accept_quarantined(db: Database, key: int, event: Event) -> bool:
    """Turn a quarantined event into the event that we can now read; return False if that event is stored already."""
    try:
        accepted = await db.fetchval(
            query("inbox/accept_quarantined"), key, event.id, event.type, event.transcription.id,
            event.transcription.title,
        )  # fmt: skip
    except asyncpg.UniqueViolationError:
        return False
    return accepted is not None


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
    )

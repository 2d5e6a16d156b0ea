"""What people do with dead jobs: group them by cause, choose some, and drop those that are to be left.

    dead jobs ──Filter──▶ groups: handler and cause     (`receiver dead`)
                 │
                 └──────▶ chosen ──▶ a bulk replay       (`inbox.replays`)
                             └─────▶ dropped             a person has decided to leave them

Jobs that wait for turns, money or a key are grouped in the same way: they are not dead, but nothing happens either.
"""

import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from receiver.database import Database, Pool, query
from receiver.events import AccountId, columns
from receiver.inbox import causes, lookup
from receiver.inbox.jobs import COUNTED

AT_ONCE = 500  # jobs that one statement drops
PREFETCH = 2000


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs are meant; what is None does not matter.

    Attributes:
        handler: the name of their handler.
        error: a text in their error, or in its cause as `causes.cause` returns it.
        since: how long ago their events came at most.
        type: the type of their events, or a family such as `transcription.*`.
    """

    handler: str | None = None
    error: str | None = None
    since: timedelta | None = None
    type: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it means all jobs."""
        return self == Filter()

    def is_about(self, error: str | None) -> bool:
        """Whether a job with this error can be meant: no statement judges that."""
        return self.error is None or causes.is_about(self.error, error)

    def to_json(self) -> dict[str, Any]:
        """Return what is not None, as it is written on the command line."""
        since = None if self.since is None else _written(self.since)
        fields = {"handler": self.handler, "error": self.error, "since": since, "type": self.type}
        return {name: value for name, value in fields.items() if value is not None}

    @property
    def columns(self) -> tuple[str | None, str | None, timedelta | None]:
        """What a statement can judge: all but the error."""
        return self.handler, self.type, self.since


class Seen(NamedTuple):
    """A job as it was seen; what is done with it is done only if it is still so."""

    id: int
    attempt: int
    state: str
    handler: str
    account: AccountId
    event: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """Jobs of one handler with one cause.

    Attributes:
        oldest, newest: when the events of dead jobs came; since when waiting jobs wait.
        due_at: when the first waiting job is tried again; None for dead jobs.
        example: the `source/id` of the newest event.
        title, transcription_id: what that event is about.
    """

    handler: str
    cause: str
    count: int
    oldest: datetime
    newest: datetime
    due_at: datetime | None
    example: str
    title: str | None
    transcription_id: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `dead --json` prints."""
        return {
            "handler": self.handler,
            "cause": self.cause,
            "count": self.count,
            "oldest": self.oldest.isoformat(),
            "newest": self.newest.isoformat(),
            "due_at": None if self.due_at is None else self.due_at.isoformat(),
            "example": self.example,
            "title": self.title,
            "transcription_id": self.transcription_id,
        }


@dataclass(slots=True)
class _Tally:
    """What is counted of a group: the keys of its oldest and newest event, and of waiting jobs their times."""

    count: int
    first: int
    last: int
    times: list[datetime]
    due_at: datetime | None = None


async def groups(db: Pool, wanted: Filter) -> list[Group]:
    """Return the dead jobs in groups, the largest first."""
    found = dict[tuple[str, str], _Tally]()
    async with db.acquire() as connection, connection.transaction():
        statement = query("inbox/dead_causes")
        async for row in connection.cursor(statement, *wanted.columns, wanted.error is not None, prefetch=PREFETCH):
            handler, error, number, first, last = row
            if wanted.is_about(error):
                key = (handler, causes.cause(error))
                tally = found.setdefault(key, _Tally(0, first, last, []))
                tally.count += number
                tally.first, tally.last = min(tally.first, first), max(tally.last, last)
    return await _named(db, found)


async def newest(db: Database, accounts: Sequence[AccountId], *, limit: int) -> Counter[tuple[str, str]]:
    """Count the newest `limit` dead jobs of some accounts by handler and cause."""
    found = Counter[tuple[str, str]]()
    for row in await db.fetch(query("inbox/newest_dead"), *columns(accounts), limit):
        found[row["handler"], causes.cause(row["error"])] += row["number"]
    return found


async def waiting(db: Pool, wanted: Filter) -> list[Group]:
    """Return the pending jobs whose last attempt did not count, in groups, the largest first; of many only some."""
    found = dict[tuple[str, str], _Tally]()
    for row in await db.fetch(query("inbox/waiting_jobs"), *wanted.columns, COUNTED):
        if wanted.is_about(row["error"]):
            key = (row["handler"], causes.cause(row["error"]))
            tally = found.setdefault(key, _Tally(0, row["event"], row["event"], [], row["due_at"]))
            tally.count += 1
            tally.last = max(tally.last, row["event"])
            tally.times.append(row["since"])
            tally.due_at = min(tally.due_at or row["due_at"], row["due_at"])
    return await _named(db, found)


async def chosen(db: Pool, wanted: Filter, *, limit: int | None = None) -> list[Seen]:
    """Return the dead jobs that are meant, the oldest first: at most `limit`, or all of them if that is None."""
    return sorted([job async for job in _seen(db, wanted, query("inbox/dead_jobs"))])[:limit]


async def orphaned(db: Pool, wanted: Filter, *, known: Collection[str]) -> list[Seen]:
    """Return the pending jobs that are meant, of handlers that are not `known`, the oldest first."""
    return sorted([job async for job in _seen(db, wanted, query("inbox/orphaned_jobs"), list(known))])


async def droppable(db: Pool, event: str | None, wanted: Filter, *, known: Collection[str]) -> list[Seen]:
    """Return the jobs that can be dropped: dead ones, and pending ones of handlers that are not `known`.

    They are those of an event, by its name, or all that are meant; of an event, only the handler matters. A webhook
    that came late has the jobs of the event that it came for.

    Raises:
        ImpossibleError: the name means no event, or several.
    """
    if event is None:
        return [*await chosen(db, wanted), *await orphaned(db, wanted, known=known)]
    found = await lookup.with_jobs(db, await lookup.one(db, event))
    account = AccountId(found.source, found.api_url, found.account)
    return [
        Seen(job.id, job.attempt, job.state, job.handler, account, found.key, found.received_at)
        for job in found.jobs
        if wanted.handler in (None, job.handler)
        and (job.state == "dead" or (job.state == "pending" and job.handler not in known))
    ]


async def drop(
    db: Database, jobs: Sequence[Seen], *, by: str, reason: str | None, show: Callable[[int], None] = lambda _: None
) -> list[int]:
    """Drop jobs that are still as they were seen; return the ids of those dropped.

    Each statement drops some of them, and `show` is told how many have been looked at.
    """
    dropped = list[int]()
    for first in range(0, len(jobs), AT_ONCE):
        part = jobs[first : first + AT_ONCE]
        rows = await db.fetch(
            query("inbox/drop_jobs"), [job.id for job in part], [job.attempt for job in part],
            [job.state for job in part], by, reason,
        )  # fmt: skip
        dropped += [row["id"] for row in rows]
        show(first + len(part))
    return dropped


async def _seen(db: Pool, wanted: Filter, statement: str, *more: object) -> AsyncIterator[Seen]:
    """Yield the jobs of a statement that are meant. There can be a million, so nothing is kept of each that repeats."""
    accounts = dict[AccountId, AccountId]()
    async with db.acquire() as connection, connection.transaction():
        async for row in connection.cursor(statement, *wanted.columns, *more, prefetch=PREFETCH):
            if wanted.is_about(row["error"]):
                account = AccountId(row["source"], row["api_url"], row["account"])
                yield Seen(
                    row["id"], row["attempt"], sys.intern(row["state"]), sys.intern(row["handler"]),
                    accounts.setdefault(account, account), row["event"], row["received_at"],
                )  # fmt: skip


async def _named(db: Database, found: Mapping[tuple[str, str], _Tally]) -> list[Group]:
    """Return groups with the times and names of their events, the largest first."""
    keys = {key for tally in found.values() for key in (tally.first, tally.last)}
    events = {row["id"]: row for row in await db.fetch(query("inbox/name_events"), list(keys))}
    groups = [
        Group(
            *key, tally.count, min(tally.times, default=events[tally.first]["received_at"]),
            max(tally.times, default=last["received_at"]), tally.due_at, last["name"], last["title"],
            last["transcription_id"],
        )
        for key, tally in found.items()
        if tally.first in events and (last := events.get(tally.last)) is not None
    ]  # fmt: skip
    return sorted(groups, key=lambda group: (-group.count, group.handler, group.cause))


def _written(length: timedelta) -> str:
    """Return a length of time as it is written on the command line: 7d, 12h or 30m."""
    for unit, one in (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1))):
        if length % one == timedelta(0):
            return f"{length // one}{unit}"
    return f"{length.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"

"""What people do with dead jobs: group them by cause, and choose some.

    dead jobs ──Filter──▶ groups: handler and cause     (`receiver dead`)
                 │
                 └──────▶ chosen ──▶ a bulk replay       (`inbox.replays`)
                             └─────▶ dropped             (`inbox.dropping`)

Jobs that wait for turns, money or a key are grouped in the same way: they are not dead, but nothing happens either.
"""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

import asyncpg

from receiver.database import Database, acquired, query
from receiver.errors import ImpossibleError
from receiver.events import AccountId, columns
from receiver.inbox import asked, causes
from receiver.inbox.asked import Word
from receiver.inbox.jobs import COUNTED

AT_A_TIME = 2000  # rows
STRETCHES = 20  # of jobs, at a time
NOTHING_LEFT = "nothing of this is dead any more: somebody has replayed or dropped it"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs are meant; what is None does not matter.

    Attributes:
        handler: the name of their handler.
        error: a text in their error, or in its cause as `causes.cause` returns it.
        since: how long ago their events came at most.
        type: the type of their events, or a family such as `transcription.*`.
        cause: the whole cause of their error, as `causes.cause` returns it.
    """

    handler: str | None = None
    error: str | None = None
    since: timedelta | None = None
    type: str | None = None
    cause: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it means all jobs."""
        return self == Filter()

    def is_about(self, error: str | None) -> bool:
        """Whether a job with this error can be meant: no statement judges that."""
        is_its_cause = self.cause is None or self.cause == causes.cause(error).strip()
        return is_its_cause and (self.error is None or causes.is_about(self.error, error))

    def to_json(self) -> dict[str, Any]:
        """Return what is not None, as a person writes it."""
        since = None if self.since is None else _written(self.since)
        fields = {
            "handler": self.handler, "cause": self.cause, "error": self.error, "since": since, "type": self.type,
        }  # fmt: skip
        return {name: value for name, value in fields.items() if value is not None}

    @property
    def columns(self) -> tuple[str | None, str | None, timedelta | None]:
        """What a statement can judge: all but the error and its cause."""
        return self.handler, self.type, self.since


def read_filter(fields: Mapping[str, str]) -> tuple[Filter, list[str]]:
    """Return what fields of a form mean, named as in `Filter`; and what is wrong with them, a sentence for each."""
    handler, error, since, kind, cause = (
        fields.get(name, "").replace("\0", "").strip() for name in ("handler", "error", "since", "type", "cause")
    )
    words = tuple(Word(name, value) for name, value in (("since", since), ("type", kind)) if value)
    found = asked.meant(words, sources=())
    of_events = found.filter
    return Filter(handler or None, error or None, of_events.since, of_events.type, cause or None), [*found.wrong]


def meant(fields: Mapping[str, str]) -> Filter:
    """Return which jobs a form means, of which somebody is to do something: never all, because nothing is filled in.

    Raises:
        ImpossibleError: a field is wrong, or none is filled in.
    """
    wanted, wrong = read_filter(fields)
    if wrong:
        raise ImpossibleError("; ".join(wrong))
    if wanted.is_empty:
        raise ImpossibleError("say which jobs: a handler, an error, a time or a type")
    return wanted


class Seen(NamedTuple):
    """A job as it was seen; what is done with it is done only if it is still so."""

    id: int
    attempt: int
    state: str
    handler: str
    account: AccountId
    event: int


@dataclass(frozen=True, slots=True)
class Group:
    """Jobs of one handler with one cause.

    Attributes:
        oldest, newest: when the events of dead jobs came; since when waiting jobs wait.
        due_at: when the first waiting job is tried again; None for dead jobs.
        example: the `source/id` of the newest event.
        title, transcription_id: what that event is about.
        is_more: whether more jobs than `count` can belong to it, because only the newest were looked at.
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
    is_more: bool = False

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


async def groups(db: Database, wanted: Filter, *, most: int | None = None) -> list[Group]:
    """Return the dead jobs in groups, the largest first. With `most`, only so many of each queue are looked at."""
    found, seen = dict[tuple[str, str], _Tally](), Counter[str]()
    given = (*wanted.columns, wanted.error is not None, most)
    async for rows in _some(db, query("inbox/dead_causes"), *given):
        for handler, error, number, first, last in rows:
            seen[handler] += number
            if wanted.is_about(error):
                key = (handler, causes.cause(error))
                tally = found.setdefault(key, _Tally(0, first, last, []))
                tally.count += number
                tally.first, tally.last = min(tally.first, first), max(tally.last, last)
    cut = {handler for handler, number in seen.items() if most is not None and number >= most}
    return [replace(group, is_more=group.handler in cut) for group in await _named(db, found)]


async def newest(db: Database, accounts: Sequence[AccountId], *, limit: int) -> Counter[tuple[str, str]]:
    """Count the newest `limit` dead jobs of some accounts by handler and cause."""
    found = Counter[tuple[str, str]]()
    for row in await db.fetch(query("inbox/newest_dead"), *columns(accounts), limit):
        found[row["handler"], causes.cause(row["error"])] += row["number"]
    return found


async def waiting(db: Database, wanted: Filter) -> list[Group]:
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


async def chosen(db: Database, wanted: Filter, *, limit: int | None = None) -> list[Seen]:
    """Return the dead jobs that are meant, the oldest first: at most `limit`, or all of them if that is None."""
    return (await _seen(db, wanted, "dead", query("inbox/dead_jobs")))[:limit]


async def orphaned(db: Database, wanted: Filter, *, known: Collection[str]) -> list[Seen]:
    """Return the pending jobs that are meant, of handlers that are not `known`, the oldest first."""
    return await _seen(db, wanted, "pending", query("inbox/orphaned_jobs"), list(known))


async def came(db: Database, jobs: Sequence[Seen]) -> tuple[datetime, datetime] | None:
    """Return when the first and the last event of jobs came: the keys of events grow with time. None: there is none."""
    keys = [job.event for job in jobs]
    ends = [min(keys), max(keys)] if keys else []
    times = [row["received_at"] for row in await db.fetch(query("inbox/name_events"), ends)]
    return (min(times), max(times)) if times else None


async def _seen(db: Database, wanted: Filter, state: str, statement: str, *more: object) -> list[Seen]:
    """Return the jobs of a statement that are meant, the oldest first. There can be a million."""
    found, is_about = list[Seen](), lru_cache(maxsize=100)(wanted.is_about)  # of many jobs the error is the same
    async for rows in _some(db, statement, *wanted.columns, *more, at_a_time=STRETCHES):
        for source, api_url, account, handler, *stretch in rows:
            whose = AccountId(source, api_url, account)
            found += [
                Seen(job, attempt, state, handler, whose, event)
                for job, attempt, event, error in zip(*stretch, strict=True)
                if is_about(error)
            ]
    return sorted(found, key=attrgetter("id"))


async def _some(
    db: Database, statement: str, *given: object, at_a_time: int = AT_A_TIME
) -> AsyncIterator[list[asyncpg.Record]]:
    """Yield the rows of a statement, some at a time. One at a time takes twice as long."""
    async with acquired(db) as connection, connection.transaction():
        cursor = await connection.cursor(statement, *given)
        while rows := await cursor.fetch(at_a_time):
            yield rows


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

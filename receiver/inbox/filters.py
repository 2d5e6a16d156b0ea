"""Find the events that a person asks for by what they know of them, by way of an index where one helps.

asked for                                       read
an id                                           the events that it means
pending, waiting, running or dead               its queues' jobs: of each queue, until there are enough
a source, an account, a type, in quarantine     its kinds' events: of each kind, from the newest back
a handler, or what has jobs at all              all jobs, from those of the newest event back
anything else: a title, done                    all events, from the newest back

The last three end when they have found enough, or with `since`. If fewer events match a title or a handler than are
asked for, all events are read that the other filters leave: some seconds for 1,000,000.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from receiver.database import Database, query

EventState: TypeAlias = Literal["pending", "done", "dead", "quarantined"]
JobState: TypeAlias = Literal["pending", "running", "done", "dead", "dropped"]
JOB_STATES: tuple[JobState, ...] = get_args(JobState)
EVENT_STATES: tuple[EventState, ...] = get_args(EventState)
OF_EVENT: dict[EventState | None, tuple[JobState, ...]] = {"pending": ("pending", "running"), "dead": ("dead",)}
NEVER = 2**63 - 1  # no event has a higher key
IN_QUEUES = {"pending", "running", "dead"}

LONGEST = timedelta(days=36_500)
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Place(NamedTuple):
    """A place in a list: the key of an event or the id of a job, and the time by which the list is ordered.

    The time is None in a list that is ordered by keys alone.
    """

    key: int
    at: datetime | None = None


class Row(NamedTuple):
    """An event in a list: its key and its place."""

    key: int
    place: Place


class Span(NamedTuple):
    """The part of a list from an event's key and time on, up to a place."""

    first: int = 0
    at: datetime = datetime.min.replace(tzinfo=UTC)
    before: Place = Place(NEVER, datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What events have in common that a person asks for. None leaves it open.

    Attributes:
        about: the id of an event, also as source/id or @key, of a transcription or of a submission.
        title: a part of the title; upper and lower case are the same.
        words: more parts of the title, in any order.
        type: a type, or a family such as `transcription.*`.
        account: the name of an account, of whatever source.
        since: how long ago they were received at most.
        state: the state of the event.
        handler: they have a job of this handler. If they are to be pending or dead, that job is so.
        job_states: for lists of jobs: they have a job in one of these states. Empty for lists of events.
        only_waiting: for lists of jobs: the last attempt at a pending one has ended as `Later`.
    """

    about: str | None = None
    title: str | None = None
    type: str | None = None
    source: str | None = None
    account: str | None = None
    since: timedelta | None = None
    state: EventState | None = None
    handler: str | None = None
    job_states: tuple[JobState, ...] = ()
    only_waiting: bool = False
    words: tuple[str, ...] = ()

    @property
    def of_title(self) -> str | None:
        """A regular expression that the title matches; None if any does."""
        parts = [found for part in (self.title, *self.words) if (found := pattern(part)) is not None]
        return "^" + "".join(f"(?=.*{part})" for part in parts) if self.words else next(iter(parts), None)

    @property
    def has_job(self) -> tuple[JobState, ...]:
        """The states in one of which an event has a job; empty if it needs none."""
        if self.job_states or self.handler is None:
            return self.job_states
        return OF_EVENT.get(self.state, JOB_STATES)

    @property
    def queued(self) -> Sequence[str]:
        """The states of the jobs by which the events are found; empty if they are found in another way."""
        if self.only_waiting:
            return ["waiting"]
        states = self.job_states or OF_EVENT.get(self.state, ())
        return states if set(states) <= IN_QUEUES else ()

    @property
    def is_queued(self) -> bool:
        """Whether the events are found by their queues' jobs."""
        return self.about is None and bool(self.queued)

    @property
    def is_of_kinds(self) -> bool:
        """Whether the events are found by their kinds, unless by an id or by their queues' jobs."""
        return self.state == "quarantined" or (self.source, self.account, self.type) != (None, None, None)

    @property
    def is_searched(self) -> bool:
        """Whether each event must be looked at to know whether it is wanted."""
        is_known = self.about is not None or self.is_queued
        return not is_known and (self.of_title is not None or bool(self.has_job) or self.state == "done")

    @property
    def contradiction(self) -> str:
        """Why nothing can match; empty if something can."""
        if self.state == "quarantined" and (self.type or self.handler):
            return "what is in quarantine could not be read, so it has no type and no jobs"
        return ""


ALL = Filter()
ALL_JOBS = Filter(job_states=JOB_STATES)


def duration(text: str) -> timedelta:
    """Return the length of time that a text says, such as 7d, 12h or 30m.

    Raises:
        ValueError: it says none.
    """
    found = length(text)
    if found is None:
        raise ValueError(
            f"{text!r} is not a duration: write a number and one of s, m, h, d, w, such as 7d or 12h; the longest is "
            f"{LONGEST.days}d."
        )
    return found


def length(text: str) -> timedelta | None:
    """Return the length of time that a text says, as `duration` does; None if it says none."""
    written = _DURATION.fullmatch(text.strip())
    found = None if written is None else timedelta(**{_UNITS[written[2]]: float(written[1])})
    return found if found is not None and timedelta(0) < found <= LONGEST else None


def pattern(title: str | None) -> str | None:
    """Return a regular expression of PostgreSQL's for a part of a title, in capitals or not; None for None.

    It names both cases of each letter: a database without a locale knows the capitals of ASCII alone.
    """
    return None if title is None else "".join(map(_of_any_case, title))


def _of_any_case(character: str) -> str:
    cases = {case for case in (character.lower(), character.upper()) if len(case) == 1}
    if len(cases) > 1:
        return f"[{''.join(sorted(cases))}]"
    return character if character.isalnum() else f"\\{character}"


async def keys(db: Database, wanted: Filter, limit: int | None) -> list[int]:
    """Return the keys of the wanted events, newest first: at most `limit`, or all of them if that is None.

    If a queue has more pending jobs than `limit`, those count that are due last.
    """
    if wanted.about is not None and wanted.only_waiting:
        limit = None  # they are few, and whether their jobs wait shows only later
    span = Span(await first_since(db, wanted.since))
    found = list(dict.fromkeys(row.key for row in await rows(db, wanted, span, limit)))
    return sorted(found, reverse=True)[:limit] if wanted.is_queued else found


async def rows(db: Database, wanted: Filter, span: Span, limit: int | None) -> list[Row]:
    """Return the wanted events within a span, each with its place, in the order of their places: at most `limit`.

    Of those that are found by queues, `limit` of each queue are returned, and an event once for each of its jobs.
    """
    text: str
    given: tuple[Any, ...]
    among = (wanted.of_title, wanted.state, limit, wanted.handler, list(wanted.has_job) or None)
    kind = (wanted.source, wanted.account, wanted.type)
    first, before = span.first, span.before
    if wanted.about is not None:
        text, given = query("inbox/newest_about"), (wanted.since, *among, *kind, wanted.about, before.key)
    elif wanted.is_queued:
        text, given = (
            query("inbox/newest_queued"),
            (first, *among[:-1], list(wanted.queued), *kind, before.at, before.key),
        )
    elif wanted.is_of_kinds:
        if wanted.state == "quarantined" and wanted.type is None:
            kind = (wanted.source, wanted.account, "")
        text, given = (
            query("inbox/newest_of_kinds"),
            (wanted.since, *among, *kind, span.at, first, before.at, before.key),
        )
    elif wanted.has_job and wanted.of_title is None:
        text, given = query("inbox/newest_with_jobs"), (first, *among[1:], before.key)
    else:
        text, given = query("inbox/newest_events"), (first, *among, before.key)
    return [Row(row["id"], Place(row["place"], row["at"])) for row in await db.fetch(text, *given)]


async def first_since(db: Database, since: timedelta | None) -> int:
    """Return the key of the first event that was received within a time; a higher one than there is, if none was."""
    if since is None:
        return 0
    first: int | None = await db.fetchval(query("inbox/first_since"), since)
    return NEVER if first is None else first

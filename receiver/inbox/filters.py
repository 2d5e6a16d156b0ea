"""Find the events that a person asks for by what they know of them, by way of an index where one helps.

asked for                                       read
about a transcription or a submission           its events
pending, waiting, running or dead               its queues' jobs: of each queue, until there are enough
a source, an account, a type, in quarantine     its kinds' events: of each kind, from the newest back
a handler, or what has jobs at all              all jobs, from those of the newest event back
anything else: a title, done                    all events, from the newest back

The last three end when they have found enough, or with `since`. If fewer events match a title or a handler than are
asked for, all events are read that the other filters leave: some seconds for 1,000,000.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias, get_args

from receiver.database import Database, query

EventState: TypeAlias = Literal["pending", "done", "dead", "quarantined"]
JobState: TypeAlias = Literal["pending", "running", "done", "dead", "dropped"]
JOB_STATES: tuple[JobState, ...] = get_args(JobState)
OF_EVENT: dict[EventState | None, tuple[JobState, ...]] = {"pending": ("pending", "running"), "dead": ("dead",)}
NEVER = 2**63 - 1  # no event has a higher key
IN_QUEUES = {"pending", "running", "dead"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What events have in common that a person asks for. None leaves it open.

    Attributes:
        about: the id of a transcription or of a submission.
        title: a part of the title; upper and lower case are the same.
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


ALL = Filter()
ALL_JOBS = Filter(job_states=JOB_STATES)


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
    among = (pattern(wanted.title), wanted.state, limit, wanted.handler, list(wanted.has_job) or None)
    kind = (wanted.source, wanted.account, wanted.type)
    if wanted.about is not None:
        rows = await db.fetch(query("inbox/newest_about"), wanted.since, *among, *kind, wanted.about)
    elif queued := wanted.queued:
        first = await _first(db, wanted.since)
        rows = await db.fetch(query("inbox/newest_queued"), first, *among[:-1], list(queued), *kind)
    elif wanted.state == "quarantined" or kind != (None, None, None):
        if wanted.state == "quarantined" and wanted.type is None:
            kind = (wanted.source, wanted.account, "")
        rows = await db.fetch(query("inbox/newest_of_kinds"), wanted.since, *among, *kind)
    elif wanted.has_job and wanted.title is None:
        rows = await db.fetch(query("inbox/newest_with_jobs"), await _first(db, wanted.since), *among[1:])
    else:
        rows = await db.fetch(query("inbox/newest_events"), await _first(db, wanted.since), *among)
    return list(dict.fromkeys(row["id"] for row in rows))


async def _first(db: Database, since: timedelta | None) -> int:
    """Return the key of the first event that was received within a time; a higher one than there is, if none was."""
    if since is None:
        return 0
    first: int | None = await db.fetchval(query("inbox/first_since"), since)
    return NEVER if first is None else first

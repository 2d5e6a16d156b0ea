"""Drop jobs: a person has decided to leave them.

    dead, or pending of a handler that is gone ──▶ dropped: it keeps its error, and counts as ended

A job of our own work is never dropped, because its submission would be left without an end.
"""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from receiver.database import Database, query
from receiver.errors import ImpossibleError
from receiver.events import AccountId
from receiver.inbox import dead, lookup
from receiver.inbox.dead import Filter, Seen
from receiver.inbox.jobs import SUBMISSIONS
from receiver.inbox.listing import StoredJob

AT_ONCE = 500  # jobs that one statement drops
REASON = 500  # characters


class Dropped(NamedTuple):
    """How many of how many jobs are dropped. Somebody else has replayed or dropped the others."""

    number: int
    of: int


async def droppable(db: Database, event: str | None, wanted: Filter, *, known: Collection[str]) -> list[Seen]:
    """Return the jobs that can be dropped: dead ones, and pending ones of handlers that are not `known`.

    They are those of an event, by its name, or all that are meant; of an event, only the handler matters. A webhook
    that came late has the jobs of the event that it came for.

    Raises:
        ImpossibleError: the name means no event, or several.
    """
    if event is None:
        return [*await dead.chosen(db, wanted), *await dead.orphaned(db, wanted, known=known)]
    found = await lookup.with_jobs(db, await lookup.one(db, event))
    account = AccountId(found.source, found.api_url, found.account)
    return [
        Seen(job.id, job.attempt, job.state, job.handler, account, found.key)
        for job in found.jobs
        if wanted.handler in (None, job.handler) and is_droppable(job, known)
    ]


def is_droppable(job: StoredJob, known: Collection[str]) -> bool:
    """Whether a job is dead, or is pending and its handler is not `known`."""
    return job.state == "dead" or (job.state == "pending" and job.handler not in known)


def without_own_work(found: Sequence[Seen]) -> list[Seen]:
    """Return jobs without those of submissions, which would be left without an end.

    Raises:
        ImpossibleError: there are no others.
    """
    others = [job for job in found if job.handler != SUBMISSIONS]
    if found and not others:
        raise ImpossibleError(of_own_work(len(found)))
    return others


def of_own_work(number: int) -> str:
    """Return why so many jobs of submissions are not dropped, and what can be done instead."""
    whose = f"{number} {'job' if number == 1 else 'jobs'} of submissions"
    return (
        f"{whose} cannot be dropped, because the submissions would never end: `receiver resolve` says what becomes of "
        "one, and `receiver replay` runs its job again"
    )


async def drop(
    db: Database, jobs: Sequence[Seen], *, by: str, reason: str | None, show: Callable[[int], None] = lambda _: None
) -> list[int]:
    """Drop jobs that are still as they were seen; return the ids of those dropped.

    Each statement drops some of them, and `show` is told how many have been looked at.

    Raises:
        ImpossibleError: the reason is too long.
    """
    reason = read_reason(reason)
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


async def drop_meant(
    db: Database, event: str | None, wanted: Filter, *, said: int, known: Collection[str], by: str, reason: str | None
) -> Dropped:
    """Drop what is meant, after a person was told of `said` jobs: of no more than that, the oldest first.

    `event`, `wanted` and `known` are those of `droppable`.

    Raises:
        ImpossibleError: nothing is left to drop, or only our own work is; the reason is too long; the name means no
            event, or several.
    """
    found = without_own_work(await droppable(db, event, wanted, known=known))[:said]
    if not found:
        raise ImpossibleError(dead.NOTHING_LEFT)
    return Dropped(len(await drop(db, found, by=by, reason=reason)), len(found))


def read_reason(text: str | None) -> str | None:
    """Return the reason that a person has written; None if there is none.

    Raises:
        ImpossibleError: it is too long, and each of the jobs keeps it.
    """
    reason = (text or "").replace("\0", "").strip() or None
    if reason is not None and len(reason) > REASON:
        raise ImpossibleError(f"a reason has at most {REASON} characters, and this one has {len(reason):,}: shorten it")
    return reason

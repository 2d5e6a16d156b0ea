"""Bulk replays: many dead jobs become pending again, a few at a time, behind what is live.

    started ──▶ running ──every job has been moved──▶ done
                  │ ▲
           cancel │ │ resume
                  ▼ │
              cancelled: the jobs that were not moved yet stay dead

A bulk replay is a row, and a list of the jobs that it has yet to move. Every worker advances what runs (`watch`); one
that another worker advances at the moment is skipped. A command that ends, or a worker that dies, ends nothing. A job
is moved, taken off the list and counted in one statement, so nothing is moved or counted twice.

The list is made at the start. A job that dies later is not on it. Nor is a job moved that was claimed meanwhile: its
attempt has grown.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

import asyncpg

from receiver.database import AWAY, Connection, Database, Pool, query
from receiver.errors import ImpossibleError
from receiver.failpoints import Failpoint, reach
from receiver.inbox.dead import NOTHING_LEFT, Filter, Seen
from receiver.inbox.jobs import COUNTED, nudge
from receiver.logs.seldom import Seldom

log = logging.getLogger(__name__)

State = Literal["running", "cancelled", "done"]
AT_ONCE = 500  # jobs that one statement moves
ENOUGH = 1000  # no more are moved while so many of the same replay wait
EVERY_SECONDS = 1.0
LOOK_SECONDS = 0.5  # between two looks at how far one is
HIGHEST = 2**63 - 1  # no id is higher


class Advanced(NamedTuple):
    """A step of a bulk replay: how many jobs were moved in it, and how far the replay is now."""

    id: int
    moved: int
    state: State
    done: int
    passed: int
    total: int


@dataclass(frozen=True, slots=True)
class Replay:
    """A bulk replay.

    Attributes:
        filter: what was asked for.
        total: how many jobs it was to move.
        moved: how many it has moved: they are pending again, or have been.
        passed: how many it has left alone, because somebody else had replayed or dropped them before their turn.
        waiting, running, done, dead: how many of those that it has moved wait for a worker or for another try, run, are
            done, and are dead again. Each is counted up to `COUNTED`. A job that is replayed once more is in none.
        started_by: user@host.
        advanced_at: when a worker moved jobs last.
    """

    id: int
    filter: Mapping[str, Any]
    state: State
    total: int
    moved: int
    passed: int
    waiting: int
    running: int
    done: int
    dead: int
    started_by: str
    started_at: datetime
    advanced_at: datetime | None
    ended_at: datetime | None

    @property
    def looked_at(self) -> int:
        """How many of its jobs are not on its list any more."""
        return self.moved + self.passed

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `replays --json` prints."""
        moments = {"started_at": self.started_at, "advanced_at": self.advanced_at, "ended_at": self.ended_at}
        return {
            "id": self.id,
            "filter": dict(self.filter),
            "state": self.state,
            "total": self.total,
            "moved": self.moved,
            "passed": self.passed,
            "waiting": self.waiting,
            "running": self.running,
            "done": self.done,
            "dead": self.dead,
            "started_by": self.started_by,
            **{name: None if at is None else at.isoformat() for name, at in moments.items()},
        }


async def start(db: Database, jobs: Sequence[Seen], wanted: Filter, *, by: str, limit: int | None = None) -> Replay:
    """Begin to replay jobs that were seen dead. What was asked for, with the limit of how many, is only shown.

    Raises:
        ImpossibleError: there are no jobs.
    """
    if not jobs:
        raise ImpossibleError(NOTHING_LEFT)
    described = json.dumps(wanted.to_json() | ({} if limit is None else {"limit": limit}))
    row = await db.fetchrow(
        query("inbox/start_replay"), described, by, [job.id for job in jobs], [job.attempt for job in jobs]
    )
    assert row is not None, "a row was inserted"
    return _replay(row)


async def advance(connection: Connection, *, limit: int = AT_ONCE, enough: int = ENOUGH) -> Advanced | None:
    """Move the next jobs of one bulk replay; return None if there is none that runs and waits for too few jobs."""
    async with connection.transaction():
        row = await connection.fetchrow(query("inbox/advance_replay"), limit, enough)
        if row is not None:
            reach(Failpoint.BEFORE_ADVANCED)
    if row is None:
        return None
    reach(Failpoint.AFTER_ADVANCED)
    return Advanced(**dict(row))


async def watch(db: Pool) -> None:
    """Advance what runs every second, until cancelled. While the database is away, nothing is advanced."""
    said = Seldom.warning(log, "bulk replays are not advanced")
    while True:
        try:
            await advance_all(db)
        except AWAY as exc:
            said.note(str(exc))
        await asyncio.sleep(EVERY_SECONDS)


async def advance_all(db: Pool) -> None:
    """Move jobs until enough of each bulk replay wait, or nothing is left to move."""
    while True:
        async with db.acquire() as connection:
            step = await advance(connection)
        if step is None:
            return
        if step.moved:
            await nudge(db)
        if step.state == "done":
            log.info("bulk replay %d has moved its last job: %d of %d", step.id, step.done, step.total)


async def listed(db: Database, jobs: Sequence[Seen]) -> int:
    """Return how many of these jobs other bulk replays have yet to move. Who comes first moves them."""
    number: int = await db.fetchval(
        query("inbox/count_listed"), [job.id for job in jobs], [job.attempt for job in jobs]
    )
    return number


async def recent(
    db: Database, *, limit: int | None = None, state: State | None = None, before: int | None = None,
    counted: int = COUNTED,
) -> list[Replay]:  # fmt: skip
    """Return bulk replays, newest first: at most `limit`, or all of them if that is None; or only those in a state.

    With `before` they have lower ids. What became of their jobs is counted up to `counted`.
    """
    given = (None, limit, counted, state, before)
    return [_replay(row) for row in await db.fetch(query("inbox/list_replays"), *given)]


async def one(db: Database, number: int) -> Replay:
    """Return a bulk replay by its id.

    Raises:
        ImpossibleError: there is none with this id.
    """
    row = await db.fetchrow(query("inbox/list_replays"), min(number, HIGHEST), 1, COUNTED, None, None)
    if row is None:
        raise ImpossibleError(f"there is no bulk replay {number}; `receiver replays` lists them")
    return _replay(row)


async def followed(db: Database, begun: Replay, show: Callable[[Replay, float], Awaitable[None]]) -> Replay:
    """Return a bulk replay when it does not run any more.

    Meanwhile `show` is told how far it is, and for how many seconds nothing has happened to it.
    """
    seen, still = begun, 0.0
    while seen.state == "running":
        await show(seen, still)
        await asyncio.sleep(LOOK_SECONDS)
        before, seen = seen, await one(db, seen.id)
        still = still + LOOK_SECONDS if seen == before else 0.0
    return seen


async def cancel(db: Database, number: int) -> Replay:
    """Let the jobs that a bulk replay has not moved yet stay dead. Those that it has moved run.

    Raises:
        ImpossibleError: it does not run, or there is none with this id.
    """
    return await _steer(db, number, "running", "cancelled")


async def resume(db: Database, number: int) -> Replay:
    """Let a cancelled bulk replay go on.

    Raises:
        ImpossibleError: it is not cancelled, or there is none with this id.
    """
    return await _steer(db, number, "cancelled", "running")


async def _steer(db: Database, number: int, from_state: State, to_state: State) -> Replay:
    steered = await db.fetchval(query("inbox/steer_replay"), min(number, HIGHEST), from_state, to_state)
    found = await one(db, number)
    if steered is None:
        raise ImpossibleError(f"bulk replay {number} is {found.state}, not {from_state}; `receiver replays` shows it")
    return found


def _replay(row: asyncpg.Record) -> Replay:
    return Replay(**{**row, "filter": json.loads(row["filter"])})

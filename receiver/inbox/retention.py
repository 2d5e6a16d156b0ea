"""Prune what is old, in small batches beside live traffic.

    all that lies before the horizon
      events whose jobs have all ended ──▶ gone, with jobs, attempts, deliveries and bodies
          delivered in the last 30 days ──▶ body and jobs are gone; the row stays, so that a repeat is still a duplicate
      callbacks, and transcriptions of the provider's lists that have ended ──▶ gone
      kept answers of the provider, if that is asked for ──▶ gone

Everything else stays: events with dead or unfinished jobs, quarantine, whatever a submission that is not over needs,
and what handlers have stored. The statements say it exactly.

A batch is one short transaction. It takes as many rows as fit into its time, it waits for nobody for long, and it skips
what others have locked. Between two batches there is a pause. The walks over events,
answers and files go by a growing key and read nothing twice; those over callbacks and lists begin at the oldest.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

from receiver.database import Connection, Database, Pool, query
from receiver.database.outages import PASSING
from receiver.failpoints import Failpoint, reach

KEYS_FOR = timedelta(days=30)  # so long a repeat of a delivery is told, whatever is pruned
COUNTED = 20_000
# Ids grow with the time, but clocks are set back, and statements overtake each other: so many young events end a walk.
YOUNG_ENOUGH = 10_000
FIRST, MOST = 100, 1000
STATEMENT_SECONDS = 10


class Horizon(NamedTuple):
    """Before `at` lies what is pruned; of events delivered since `rows_at` the rows stay. By the database's clock."""

    at: datetime
    rows_at: datetime


@dataclass(slots=True)
class Gone:
    """How much is pruned.

    Attributes:
        events: whole events.
        bodies: events that have lost their body and their jobs only.
        callbacks: callbacks.
        transcriptions: rows of the provider's lists.
        answers: kept answers of the provider.
        files: files of submissions, those that lay here.
        bytes: how large these files were.
        files_elsewhere: files that are old, but are not here or cannot be deleted.
    """

    events: int = 0
    bodies: int = 0
    callbacks: int = 0
    transcriptions: int = 0
    answers: int = 0
    files: int = 0
    bytes: int = 0
    files_elsewhere: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `prune --json` prints."""
        return asdict(self)

    def __str__(self) -> str:
        """Return it in words."""
        words = [many(self.events, "event")]
        words += [f"the bodies and jobs of {many(self.bodies, 'event')}"] if self.bodies else []
        words += [many(self.callbacks, "callback")] if self.callbacks else []
        words += [many(self.transcriptions, "line") + " of the provider's lists"] if self.transcriptions else []
        words += [many(self.answers, "answer")] if self.answers else []
        words += [f"{many(self.files, 'file')} ({self.bytes / 1_000_000:.1f} MB)"] if self.files else []
        return ", ".join(words)


class Old(NamedTuple):
    """How much lies before a horizon and goes at most; an estimate of PostgreSQL's unless it `is_exact`."""

    most: Gone
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of the database's time a prune takes.

    Attributes:
        seconds: how long a batch should take.
        rest: the pause after a batch, as a share of the time that it took.
    """

    seconds: float = 0.05
    rest: float = 4.0


SERVICE = Pace()
Told: TypeAlias = Callable[[float], None]


class Step(NamedTuple):
    """What a batch has done: where the next one begins, whether there is one, and how much is gone."""

    after: Any
    is_last: bool
    gone: Gone


Batch: TypeAlias = Callable[[Connection, Any, int], Awaitable[Step]]


async def horizon(db: Database, older_than: timedelta) -> Horizon:
    """Return the horizon for what is older than a length of time."""
    row = await db.fetchrow(query("inbox/old_before"), older_than, KEYS_FOR)
    assert row is not None, "it reads no table"
    return Horizon(row["at"], row["rows_at"])


async def count(db: Database, before: Horizon, *, answers: bool = False) -> Old:
    """Count what can go before a horizon, with `answers` the kept answers of the provider too.

    It is the most that can go: whether the jobs of an event have ended is not counted. To count very many events
    exactly would read them all.
    """
    row = await db.fetchrow(query("inbox/count_old_events"), *before, COUNTED)
    assert row is not None, "an aggregate always returns a row"
    most = Gone(row["events"], row["bodies"], row["callbacks"], row["transcriptions"])
    is_exact = max(row["read"], most.callbacks, most.transcriptions) < COUNTED
    if row["read"] == COUNTED:
        most.events = max(most.events, await _estimate(db, before.rows_at, None))
        if before.rows_at < before.at:
            most.bodies = max(most.bodies, await _estimate(db, before.at, before.rows_at))
    if answers:
        told = await db.fetchrow(query("inbox/count_old_answers"), before.at, COUNTED)
        assert told is not None, "an aggregate always returns a row"
        most.answers = told["answers"]
        is_exact = is_exact and told["is_exact"]
    return Old(most, is_exact)


async def _estimate(db: Database, at: datetime, rows_at: datetime | None) -> int:
    (plan,) = json.loads(await db.fetchval(query("inbox/estimate_old_events"), at, rows_at))
    rows = int(plan["Plan"]["Plan Rows"])
    return rows if rows > 1 else 0  # PostgreSQL never estimates that there is none


@dataclass(slots=True)
class Prune:
    """A run that prunes what lies before a horizon.

    Attributes:
        db: the database.
        before: the horizon.
        pace: how much of the database's time it takes.
        stop: once it is set, the run ends after the batch under way.
        told: is called after each batch with the share of the events' time that is done, from 0 to 1.
        gone: how much is pruned so far.
    """

    db: Pool
    before: Horizon
    pace: Pace = SERVICE
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    told: Told = lambda _: None
    gone: Gone = field(default_factory=Gone)

    async def run(self, *, answers: bool = False) -> bool:
        """Prune; return False if it was stopped. With `answers`, the kept answers of the provider are pruned too.

        What is not pruned because it was stopped, or because others had locked it, the next run prunes.
        """
        await self.db.execute(query("inbox/move_reconciliation"), self.before.rows_at)
        await self.walk(_Events(self.before, self.told).batch, 0)
        await self.walk(self._transcriptions, None)
        await self.walk(self._callbacks, None)
        if answers:
            await self.walk(self._answers, ("",) * 5)
        return not self.stop.is_set()

    async def walk(self, batch: Batch, after: Any, pace: Pace | None = None) -> None:
        """Prune batch by batch, until one was the last or the run is stopped. `pace`: if it is not that of the run.

        A batch that waits too long for somebody's lock is made again, with fewer rows.
        """
        rows, pace = FIRST, pace or self.pace
        while not self.stop.is_set():
            began = time.monotonic()
            try:
                async with self.db.acquire() as connection, connection.transaction():
                    await connection.execute(query("inbox/bound_prune"), f"{STATEMENT_SECONDS}s")
                    step = await batch(connection, after, rows)
                    reach(Failpoint.BEFORE_PRUNED)
                reach(Failpoint.AFTER_PRUNED)
            except PASSING:
                if rows == 1:
                    raise
                rows = max(1, rows // 10)
            else:
                after = step.after
                self._add(step.gone)
                if step.is_last:
                    return
                rows = fitting(rows, time.monotonic() - began, pace.seconds)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), (time.monotonic() - began) * pace.rest)

    def _add(self, gone: Gone) -> None:
        for name, number in asdict(gone).items():
            setattr(self.gone, name, getattr(self.gone, name) + number)

    async def _transcriptions(self, connection: Connection, after: Any, rows: int) -> Step:
        number = await connection.fetchval(query("inbox/prune_transcriptions"), self.before.at, rows)
        return Step(after, number < rows, Gone(transcriptions=number))

    async def _callbacks(self, connection: Connection, after: Any, rows: int) -> Step:
        number = await connection.fetchval(query("inbox/prune_callbacks"), self.before.rows_at, rows)
        return Step(after, number < rows, Gone(callbacks=number))

    async def _answers(self, connection: Connection, after: Any, rows: int) -> Step:
        row = await connection.fetchrow(query("inbox/prune_answers"), *after, self.before.at, rows)
        if row is None:
            return Step(after, is_last=True, gone=Gone())
        *key, _, number = row.values()
        return Step(key, is_last=False, gone=Gone(answers=number))


class _Events:
    """The walk over the events."""

    def __init__(self, before: Horizon, told: Told) -> None:
        self._before = before
        self._told = told
        self._began: datetime | None = None
        self._young = 0

    async def batch(self, connection: Connection, after: int, rows: int) -> Step:
        """Prune among the next events."""
        read = await connection.fetchrow(query("inbox/lock_old_events"), after, *self._before, rows)
        assert read is not None, "an aggregate always returns a row"
        if read["last"] is None:
            return Step(after, is_last=True, gone=Gone())
        prune = self._prune if rows > 1 else self._prune_alone
        gone = await prune(connection, read["locked"])
        self._young = 0 if read["old"] else self._young + read["read"]
        self._began = self._began or read["at"]
        self._told(self._share(read["at"]))
        return Step(read["last"], self._young >= YOUNG_ENOUGH, gone)

    async def _prune(self, connection: Connection, locked: list[int]) -> Gone:
        row = await connection.fetchrow(query("inbox/prune_events"), locked, *self._before)
        assert row is not None, "an aggregate always returns a row"
        return Gone(events=row["events"], bodies=row["bodies"])

    async def _prune_alone(self, connection: Connection, locked: list[int]) -> Gone:
        """Prune a single event. If others hold what belongs to it, it is left for the next run."""
        try:
            async with connection.transaction():
                return await self._prune(connection, locked)
        except PASSING:
            return Gone()

    def _share(self, at: datetime) -> float:
        began = self._began or at
        whole = (self._before.at - began).total_seconds()
        return min(1.0, max(0.0, (at - began).total_seconds() / whole)) if whole > 0 else 1.0


def many(number: int, what: str) -> str:
    """Return a number with what it counts, in words."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def fitting(rows: int, took: float, seconds: float) -> int:
    """Return how many rows the next batch has, after one of `rows` rows that took `took` and should take `seconds`."""
    if took > seconds:
        return max(1, rows // 2)
    return min(MOST, rows * 2) if took < seconds / 2 else rows

"""Take jobs, so that one that cannot be taken is alone with that.

Which jobs, and in which order (`claim_jobs.sql`):

    pending, and due ─────────────▶ a worker: as many as it has free lanes    │ of its handlers, for its API's events;
    running, its lease ran out ───▶ a process for lapsed jobs: one at a time  │ by `due_at`, then by id

Nobody waits for a job that another is taking: it is skipped. So is one that was put aside.

And how:

    together ──refused──▶ handler by handler ──refused──▶ job by job ──refused──▶ aside for a while, or dead
       │
       └──the database is away, or refuses it without any job──▶ failing, until a claim goes through: told when it lasts
"""

import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from receiver.database import Connection, Connections
from receiver.database.apart import each, impatiently
from receiver.errors import StoreRefusedError, StoreUnavailableError
from receiver.inbox import jobs
from receiver.inbox.jobs import Claim
from receiver.logs.reasons import plain

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOKED_AT = 100  # jobs of a handler that are claimed one by one because together they cannot be
LOOKING_SECONDS = 1.0  # which takes no longer, because the other handlers' jobs wait meanwhile


@dataclass(frozen=True, slots=True)
class Aside:
    """A job that could not be claimed so many times, and is left until then by the monotonic clock."""

    times: int
    until: float


class Claims:
    """What one worker may take: due jobs of its handlers, for the events of one API.

    Args:
        connections: the worker's own.
        handlers: the names of those it knows.
        lapsed: whether it takes jobs whose lease ran out, instead of those that are pending.
        lease: how long a claim holds without being renewed.
        seconds: how long a statement may take.
        aside_seconds: how long a job that could not be claimed is left.
        failing_seconds: after how long it is told that no claim goes through.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        handlers: Sequence[str],
        api_url: str,
        lapsed: bool,
        lease: timedelta,
        seconds: float,
        aside_seconds: float,
        failing_seconds: float,
    ) -> None:
        self._connections = connections
        self._handlers = handlers
        self._which: dict[str, Any] = {"api_url": api_url, "lapsed": lapsed}
        self._lease = lease
        self._seconds = seconds
        self._aside_seconds = aside_seconds
        self._failing_seconds = failing_seconds
        self._aside: dict[int, Aside] = {}
        self._failing_since: float | None = None

    @property
    def trouble(self) -> str | None:
        """What cannot be claimed, in words; None where there is nothing, or it may pass with the next try."""
        if self._failing_since is not None and _now() - self._failing_since >= self._failing_seconds:
            return "it cannot claim any job; its log says why"
        found = [job for job, one in self._aside.items() if one.times > 1]
        return f"{len(found)} jobs cannot be claimed, such as job {min(found)}; its log says why" if found else None

    async def take(self, most: int, start: Callable[[Claim], None]) -> bool:
        """Claim at most so many jobs and start each; says whether that could be done, and the log why it could not.

        The database may be away, or refuse the statement whichever jobs there are; whatever else is in the way for a
        while must not end the worker either.
        """
        try:
            if most > 0:
                await self._take_together(most, start)
        except Exception as exc:
            if self._failing_since is None:
                self._failing_since = _now()
                trace = None if isinstance(exc, StoreUnavailableError) else exc
                log.warning("no job is claimed until this passes: %s", str(exc) or type(exc).__name__, exc_info=trace)
            return False
        if self._failing_since is not None:
            self._failing_since = None
            log.warning("jobs are claimed again")
        return True

    async def _take_together(self, most: int, start: Callable[[Claim], None]) -> None:
        # Who was left for long enough is tried now; whoever is gone by then is forgotten.
        self._aside = {job: one for job, one in self._aside.items() if one.until + self._aside_seconds > _now()}
        try:
            together = partial(self._claim, self._handlers, most)
            claims = await self._do(partial(impatiently, together) if self._aside else together)
        except StoreRefusedError:
            await self._do(partial(self._claim, self._handlers, 0))  # is it about any job at all?
            await self._take_by_handler(most, start)
            return
        for claim in claims:
            start(claim)

    async def _take_by_handler(self, most: int, start: Callable[[Claim], None]) -> None:
        """Claim for each handler by itself: however many jobs of one cannot be claimed, they are in nobody's way."""
        for handler in random.sample(self._handlers, len(self._handlers)):  # none is always the first
            if most == 0:
                return
            try:
                claims = await self._do(partial(impatiently, partial(self._claim, [handler], most)))
            except StoreRefusedError:
                most -= await self._take_one_by_one(handler, most, start)
                continue
            for claim in claims:
                start(claim)
            most -= len(claims)

    async def _take_one_by_one(self, handler: str, most: int, start: Callable[[Claim], None]) -> int:
        due = partial(jobs.due, handlers=[handler], **self._which, limit=LOOKED_AT, aside=self._left())
        taken, end = 0, _now() + LOOKING_SECONDS

        async def claim_one(connection: Connection, job: int) -> list[Claim]:
            return await self._claim([handler], 1, connection, only=job)

        async for job, came in each(self._connections, await self._do(due), claim_one, seconds=self._seconds):
            if isinstance(came, StoreRefusedError):
                await self._put_aside(job, came)
            else:
                for claim in came:
                    start(claim)
                    taken += 1
            if taken == most or _now() > end:
                break
        return taken

    async def _put_aside(self, job: int, why: StoreRefusedError) -> None:
        """Leave a job for a while; one that can never be claimed is dead, where at least that can be written."""
        if not why.passing:
            try:
                bury = partial(jobs.bury, job=job, reason=plain(f"it cannot be claimed: {why}"))
                await self._do(partial(impatiently, bury))
            except StoreRefusedError:
                pass
            else:
                log.error("job %d cannot be claimed: %s", job, why)
                return
        times = self._aside[job].times + 1 if job in self._aside else 1
        self._aside[job] = Aside(times, _now() + self._aside_seconds)
        level = logging.WARNING if times == 1 else logging.DEBUG
        log.log(level, "job %d cannot be claimed now: %s; again every %g s", job, why, self._aside_seconds)

    def _left(self) -> list[int]:
        return [job for job, one in self._aside.items() if one.until > _now()]

    async def _claim(
        self, handlers: Sequence[str], most: int, connection: Connection, *, only: int | None = None
    ) -> list[Claim]:
        return await jobs.claim(
            connection, handlers=handlers, **self._which, lease=self._lease, limit=most, only=only, aside=self._left()
        )

    async def _do(self, statement: Callable[[Connection], Awaitable[T]]) -> T:
        return await self._connections.run(statement, seconds=self._seconds)


def _now() -> float:
    return time.monotonic()

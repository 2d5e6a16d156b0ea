"""Claim jobs. A job that cannot be claimed does not stop the others.

Which jobs, and in which order (`claim_jobs.sql`):

    pending, and due ─────────────▶ a worker: as many as it has free lanes    │ of its handlers, and of events of its
    running, its lease ran out ───▶ a process for lapsed jobs: one at a time  │ accounts; by `due_at`, then by id

Pending jobs come from queues, of each account in turn: the order holds within an account. A queue can rest
(`worker.queues`).
A job that another worker is claiming is skipped. So is a job that was put aside: its claim failed a short time ago.

How they are claimed:

    together ──refused──▶ handler by handler ──refused──▶ job by job ──refused──▶ put aside for a while, or dead
       │
       └──the database is away, or refuses an empty claim──▶ failing until a claim succeeds; reported if that lasts
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
from receiver.inbox.jobs import Claim, Portion
from receiver.logs.reasons import plain
from receiver.worker.queues import Queues

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOKED_AT = 100  # at most this many jobs of a handler are claimed one by one
LOOKING_SECONDS = 1.0  # for at most this long, because the jobs of other handlers wait during that time


@dataclass(frozen=True, slots=True)
class Aside:
    """A job whose claim has failed `times` times. It is skipped until `until` (monotonic clock)."""

    times: int
    until: float


class Claims:
    """Claims jobs for one worker: due jobs of its handlers, for the events of its accounts.

    Args:
        connections: the worker's own.
        queues: the queues of the worker's handlers and accounts.
        lapsed: whether to claim jobs whose lease ran out, instead of pending ones.
        lease: how long a claim holds without being renewed.
        seconds: the time limit of a statement.
        aside_seconds: how long a job that could not be claimed is skipped.
        failing_seconds: after how long failing claims are reported as trouble.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        queues: Queues,
        lapsed: bool,
        lease: timedelta,
        seconds: float,
        aside_seconds: float,
        failing_seconds: float,
    ) -> None:
        self._connections = connections
        self._queues = queues
        self._lapsed = lapsed
        self._lease = lease
        self._seconds = seconds
        self._aside_seconds = aside_seconds
        self._failing_seconds = failing_seconds
        self._aside: dict[int, Aside] = {}
        self._failing_since: float | None = None

    @property
    def trouble(self) -> str | None:
        """The jobs that cannot be claimed, as text; None if there are none, or if the next try might succeed."""
        if self._failing_since is not None and _now() - self._failing_since >= self._failing_seconds:
            return "it cannot claim any job; see the worker's log"
        found = [job for job, aside in self._aside.items() if aside.times > 1]
        example = f", for example job {min(found)}" if found else ""
        return f"it cannot claim {len(found)} job(s){example}; see the worker's log" if found else None

    async def take(self, most: int, start: Callable[[Claim], None]) -> bool:
        """Claim at most `most` jobs and start each; return whether the claim succeeded, and log why it failed.

        No failure ends the worker: the database might be away, or refuse the statement for every job.
        """
        try:
            if most > 0:
                await self._take_together(most, start)
        except Exception as exc:
            if self._failing_since is None:
                self._failing_since = _now()
                trace = None if isinstance(exc, StoreUnavailableError) else exc
                text = "cannot claim jobs: %s (will keep trying)"
                log.warning(text, str(exc) or type(exc).__name__, exc_info=trace)
            return False
        if self._failing_since is not None:
            self._failing_since = None
            log.warning("jobs can be claimed again")
        return True

    async def _take_together(self, most: int, start: Callable[[Claim], None]) -> None:
        # After its time aside, a job is tried again. It is forgotten if it does not fail again within the same time.
        self._aside = {job: aside for job, aside in self._aside.items() if aside.until + self._aside_seconds > _now()}
        try:
            if self._queues.must_look and not self._lapsed:
                look = partial(jobs.with_due, accounts=self._queues.accounts, handlers=self._queues.handlers)
                began = _now()
                due = await self._do(look)
                self._queues.look(due, took=_now() - began)
            more = True
            while more and most > 0:
                claims, more = await self._claim_next(most)
                for claim in claims:
                    start(claim)
                most -= len(claims)
        except StoreRefusedError:
            await self._do(partial(self._claim, self._queues.handlers, 0))  # raises if even an empty claim is refused
            await self._take_by_handler(most, start)

    async def _claim_next(self, most: int) -> tuple[list[Claim], bool]:
        """Claim jobs of the queues that are next; return them, and whether another claim can bring more now."""
        if self._lapsed:
            claim = partial(self._claim, self._queues.handlers, most)
            return await self._do(partial(impatiently, claim) if self._aside else claim), False
        portions = self._queues.next(most)
        if not portions:
            return [], False
        claim = partial(self._claim_from, portions, most)
        began = _now()
        claims = await self._do(partial(impatiently, claim) if self._aside else claim)
        return claims, self._queues.claimed(claims, portions, most, took=_now() - began)

    async def _take_by_handler(self, most: int, start: Callable[[Claim], None]) -> None:
        """Claim for each handler separately: one handler's bad jobs must not delay the jobs of another handler."""
        for handler in random.sample(self._queues.handlers, len(self._queues.handlers)):  # no handler is always first
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
        which: dict[str, Any] = {"limit": LOOKED_AT, "aside": self._skipped()}
        due = partial(jobs.due, queues=self._queues.open([handler]), **which)
        if self._lapsed:
            due = partial(jobs.lapsed, accounts=self._queues.accounts, handlers=[handler], **which)
        claimed, end = 0, _now() + LOOKING_SECONDS

        async def claim_one(connection: Connection, job: int) -> list[Claim]:
            return await self._claim([handler], 1, connection, only=job)

        async for job, result in each(self._connections, await self._do(due), claim_one, seconds=self._seconds):
            if isinstance(result, StoreRefusedError):
                await self._put_aside(job, result)
            else:
                for claim in result:
                    start(claim)
                    claimed += 1
            if claimed == most or _now() > end:
                break
        return claimed

    async def _put_aside(self, job: int, why: StoreRefusedError) -> None:
        """Skip a job for a while. Mark a job that can never be claimed dead, unless the database refuses that too."""
        if not why.passing:
            try:
                bury = partial(jobs.bury, job=job, reason=plain(f"it cannot be claimed: {why}"))
                await self._do(partial(impatiently, bury))
            except StoreRefusedError:
                pass
            else:
                log.error("job %d is dead, because it cannot be claimed: %s", job, why)
                return
        times = self._aside[job].times + 1 if job in self._aside else 1
        self._aside[job] = Aside(times, _now() + self._aside_seconds)
        level = logging.WARNING if times == 1 else logging.DEBUG
        log.log(level, "job %d cannot be claimed now: %s; trying again every %g s", job, why, self._aside_seconds)

    def _skipped(self) -> list[int]:
        return [job for job, aside in self._aside.items() if aside.until > _now()]

    async def _claim(
        self, handlers: Sequence[str], most: int, connection: Connection, *, only: int | None = None
    ) -> list[Claim]:
        """Claim jobs of some handlers, wherever they lie in their queues."""
        if self._lapsed:
            return await jobs.claim_lapsed(
                connection, self._queues.accounts, handlers, lease=self._lease, limit=most, only=only,
                aside=self._skipped(),
            )  # fmt: skip
        portions = self._queues.whole(handlers, most)
        claims = await self._claim_from(portions, most, connection, only=only)
        self._queues.served({claim.account_id for claim in claims}, [one.queue for one in portions])
        return claims

    async def _claim_from(
        self, portions: Sequence[Portion], most: int, connection: Connection, *, only: int | None = None
    ) -> list[Claim]:
        return await jobs.claim(connection, portions, lease=self._lease, limit=most, only=only, aside=self._skipped())

    async def _do(self, statement: Callable[[Connection], Awaitable[T]]) -> T:
        return await self._connections.run(statement, seconds=self._seconds)


def _now() -> float:
    return time.monotonic()

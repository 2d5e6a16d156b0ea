"""Take jobs, so that one that cannot be taken is alone with that."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from receiver import jobs
from receiver.database import Connection, Connections
from receiver.errors import StoreRefusedError
from receiver.jobs import Claim
from receiver.reasons import plain

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOKED_AT = 100  # jobs that are claimed one by one because together they cannot be


class Claims:
    """What one worker may take: due jobs of its handlers, for the events of one API.

    Args:
        connections: the worker's own.
        handlers: the names of those it knows.
        lapsed: whether it takes jobs whose lease ran out, instead of those that are pending.
        lease: how long a claim holds without being renewed.
        seconds: how long a statement may take.
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
    ) -> None:
        self._connections = connections
        self._ours: dict[str, Any] = {"handlers": handlers, "api_url": api_url, "lapsed": lapsed}
        self._lease = lease
        self._seconds = seconds
        self._aside: set[int] = set()

    async def take(self, most: int, start: Callable[[Claim], None]) -> None:
        """Claim at most so many jobs and start each.

        Raises:
            StoreUnavailableError: the database is away, or refuses the statement whichever jobs there are.
        """
        try:
            claims = await self._do(partial(jobs.claim, **self._ours, lease=self._lease, limit=most))
        except StoreRefusedError as exc:
            if exc.passing:
                raise
            await self._do(partial(jobs.claim, **self._ours, lease=self._lease, limit=0))  # is it about any job at all?
            await self._take_one_by_one(most, start)
            return
        for claim in claims:
            start(claim)

    async def _take_one_by_one(self, most: int, start: Callable[[Claim], None]) -> None:
        for job in await self._do(partial(jobs.due, **self._ours, limit=LOOKED_AT + len(self._aside))):
            if job in self._aside or not most:
                continue
            try:
                claims = await self._do(partial(jobs.claim, **self._ours, lease=self._lease, limit=1, only=job))
            except StoreRefusedError as exc:
                if not exc.passing:
                    await self._bury(job, exc)
                continue
            for claim in claims:
                start(claim)
                most -= 1

    async def _bury(self, job: int, why: StoreRefusedError) -> None:
        try:
            await self._do(lambda c: jobs.bury(c, job, plain(f"it cannot be claimed: {why}")))
        except StoreRefusedError:
            self._aside.add(job)
        log.error("job %d cannot be claimed: %s", job, why)

    async def _do(self, statement: Callable[[Connection], Awaitable[T]]) -> T:
        return await self._connections.run(statement, seconds=self._seconds)

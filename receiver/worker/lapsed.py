"""Run each job whose lease ran out alone, in a process that holds no other job.

The worker that held such a job died or hung, perhaps because of that very job. In a separate process the job cannot
harm other jobs a second time. So a handler that kills workers costs each neighbour at most one attempt: the one that
was under way the first time. The job itself becomes dead, without a person's help.

The worker that starts the process continues to claim jobs, and no job waits. In a lane of that worker the job would
have neighbours, or it would have to wait for their end while all later jobs wait for the lane. The price is half a
second, and the memory of a process while there are such jobs.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from receiver.database import Connections
from receiver.errors import StoreUnavailableError
from receiver.events import AccountId
from receiver.health.watchdog import BEATS
from receiver.inbox import jobs
from receiver.worker.marks import pause

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one worker's processes for lapsed jobs. Times are in seconds.

    Attributes:
        at_once: how many processes run at the same time, at most.
        crowd: the longest random wait, which lets one of several workers be the first.
        statement: the time limit of a statement.
    """

    at_once: int = 3
    crowd: float = 5.0
    statement: float = 10.0


class Lapsed:
    """Starts a process when lapsed jobs have waited for a third of a lease, and another one if jobs still wait.

    Args:
        connections: the worker's own.
        handlers: the names of the worker's handlers.
        accounts: the accounts whose events it handles.
        lease: how long a claim holds.
        poll: how often to look.
        run: runs a process for lapsed jobs, and returns its exit status. The process ends when no lapsed job is left,
            or soon after the event `stop` is set.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        handlers: Iterable[str],
        accounts: Iterable[AccountId],
        lease: timedelta,
        poll: timedelta,
        run: Callable[..., Awaitable[int]],
        limits: Limits | None = None,
    ) -> None:
        self._connections = connections
        self._any = partial(jobs.any_lapsed, accounts=list(accounts), handlers=list(handlers))
        self._part = lease.total_seconds() / BEATS
        self._poll = poll.total_seconds()
        self._run = run
        self._limits = limits or Limits()
        self._ending = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._asked_for = 0.0  # seconds that the last question took

    async def watch(self) -> None:
        """Look for lapsed jobs and start processes for them, until cancelled. While the database is away, find none.

        An old snapshot can make a look take long; then the next one waits longer (`worker.marks`).
        """
        while True:
            if len(self._running) < self._limits.at_once and await self._are_left():
                task = asyncio.create_task(self._run_one())
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            await asyncio.sleep(max(self._poll, pause(self._asked_for)))

    async def end(self) -> None:
        """Make the running processes end, and wait for them."""
        self._ending.set()
        await asyncio.gather(*self._running)

    async def _are_left(self) -> bool:
        """Return whether lapsed jobs wait now, and still wait after a pause.

        When the database comes back after an outage, every lease has run out, ours too. In the pause each living worker
        renews its own leases. The pause has a random part: all workers see the same job, and one should be first.
        """
        if not await self._ask():
            return False
        await asyncio.sleep(self._part + min(self._part / 2, self._limits.crowd) * random.uniform(0.1, 1))  # noqa: S311
        return await self._ask()

    async def _ask(self) -> bool:
        began = time.monotonic()
        try:
            found = await self._connections.run(self._any, seconds=self._limits.statement)
        except StoreUnavailableError as exc:
            log.debug("cannot look for lapsed jobs: %s", exc)
            return False
        self._asked_for = time.monotonic() - began
        return found

    async def _run_one(self) -> None:
        try:
            status = await self._run(stop=self._ending)
        except Exception:
            log.exception("no process could be started for a job whose lease ran out; trying again later")
            return
        if status:
            log.error("the process for jobs whose lease ran out ended with status %d; another one starts later", status)

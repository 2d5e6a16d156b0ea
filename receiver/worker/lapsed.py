"""Jobs whose lease ran out: each is run alone, in a process that holds nothing else.

Such a job was in the hands of a worker that died or hung, perhaps because of that very job. In a process of its own it
takes nobody along a second time: so a handler that kills workers costs each neighbour at most the one attempt that was
under way at its first time, and ends as a dead job by itself. The worker that starts the process goes on claiming, and
nobody waits for anybody: in a lane of its own the job would either have neighbours or wait until they have ended, and
everybody else behind it. The price is half a second and the memory of a process for as long as there are such jobs.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from receiver.database import Connections
from receiver.errors import StoreUnavailableError
from receiver.health.watchdog import BEATS
from receiver.inbox import jobs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many processes for lapsed jobs a worker has at once, and its waiting, in seconds.

    Attributes:
        crowd: at most so long one worker waits for another to be first.
        statement: how long to ask the database.
    """

    at_once: int = 3
    crowd: float = 5.0
    statement: float = 10.0


class Lapsed:
    """Starts a process for lapsed jobs when some have waited for a third of a lease, and another when some still do.

    Args:
        connections: the worker's own.
        handlers: the names of those it knows.
        api_url: whose events it handles.
        lease: how long a claim holds.
        poll: how often to look.
        run: runs a process that takes lapsed jobs and ends when there are none, or soon after the event `stop` is
            set; returns its exit status.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        handlers: Iterable[str],
        api_url: str,
        lease: timedelta,
        poll: timedelta,
        run: Callable[..., Awaitable[int]],
        limits: Limits | None = None,
    ) -> None:
        self._connections = connections
        self._any = partial(jobs.any_lapsed, handlers=list(handlers), api_url=api_url)
        self._part = lease.total_seconds() / BEATS
        self._poll = poll.total_seconds()
        self._run = run
        self._limits = limits or Limits()
        self._ending = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    async def watch(self) -> None:
        """Look for lapsed jobs, until cancelled; while the database is away there are none."""
        while True:
            if len(self._running) < self._limits.at_once and await self._are_left():
                task = asyncio.create_task(self._run_one())
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            await asyncio.sleep(self._poll)

    async def end(self) -> None:
        """Wait for the processes that run, which are told to end."""
        self._ending.set()
        await asyncio.gather(*self._running)

    async def _are_left(self) -> bool:
        """Whether lapsed jobs wait, and still do after a while.

        Every worker that lives renews its leases meanwhile: when the database comes back, all of them have run out,
        ours among them. The rest of the while is by chance, for one worker to be first: all of them see such a job.
        """
        if not await self._ask():
            return False
        await asyncio.sleep(self._part + min(self._part / 2, self._limits.crowd) * random.uniform(0.1, 1))  # noqa: S311
        return await self._ask()

    async def _ask(self) -> bool:
        try:
            return await self._connections.run(self._any, seconds=self._limits.statement)
        except StoreUnavailableError as exc:
            log.debug("lapsed jobs are not looked for: %s", exc)
            return False

    async def _run_one(self) -> None:
        try:
            status = await self._run(stop=self._ending)
        except Exception:
            log.exception("no process could be started for a job whose lease ran out; once more later")
            return
        if status:
            log.error("the process for jobs whose lease ran out ended with status %d; what it had waits again", status)

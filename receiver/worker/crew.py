"""The two groups of lanes of a worker process: one runs users' handlers, the other sends what is paid for.

    told to end ──▶ both claim nothing more ──▶ handlers: a short time, then their jobs are given back
                                            └─▶ calls: a time of their own, because what is cut off may have been paid
    relieved ────▶ the same, but calls go on to their own deadlines, or until the process is told to end after all

Calls have lanes of their own because one can take two hours: in the handlers' lanes, a few would stop every handler.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from receiver.worker.lanes import Worker
from receiver.worker.leases import Key

log = logging.getLogger(__name__)

CLAIM_SECONDS = 3.0


class Crew:
    """The workers of one process.

    Args:
        handlers: runs the users' handlers.
        calls: sends what is paid for; None if this process sends nothing.
    """

    def __init__(self, handlers: Worker, calls: Worker | None) -> None:
        self._handlers = handlers
        self._calls = calls
        self._all: Sequence[Worker] = [handlers] if calls is None else [handlers, calls]

    def wake(self) -> None:
        """Look for due jobs now."""
        for worker in self._all:
            worker.wake()

    def trouble(self) -> str | None:
        """Return why jobs cannot be claimed, as text; None if they can."""
        return next((trouble for trouble in (worker.trouble() for worker in self._all) if trouble), None)

    def held(self) -> list[Key]:
        """Return the (job, attempt) of every held job. Any thread can call this."""
        return [key for worker in self._all for key in worker.held()]

    def lose(self, keys: Collection[Key]) -> None:
        """Stop the handlers of jobs that this process no longer holds. A call goes on: its answer is paid for."""
        self._handlers.lose(keys)

    async def work_until(self, *ends: asyncio.Event) -> None:
        """Claim jobs until one of the events is set, or a worker gives up."""
        working = {asyncio.create_task(worker.run()) for worker in self._all}
        waiting: set[asyncio.Task[Any]] = {asyncio.create_task(end.wait()) for end in ends}
        await asyncio.wait({*working, *waiting}, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        for worker in self._all:
            worker.leave()
        done, late = await asyncio.wait(working, timeout=CLAIM_SECONDS)
        for task in done:
            task.result()
        for task in late:
            task.cancel()

    async def stop(self, handlers: float, calls: float, *, end: asyncio.Event, hurry: asyncio.Event) -> None:
        """Let the running jobs end, then stop the rest and give them back.

        Args:
            handlers: how many seconds handlers have.
            calls: how many seconds calls have once the process is told to end.
            end: the process is told to end. Until then calls go on.
            hurry: nothing is waited for any more.
        """
        both = [_stop(self._handlers, handlers, hurry)]
        if self._calls is not None:
            both.append(self._stop_calls(self._calls, calls, end, hurry))
        await asyncio.gather(*both)

    async def _stop_calls(self, calls: Worker, seconds: float, end: asyncio.Event, hurry: asyncio.Event) -> None:
        either: set[asyncio.Task[Any]] = {asyncio.create_task(calls.drained()), asyncio.create_task(end.wait())}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        for task in either:
            task.cancel()
        if calls.names():
            log.warning(
                "%d calls are under way, and have %g s to end; after that nobody knows what became of them: %s",
                len(calls.names()), seconds, ", ".join(calls.names()),
            )  # fmt: skip
        await _stop(calls, seconds, hurry)


async def _stop(worker: Worker, seconds: float, hurry: asyncio.Event) -> None:
    """Give the running jobs `seconds` to end, or until `hurry` is set. Stop the others and give them back."""
    stopping = asyncio.create_task(worker.stop(within=timedelta(seconds=seconds)))
    hurrying = asyncio.create_task(hurry.wait())
    await asyncio.wait({stopping, hurrying}, return_when=asyncio.FIRST_COMPLETED)
    hurrying.cancel()
    if not stopping.done():
        stopping.cancel()
        await asyncio.wait({stopping})
        await worker.stop(within=timedelta(0))
    else:
        stopping.result()

"""Write the outcomes of jobs, even if the database is away for long; otherwise the work would be done again.

What ends while other outcomes are being written goes into the next statement together (`database.batches`).

outcome ──the handler has completed the job──▶ done
   │
   ├──written──▶ settled, or the job is no longer ours
   ├──its row is locked──▶ alone, waiting for the lock
   ├──the database is away──▶ try again until it is back
   └──refused──▶ alone, in plain words ──refused for a whole lease──▶ give up: free the lane, let the lease run out

If a statement for several outcomes is refused, each of them is tried alone (`database.apart`).
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from receiver.database import Connection, Connections
from receiver.database.apart import together
from receiver.database.batches import Batches
from receiver.errors import StoreRefusedError, StoreUnavailableError
from receiver.failpoints import Failpoint, reach
from receiver.handling import Completing
from receiver.inbox import jobs
from receiver.inbox.jobs import Ended, Settled
from receiver.inbox.retry import Done, Outcome, with_storable_reason
from receiver.worker.lane import Lane

log = logging.getLogger(__name__)

MOST = 64  # outcomes in one statement
AT_ONCE = 2  # statements


class Settling:
    """Writes the outcomes of one worker.

    Args:
        connections: the worker's own.
        lease: how long to retry a refused outcome.
        seconds: the time limit of a statement.
        again: the pause before the next try, in seconds.
    """

    def __init__(self, connections: Connections, *, lease: timedelta, seconds: float, again: float) -> None:
        self._connections = connections
        self._lease = lease
        self._seconds = seconds
        self._again = again
        self._batches = Batches(self._settle, most=MOST, at_once=AT_ONCE)
        self._alone = asyncio.Lock()  # those that wait for a lock leave the other connections to claims

    async def settle(self, lane: Lane, outcome: Outcome) -> Outcome | None:
        """Write and return the outcome of a job whose handler has ended; return None if it could not be written."""
        if lane.completion.stage is Completing.COMMITTED:
            if not isinstance(outcome, Done):
                text = "%s failed after completing(), but the job is done: %s"
                log.warning(text, lane.name, outcome.reason, extra=lane.facts)
            return Done()
        return outcome if await self._write(lane, outcome) else None

    async def _write(self, lane: Lane, outcome: Outcome) -> bool:
        refused_since: float | None = None
        ended = Ended(*lane.key, outcome, lane.claim.claimed_at)
        while True:
            try:
                # What was refused once does not spoil another statement for its neighbours.
                result = await (self._batches.add(ended) if refused_since is None else self._settle_alone(ended))
                if result == "locked":
                    result = await self._settle_alone(ended)
            except StoreRefusedError as exc:
                refused_since = refused_since or time.monotonic()
                if time.monotonic() - refused_since > self._lease.total_seconds():
                    log.error("the outcome of %s cannot be written, so its lease will run out: %s", lane.name, exc)
                    return False
                if not exc.passing:
                    ended = ended._replace(outcome=with_storable_reason(ended.outcome, str(exc)))
                log.warning("the outcome of %s is not written yet; trying again: %s", lane.name, exc)
            except StoreUnavailableError as exc:
                log.warning("the outcome of %s is not written yet; trying again: %s", lane.name, exc)
            else:
                if result == "lost":
                    text = "%s: the job was no longer ours, so writing its outcome had no effect"
                    log.warning(text, lane.name, extra=lane.facts)
                return result == "written"
            await asyncio.sleep(self._again)

    async def _settle(self, ended: Sequence[Ended]) -> Sequence[Settled | StoreUnavailableError]:
        for _ in ended:
            reach(Failpoint.BEFORE_SETTLED)
        results = await together(self._connections, ended, jobs.settle, seconds=self._seconds)
        for _ in ended:
            reach(Failpoint.AFTER_SETTLED)
        return results

    async def _settle_alone(self, ended: Ended) -> Settled:
        async with self._alone:
            return await self._connections.run(partial(_locked, ended=ended), seconds=self._seconds)


async def _locked(connection: Connection, ended: Ended) -> Settled:
    """Settle a job after waiting for the lock on its row."""
    async with connection.transaction():
        if not await jobs.lock(connection, ended.job, ended.attempt):
            return "lost"
        (result,) = await jobs.settle(connection, [ended])
        return result

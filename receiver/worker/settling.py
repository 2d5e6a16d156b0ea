"""Write a job's outcome, even if the database is away for long; otherwise the work would be done again.

outcome ──the handler has completed the job──▶ done
   │
   ├──written──▶ settled, or the job is no longer ours
   ├──the database is away──▶ try again until it is back
   └──refused──▶ try again in plain words ──refused for a whole lease──▶ give up: free the lane, let the lease run out
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from receiver.database import Connections
from receiver.errors import StoreRefusedError, StoreUnavailableError
from receiver.handling import Completing
from receiver.inbox import jobs
from receiver.inbox.retry import Done, Outcome, with_storable_reason
from receiver.worker.lane import Lane

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settling:
    """How one worker writes outcomes.

    Attributes:
        connections: the worker's own.
        lease: how long to retry a refused outcome.
        seconds: the time limit of a statement.
        again: the pause before the next try, in seconds.
    """

    connections: Connections
    lease: timedelta
    seconds: float
    again: float

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
        while True:
            finish = partial(jobs.finish, job=lane.claim.job, attempt=lane.claim.attempt, outcome=outcome)
            try:
                written = await self.connections.run(finish, seconds=self.seconds)
            except StoreRefusedError as exc:
                refused_since = refused_since or time.monotonic()
                if time.monotonic() - refused_since > self.lease.total_seconds():
                    log.error("the outcome of %s cannot be written, so its lease will run out: %s", lane.name, exc)
                    return False
                if not exc.passing:
                    outcome = with_storable_reason(outcome, str(exc))
                log.warning("the outcome of %s is not written yet; trying again: %s", lane.name, exc)
            except StoreUnavailableError as exc:
                log.warning("the outcome of %s is not written yet; trying again: %s", lane.name, exc)
            else:
                if not written:
                    text = "%s: the job was no longer ours, so writing its outcome had no effect"
                    log.warning(text, lane.name, extra=lane.facts)
                return written
            await asyncio.sleep(self.again)

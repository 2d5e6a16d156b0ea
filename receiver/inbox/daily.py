"""Prune every day what is older than a number of days: one process of all at a time."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta

from receiver.database import TROUBLE, Pool, query
from receiver.inbox import retention
from receiver.inbox.retention import SERVICE, Gone, Pace, Prune

log = logging.getLogger(__name__)

LOCK = 7_301_845_520_141_990_027  # an arbitrary number; other software is unlikely to use it
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Daily:
    """Prunes every day what is older than a length of time.

    Attributes:
        db: the database. A run uses two connections of the pool.
        older_than: how old what is pruned has to be.
        pace: how much of the database's time a run takes.
        between: the pause between two looks whether it is time, in seconds.
    """

    db: Pool
    older_than: timedelta
    pace: Pace = SERVICE
    between: float = 600.0

    async def watch(self) -> None:
        """Prune whenever it is time, until cancelled. While the database is away, nothing is done."""
        while True:
            try:
                await self.prune_if_due()
            except TROUBLE as exc:
                log.warning("what is old could not be pruned now; it is tried again in %g s: %s", self.between, exc)
            await asyncio.sleep(self.between)

    async def prune_if_due(self) -> Gone | None:
        """Prune, unless that was done within a day or another process does it; return how much, or None.

        The process that prunes holds a lock of its session, until the connection goes back to the pool. If the process
        dies, the next one to look goes on.
        """
        async with self.db.acquire() as connection:
            if not await connection.fetchval(query("database/try_lock"), LOCK):
                return None
            if not await connection.fetchval(query("inbox/is_prune_due"), A_DAY):
                return None
            run = Prune(self.db, await retention.horizon(self.db, self.older_than), self.pace)
            await run.run()
            await connection.execute(query("inbox/pruned"))
        log.info("pruned %s from before %s", run.gone, f"{run.before.at:%Y-%m-%d %H:%M:%S} UTC")
        return run.gone

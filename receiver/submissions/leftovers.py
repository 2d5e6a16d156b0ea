"""Deal with what dead jobs and dead workers have left behind.

    the job is dead, and the submission is     it becomes
    ────────────────────────────────────────── ─────────────────────────────────────────────────────────────────
    intended, uploaded                         failed: nothing was sent. Its job runs once more, for the event
    the same, once an answer to it was lost    unknown, with its event: the lost one may have been carried out
    sent                                       unknown: nobody kept an answer. Its job runs once more, to find it

A job can die in many ways, and whoever ends it does not touch its submission. So dead jobs are looked for here. A
submission that is `ended` is left alone: it is paid for, and a person lets its files be fetched again.

A worker can die after a submission is over, and before it has removed the recording that was put aside. So recordings
are removed here too: of submissions that are over, and of those that the database has not known for a day. So is what
killed workers have fetched from a bucket for a handler.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from receiver.database import AWAY, Connection, Pool, query
from receiver.events import AccountId, columns
from receiver.handling import fetched
from receiver.inbox import deliveries, jobs
from receiver.submissions import announcing, records
from receiver.submissions.announcing import Interested
from receiver.submissions.moves import OVER, State
from receiver.submissions.records import Change, Submission
from receiver.submissions.shelf import Shelf
from receiver.submissions.working import NO_ANSWER

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
AT_ONCE = 100
UNKNOWN_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What is left behind of the submissions of some accounts.

    Attributes:
        db: the database.
        accounts: the accounts.
        interested: names the handlers that want the event of a submission that nobody knows about.
        shelf: where recordings are put aside.
    """

    db: Pool
    accounts: Sequence[AccountId]
    interested: Interested
    shelf: Shelf

    async def watch(self) -> None:
        """Look every minute, until cancelled. While the database is away, nothing is done."""
        while True:
            try:
                await self.end_dead()
                await self.remove_files()
            except AWAY as exc:
                log.warning("nobody can see now what was left behind: %s", exc)
            await asyncio.sleep(EVERY_SECONDS)

    async def end_dead(self) -> None:
        """Move the submissions whose job is dead, so that their handlers or a person hear of it."""
        async with self.db.acquire() as connection, connection.transaction():
            rows = await connection.fetch(
                query("submissions/given_up"), *columns(self.accounts), jobs.SUBMISSIONS, AT_ONCE
            )
            for row in rows:
                await self._end(connection, records.from_row(row), row["reason"])
        if rows:
            await jobs.nudge(self.db)

    async def remove_files(self) -> None:
        """Remove the recordings, and the files on their way from or to a bucket, that nobody needs any more."""
        await asyncio.to_thread(fetched.sweep, self.shelf.place)
        waiting = await asyncio.to_thread(self.shelf.waiting)
        states = await records.states(self.db, waiting) if waiting else {}
        long_ago, useless = time.time() - UNKNOWN_SECONDS, set[str]()
        for submission, changed_at in waiting.items():
            is_useless = states[submission] in OVER if submission in states else changed_at < long_ago
            if is_useless:
                useless.add(submission)
        if useless:
            await self.shelf.forget(useless)

    async def _end(self, connection: Connection, dead: Submission, reason: str) -> None:
        error = f"its job was given up: {reason}"
        if dead.state is State.SENT:
            moved = await records.move(connection, dead.id, State.UNKNOWN, Change(error=NO_ANSWER))
        elif dead.paid_tries:
            moved = await records.move(connection, dead.id, State.UNKNOWN, Change(error=error))
        else:
            moved = await records.move(connection, dead.id, State.FAILED, Change(error=error))
        assert moved is not None, "its row is locked"
        log.error("%s was %s and is %s now: %s", dead.id, dead.state, moved.state, error)
        if dead.state is not State.SENT and moved.state is State.UNKNOWN:  # its job would only die once more
            await deliveries.append(connection, [announcing.of_unknown(moved, self.interested)])
        else:
            await records.wake(connection, [moved])

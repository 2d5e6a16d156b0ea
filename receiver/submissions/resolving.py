"""What a person says of a submission whose answer was lost.

unknown ──again──▶ uploaded: it is sent once more, and may be paid for a second time
        ──found──▶ accepted: this is the work that it became
        ──give up──▶ failed
"""

import asyncpg

from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.inbox import jobs
from receiver.submissions import records
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission

GIVEN_UP = "a person gave it up"


async def again(db: Pool, submission: str) -> Submission:
    """Let a submission be sent once more.

    Raises:
        ImpossibleError: its state is not `unknown`, or there is no such submission.
    """
    return await _resolve(db, submission, State.UPLOADED, Change(permitted=1))


async def give_up(db: Pool, submission: str) -> Submission:
    """Let a submission fail; its event says so.

    Raises:
        ImpossibleError: as for `again`.
    """
    return await _resolve(db, submission, State.FAILED, Change(error=GIVEN_UP))


async def found(db: Pool, submission: str, remote_id: str) -> Submission:
    """Say which work of the provider a submission became.

    Raises:
        ImpossibleError: as for `again`, or another submission has this work.
    """
    try:
        return await _resolve(db, submission, State.ACCEPTED, Change(remote_id=remote_id))
    except asyncpg.UniqueViolationError:
        raise ImpossibleError(f"{remote_id} is the work of another submission") from None


async def _resolve(db: Pool, submission: str, to: State, change: Change) -> Submission:
    async with db.acquire() as connection, connection.transaction():
        moved = await records.move(connection, submission, to, change, only_from={State.UNKNOWN})
        if moved is not None:
            await records.wake(connection, [moved])
    if moved is None:
        known = await records.known(db, submission)
        raise ImpossibleError(f"{submission} is {known.state}; only one whose answer was lost (unknown) is resolved")
    await jobs.nudge(db)
    return moved

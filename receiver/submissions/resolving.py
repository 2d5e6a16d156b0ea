"""What a person says of a submission whose answer was lost.

unknown ──again──▶ uploaded: it is sent once more, and may be paid for a second time
        ──found──▶ accepted: this is the work that it became
        ──give up──▶ failed
"""

import asyncpg

from receiver.database import Connection
from receiver.errors import ImpossibleError
from receiver.inbox import jobs
from receiver.submissions import records
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission

GIVEN_UP = "a person gave it up"


async def again(connection: Connection, submission: str) -> Submission:
    """Let a submission be sent once more.

    Raises:
        ImpossibleError: its state is not `unknown`, or there is no such submission.
    """
    return await _resolve(connection, submission, State.UPLOADED, Change(permitted=1))


async def give_up(connection: Connection, submission: str) -> Submission:
    """Let a submission fail; its event says so.

    Raises:
        ImpossibleError: as for `again`.
    """
    return await _resolve(connection, submission, State.FAILED, Change(error=GIVEN_UP))


async def found(connection: Connection, submission: str, remote_id: str) -> Submission:
    """Say which work of the provider a submission became.

    Raises:
        ImpossibleError: as for `again`, or another submission has this work.
    """
    try:
        return await _resolve(connection, submission, State.ACCEPTED, Change(remote_id=remote_id))
    except asyncpg.UniqueViolationError:
        raise ImpossibleError(f"{remote_id} is the work of another submission", code="taken") from None


async def _resolve(connection: Connection, submission: str, to: State, change: Change) -> Submission:
    async with connection.transaction():
        moved = await records.move(connection, submission, to, change, only_from={State.UNKNOWN})
        if moved is not None:
            await records.wake(connection, [moved])
    if moved is None:
        known = await records.known(connection, submission)
        raise ImpossibleError(
            f"{submission} is {known.state}; only one whose answer was lost (unknown) is resolved", code="not_unknown"
        )
    await jobs.nudge(connection)
    return moved

"""What a person says of a submission whose answer was lost.

unknown ──again──▶ uploaded: it is sent once more, and may be paid for a second time
        ──found──▶ accepted: this is the work that it became
        ──give up──▶ failed
"""

from typing import Literal, TypeAlias

import asyncpg

from receiver.database import Connection
from receiver.errors import ImpossibleError
from receiver.inbox import jobs
from receiver.providers import by_name
from receiver.submissions import records
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission

Action: TypeAlias = Literal["again", "give_up", "found"]

GIVEN_UP = "a person gave it up"


async def resolve(connection: Connection, submission: str, action: Action, remote_id: str | None) -> Submission:
    """Do what a person has decided. `remote_id` is needed to say that it was found.

    Raises:
        ImpossibleError: see the functions below.
    """
    match action:
        case "again":
            return await again(connection, submission)
        case "give_up":
            return await give_up(connection, submission)
        case "found":
            return await found(connection, submission, remote_id or "")


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
        ImpossibleError: as for `again`; or another submission has this work; or no work can have this id; or the
            provider answers with the result, so that there is nothing to look at.
    """
    if not (remote_id and remote_id.isprintable()):
        raise ImpossibleError("say which work it became: give the provider's id of it")
    known = await records.known(connection, submission)
    source = by_name(known.source)
    if source is not None and not can_be_found(known):
        raise ImpossibleError(
            f"{source.name} answers with the result, and nobody can ask it for the result of {remote_id}: let it be "
            "sent again, or give it up"
        )
    if source is not None:
        remote_id = source.work_id(remote_id)
    try:
        return await _resolve(connection, submission, State.ACCEPTED, Change(remote_id=remote_id))
    except asyncpg.UniqueViolationError:
        raise ImpossibleError(f"{remote_id} is the work of another submission", code="taken") from None


def can_be_found(submission: Submission) -> bool:
    """Whether its provider can be asked for the result of a work. One that answers with the result cannot."""
    source = by_name(submission.source)
    return source is None or not source.synchronous


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

"""Carry a submission as far as it can be carried now: the work of its job.

    uploaded ──sent, committed──▶ the one request that is paid for ──▶ accepted, ended, failed, unknown, uploaded
    sent ──▶ unknown: whoever sent it died before the answer was kept
    unknown ──▶ sent once more if that is permitted, failed, or `submission.unknown` for a person
    ended ──▶ done, with its event

The job ends when nothing can be done now: the submission is over, the provider works on it, or a person must decide.
Whoever moves the submission later wakes the job. So the job's last transaction locks the submission, and ends the job
only if nobody has moved it in between.

If the request were sent before `sent` is on disk, a crash would forget a payment. If the answer were kept after the
transaction that leaves `sent`, a crash would lose what was paid for.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias, cast

from receiver.database import AWAY, Connection
from receiver.errors import GiveUp, NotFound, Postpone, ProviderError
from receiver.events import SUBMISSION, Event
from receiver.failpoints import Failpoint, reach
from receiver.handling import Context, Handler
from receiver.inbox import deliveries, jobs
from receiver.inbox.deliveries import Delivery
from receiver.inbox.retry import RetryPolicy
from receiver.providers import Source, archive
from receiver.providers.orders import Accepted, Answered, Order
from receiver.submissions import announcing, moves, records, timing
from receiver.submissions.announcing import Interested
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission

log = logging.getLogger(__name__)

# A provider that cannot be reached costs nothing, so it is tried for days.
POLICY = RetryPolicy(attempts=100, first=timedelta(seconds=5), limit=timedelta(hours=1))
# A call must end before its job does; see `patience`.
LONGEST_SECONDS = 3 * 3600.0
MARGIN_SECONDS = 600.0
JOB_SECONDS = LONGEST_SECONDS + 3600.0
KEEP_SECONDS = 1.0
FILE_IS_NEW = timedelta(minutes=2)
FILE_APPEARS_SECONDS = 10.0
NO_ANSWER = "it was sent, and no answer was kept"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The answer of a provider that cannot be read: perhaps the work is done and charged."""

    raw: bytes
    error: ProviderError


Answer: TypeAlias = Accepted | Answered | Unreadable | ProviderError


class MovedError(Exception):
    """The submission is in another state now."""


def handler(interested: Interested, *, pays: bool = True) -> Handler:
    """Return the handler of submissions: see `Working`."""
    return Handler(Working(interested, pays).run, (SUBMISSION,), jobs.SUBMISSIONS, POLICY, JOB_SECONDS)


def patience(seconds: float | None) -> float:
    """Return how long to wait for the answer of a synchronous call, by the recording's length, both in seconds."""
    if seconds is None:
        return LONGEST_SECONDS
    return min(LONGEST_SECONDS, max(MARGIN_SECONDS, seconds + MARGIN_SECONDS))


@dataclass(frozen=True, slots=True)
class Working:
    """The function of the handler.

    Attributes:
        interested: names the handlers that want the event of an end.
        pays: whether it sends what is paid for. If not, it leaves that to another worker.
    """

    interested: Interested
    pays: bool

    async def run(self, event: Event, ctx: Context) -> None:
        """Carry the event's submission as far as it can be carried now.

        Raises:
            ProviderError: nothing was done; the job comes back.
        """
        while True:
            found = await records.find(ctx.db, event.id)
            if found is None:
                raise GiveUp("its submission is gone")
            try:
                if await self._step(found, ctx):
                    break
            except MovedError:
                continue
        await jobs.nudge(ctx.db)

    async def _step(self, submission: Submission, ctx: Context) -> bool:
        """Do the next step. Return whether the job has ended with it.

        Raises:
            MovedError: somebody else has moved the submission.
        """
        match submission.state:
            case State.UPLOADED if not self.pays:
                raise Postpone("it is sent by a lane for calls", after=0.0)
            case State.UPLOADED if submission.is_permitted:
                await _pay(submission, ctx)
            case State.SENT:
                await _move(submission, ctx, State.UNKNOWN, Change(error=NO_ANSWER))
            case State.UNKNOWN if submission.if_lost == "again" and submission.is_permitted:
                log.warning("%s: its answer was lost, and it is sent again, as was wished", submission.id)
                await _move(submission, ctx, State.UPLOADED, Change())
            case State.UNKNOWN if submission.if_lost == "fail":
                await _move(submission, ctx, State.FAILED, Change(error=submission.error))
            case State.UNKNOWN:
                await self._end(submission, ctx, announcing.of_unknown(submission, self.interested))
                return True
            case State.ENDED | State.FAILED if submission.event is None:
                await self._end(submission, ctx, announcing.of_end(submission, self.interested))
                return True
            case _:
                await self._end(submission, ctx, None)
                return True
        return False

    async def _end(self, submission: Submission, ctx: Context, announcement: Delivery | None) -> None:
        """End the job, with an event, in one transaction."""
        async with ctx.completing() as connection:
            now = await records.locked(connection, submission.id)
            if now is None or (now.state, now.paid_tries) != (submission.state, submission.paid_tries):
                raise MovedError
            if announcement is None:
                return
            await deliveries.append(connection, [announcement])
            if now.state is not State.UNKNOWN:
                await records.announced(connection, submission.id, announcement.content.id)
            if now.state is State.ENDED:
                await records.move(connection, submission.id, State.DONE)


async def _move(submission: Submission, ctx: Context, to: State, change: Change) -> None:
    moved = await records.move(
        ctx.db, submission.id, to, change, tries=submission.paid_tries, only_from={submission.state}
    )
    if moved is None:
        raise MovedError


async def _pay(submission: Submission, ctx: Context) -> None:
    """Send the request that is paid for, and keep its answer.

    Raises:
        ProviderError: nothing was done.
        Postpone: the provider does not see the file yet.
    """
    client = cast("Source", ctx.client)
    order = _order(submission, client)
    reach(Failpoint.BEFORE_SENT)
    sent = await records.move(ctx.db, submission.id, State.SENT, Change(tries=1))
    if sent is None:
        raise MovedError
    reach(Failpoint.AFTER_SENT)
    answer = await _answer(client, order, sent)
    reach(Failpoint.AFTER_ANSWERED)
    # What the provider has said is kept even if the process is told to end.
    keeping = asyncio.ensure_future(_keep(sent, ctx, answer))
    try:
        await asyncio.shield(keeping)
    except asyncio.CancelledError:
        await keeping
        raise
    reach(Failpoint.AFTER_ENDED)


async def _answer(client: Source, order: Order, sent: Submission) -> Answer:
    """Send the request, once, and return what the provider says."""
    try:
        answer = await client.start(order)
        if isinstance(answer, Answered):
            try:
                client.transcript(order.operation, answer.raw)
            except ProviderError as exc:
                return Unreadable(answer.raw, exc)
    except ProviderError as exc:
        return exc
    except asyncio.CancelledError:
        log.error("%s was sent and is stopped before its answer came: it becomes unknown", sent.id)
        raise
    return answer


def _order(submission: Submission, client: Source) -> Order:
    """Return what is sent.

    Raises:
        GiveUp: this version does not know the operation or an option.
    """
    operation = client.operations.get(submission.operation)
    if operation is None:
        raise GiveUp(f"this version does not know the operation {submission.operation} of {submission.source}")
    try:
        wishes = operation.model_validate(submission.wishes)
    except ValueError as exc:
        raise GiveUp(f"this version does not know its options: {exc}") from exc
    return Order(
        submission.operation, wishes, file_id=submission.remote_file, url=submission.url, name=submission.recording,
        patience=patience(submission.duration_seconds),
    )  # fmt: skip


async def _keep(sent: Submission, ctx: Context, answer: Answer) -> None:
    """Keep what the provider has said, for as long as the database is away: it cannot be asked for again.

    Raises:
        ProviderError: nothing was done; the error itself.
        Postpone: the provider does not see the file yet.
    """
    while True:
        try:
            async with ctx.db.acquire() as connection, connection.transaction():
                moved = await _answered(connection, sent, answer)
        except AWAY as exc:
            log.warning("the answer to %s is not kept yet; trying again: %s", sent.id, exc)
            await asyncio.sleep(KEEP_SECONDS)
        else:
            break
    if moved is None:
        log.error("%s: an answer came to a try that was given up before; it is not used", sent.id)
    elif isinstance(answer, ProviderError):
        log.warning("%s is %s: %s", sent.id, moved.state, answer)
        if moved.state is State.UPLOADED:
            if isinstance(answer, NotFound):
                raise Postpone("the provider does not see the file yet", after=FILE_APPEARS_SECONDS) from answer
            raise answer


async def _answered(connection: Connection, sent: Submission, answer: Answer) -> Submission | None:
    """Move a submission by an answer, and return it; None if another try was begun. Its job looks at it again."""
    before = await records.locked(connection, sent.id)
    share = await records.usual_share(connection, sent.whose, sent.operation)
    to, change = _meaning(sent, answer, timing.expected(sent.duration_seconds, share))
    moved = await records.move(connection, sent.id, to, change, tries=sent.paid_tries)
    if moved is None:
        return None
    if isinstance(answer, Answered | Unreadable):
        kind = "result" if isinstance(answer, Answered) else "unreadable"
        await archive.keep(connection, announcing.subject(moved), kind, answer.raw)
    if before is not None and before.state is State.UNKNOWN:  # it was thought lost, so its job has ended
        await records.wake(connection, [moved])
    return moved


def _meaning(sent: Submission, answer: Answer, expected: float) -> tuple[State, Change]:
    """Return the state to which an answer moves a submission, and what comes with that."""
    if isinstance(answer, Accepted):
        look_after = timedelta(seconds=timing.until_next_look(0, expected))
        return State.ACCEPTED, Change(remote_id=answer.remote_id, look_after=look_after)
    if isinstance(answer, Answered):
        return State.ENDED, Change()
    if isinstance(answer, Unreadable):
        return State.UNKNOWN, Change(error=str(answer.error))
    assert sent.sent_at is not None
    file_is_new = sent.remote_file is not None and sent.sent_at - sent.created_at < FILE_IS_NEW
    state = moves.after(answer, file_is_new=file_is_new)
    return state, Change(tries=0 if state is State.UNKNOWN else -1, error=str(answer))

"""Send the one request that is paid for, and keep what the provider says.

    uploaded ──▶ sent, committed ──▶ the request ──▶ the answer, with the move that it means, in one transaction

If the request were sent before `sent` is on disk, a crash would forget a payment. If the answer were kept after the
transaction that leaves `sent`, a crash would lose what was paid for.
"""

import asyncio
import logging
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias, cast

import asyncpg

from receiver.database import AWAY, Connection
from receiver.errors import GiveUp, InvalidRequest, NotFound, Postpone, ProviderError, ProviderUnavailable
from receiver.failpoints import Failpoint, reach
from receiver.handling import Context
from receiver.logs.reasons import describe
from receiver.providers import Source, archive
from receiver.providers.orders import Accepted, Answered, Order
from receiver.submissions import announcing, looks, moves, records, timing
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission
from receiver.submissions.shelf import Shelf
from receiver.webhooks import callbacks

log = logging.getLogger(__name__)

LONGEST_SECONDS = 3 * 3600.0
MARGIN_SECONDS = 600.0
KEEP_SECONDS = 1.0
# The same transaction can succeed later.
CONFLICTS = (asyncpg.TransactionRollbackError, asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError)
EXPIRY_MARGIN = timedelta(minutes=1)
FILE_IS_NEW = timedelta(minutes=2)
FILE_APPEARS_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The answer of a provider that cannot be read: perhaps the work is done and charged."""

    raw: bytes = field(repr=False)  # it can hold the secret of a callback
    error: ProviderError


Answer: TypeAlias = Accepted | Answered | Unreadable | ProviderError


class MovedError(Exception):
    """The submission is in another state now."""


def patience(seconds: float | None) -> float:
    """Return how long to wait for the answer of a synchronous call, by the recording's length, both in seconds."""
    if seconds is None:
        return LONGEST_SECONDS
    return min(LONGEST_SECONDS, seconds + MARGIN_SECONDS)


def is_expired(submission: Submission) -> bool:
    """Return whether the provider has thrown the upload away, or soon will."""
    expires_at = submission.remote_file_expires_at
    return expires_at is not None and expires_at - datetime.now(UTC) < EXPIRY_MARGIN


async def pay(submission: Submission, ctx: Context, shelf: Shelf) -> None:
    """Send the request that is paid for, and keep its answer.

    Raises:
        ProviderError: nothing was done.
        Postpone: the provider does not see the file yet, or the file lies on another machine.
        MovedError: somebody else sends it.
        LeaseLostError: another worker carries it out now.
    """
    client = cast("Source", ctx.client)
    order = order_of(submission, client, shelf)
    before = None if client.repeats else await balance(client)  # who repeats tells what became of a lost answer
    reach(Failpoint.BEFORE_SENT)
    # Only the holder of the job may write `sent`. A worker that got the job meanwhile would find `sent`, and take the
    # sender for dead.
    sent = await records.move_held(
        ctx.db, (ctx.job, ctx.attempt), submission, State.SENT, Change(tries=1, balance_before=before)
    )
    if sent is None:
        raise MovedError
    reach(Failpoint.AFTER_SENT)
    answer = await _answer(client, replace(order, idempotency_key=_key(sent)), sent)
    reach(Failpoint.AFTER_ANSWERED)
    await _shielded(sent, ctx, answer)
    reach(Failpoint.AFTER_ENDED)


async def balance(client: Source) -> float | None:
    """Return what the account has, for the person who must judge a lost answer; None if nothing tells."""
    try:
        return await client.balance()
    except ProviderError as exc:
        log.info("the balance of %s is not known: %s", client.name, exc)
        return None


async def repeat(lost: Submission, ctx: Context, shelf: Shelf) -> bool:
    """Send the request with a lost answer once more, under its key: the source repeats its answer, and charges once.

    Return whether there is an answer now. If not, another try does not help.

    Raises:
        ProviderError: there is none again; another try can help.
    """
    client = cast("Source", ctx.client)
    order = _order_again(lost, client, shelf)
    if order is None:
        return False
    answer = await _answer(client, order, lost)
    if isinstance(answer, Unreadable):
        about, kind = announcing.subject(lost), _unreadable(lost)
        if await archive.kept(ctx.db, about, kind) is not None:  # it was asked for once more already
            return False
        await archive.keep(ctx.db, about, kind, answer.raw)
        raise answer.error
    if isinstance(answer, ProviderError) and not _tells(answer, lost):
        return False
    try:
        await _shielded(lost, ctx, answer)
    except MovedError:  # the database refuses the answer, and would refuse it again
        return False
    return True


def _order_again(lost: Submission, client: Source, shelf: Shelf) -> Order | None:
    """Return the request whose answer was lost, under its key; None if it cannot be sent again."""
    if client.key_fingerprint != lost.key_fingerprint:  # the provider keeps answers by key: this one would pay anew
        log.warning("%s: its answer cannot be asked for again: the account has another key now", lost.id)
        return None
    try:
        return replace(order_of(lost, client, shelf), idempotency_key=_key(lost), asked_before=True)
    except GiveUp as exc:
        log.warning("%s: its answer cannot be asked for again: %s", lost.id, exc)
        return None


def _tells(error: ProviderError, lost: Submission) -> bool:
    """Return whether an error tells what became of a lost answer. If not, another try does not help.

    Raises:
        ProviderError: another try can help.
    """
    if moves.is_answer_to_repeated(error):
        return lost.paid_tries == 1  # this try was not carried out, but an earlier one might have been
    if isinstance(error, InvalidRequest):  # it will be refused again, and that says nothing either
        return False
    raise error


def _unreadable(sent: Submission) -> str:
    """Return the kind under which the archive keeps the answer to the last request, if it cannot be read."""
    return f"unreadable/{sent.paid_tries}"


def _late(sent: Submission) -> str:
    """Return the kind under which the archive keeps the answer to the last request, if it came too late to be used."""
    return f"late/{sent.paid_tries}"


def _said(sent: Submission, answer: Answer) -> str:
    """Return what an answer that is not used says, for the person who must decide."""
    if isinstance(answer, Accepted):
        return f"it has become {answer.remote_id}"
    return str(answer) if isinstance(answer, ProviderError) else f"it is kept as {_late(sent)}"


async def _shielded(sent: Submission, ctx: Context, answer: Answer) -> None:
    """Keep what the provider has said even if the process is told to end."""
    keeping = asyncio.ensure_future(_keep(sent, ctx, answer))
    try:
        await asyncio.shield(keeping)
    except asyncio.CancelledError:
        await keeping
        raise


def _key(sent: Submission) -> str:
    """Return the key of the last request. A refusal is repeated under its key, so each try has its own."""
    assert sent.sent_at is not None
    return f"{sent.id}-{sent.sent_at.timestamp() * 1e6:.0f}"


async def _answer(client: Source, order: Order, sent: Submission) -> Answer:
    """Send the request, once, and return what the provider says."""
    try:
        answer = await client.start(order)
        if isinstance(answer, Answered):
            try:
                client.transcript(order.operation, answer.raw)
            except ProviderError as exc:
                return Unreadable(answer.raw, exc)
            except Exception as exc:
                log.exception("a bug in receiver: the answer to %s cannot be read", sent.id)
                return Unreadable(answer.raw, ProviderUnavailable(describe(exc), code="malformed_answer"))
    except ProviderError as exc:
        if exc.answer is not None and moves.after(exc) is State.UNKNOWN:
            return Unreadable(exc.answer, exc)
        return exc
    except asyncio.CancelledError:
        log.error("%s was sent and is stopped before its answer came: it becomes unknown", sent.id)
        raise
    return answer


def order_of(submission: Submission, client: Source, shelf: Shelf) -> Order:
    """Return what is sent.

    Raises:
        GiveUp: this version does not know the operation or an option.
        Postpone: the file lies on another machine.
    """
    operation = client.operations.get(submission.operation)
    if operation is None:
        raise GiveUp(f"this version does not know the operation {submission.operation} of {submission.source}")
    try:
        wishes = operation.model_validate(submission.wishes)
    except ValueError as exc:
        raise GiveUp(f"this version does not know its options: {exc}") from exc
    is_fetched_there = submission.url is not None and "url" in client.takes
    goes_along = not client.uploads and not is_fetched_there
    return Order(
        submission.operation, wishes, file_id=None if goes_along else submission.remote_file,
        file=shelf.aside(submission) if goes_along else None, url=submission.url,
        patience=patience(submission.duration_seconds), name=submission.recording,
        seconds=submission.duration_seconds, max_charge=submission.max_charge, callback_url=submission.callback_url,
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
        except (*AWAY, *CONFLICTS) as exc:
            log.warning("the answer to %s is not kept yet; trying again: %s", sent.id, exc)
            await asyncio.sleep(KEEP_SECONDS)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
            log.exception("the answer to %s (%s) cannot be kept", sent.id, type(answer).__name__)
            await records.move(
                ctx.db, sent.id, State.UNKNOWN, Change(error=f"its answer cannot be kept: {type(exc).__name__}"),
                tries=sent.paid_tries, only_from={State.SENT},
            )  # fmt: skip
            raise MovedError from exc
        else:
            break
    if moved is None:
        log.error(
            "%s: an answer came to a try that was given up before: %s; it is not used", sent.id, _said(sent, answer)
        )
    elif isinstance(answer, ProviderError):
        log.warning("%s is %s: %s", sent.id, moved.state, answer)
        if moved.state is State.UPLOADED:
            if isinstance(answer, NotFound):
                raise Postpone("the provider does not see the file yet", after=FILE_APPEARS_SECONDS) from answer
            raise answer


async def _answered(connection: Connection, sent: Submission, answer: Answer) -> Submission | None:
    """Move a submission by an answer, and return it; None if it was moved on: sent again, given up, or over."""
    before = await records.locked(connection, sent.id)
    to, change = _meaning(sent, answer, await _first_look(connection, sent))
    # A person may have permitted another try. Until that is sent, an id or a result of the try before still counts; its
    # error does not.
    froms = moves.FROM[to] if isinstance(answer, Accepted | Answered) else moves.FROM[to] - {State.UPLOADED}
    moved = await records.move(connection, sent.id, to, change, tries=sent.paid_tries, only_from=froms)
    if moved is None:
        if before is not None and isinstance(answer, Answered | Unreadable):
            await archive.keep(connection, announcing.subject(before), _late(sent), answer.raw)
        return None
    if isinstance(answer, Answered | Unreadable):
        kind = "result" if isinstance(answer, Answered) else _unreadable(sent)
        await archive.keep(connection, announcing.subject(moved), kind, answer.raw)
    if isinstance(answer, Accepted) and moved.callback_url is not None:
        await callbacks.keep(connection, moved.callback_url, answer.remote_id, answer.callback_secret)
    if before is not None and before.state is State.UNKNOWN:  # it was thought lost, so its job has ended
        await records.wake(connection, [moved])
    return moved


async def _first_look(connection: Connection, sent: Submission) -> timedelta:
    """Return when the provider is asked for the first time about what it has accepted."""
    times = (await looks.times(connection, sent.whose, [sent]))[sent.id]
    is_announced = await looks.is_announced(connection, sent)
    return timedelta(seconds=timing.until_net(times.expected) if is_announced else timing.until_next_look(0, times))


def _meaning(sent: Submission, answer: Answer, first_look: timedelta) -> tuple[State, Change]:
    """Return the state to which an answer moves a submission, and what comes with that."""
    if isinstance(answer, Accepted):
        return State.ACCEPTED, Change(remote_id=answer.remote_id, charged=answer.charged, look_after=first_look)
    if isinstance(answer, Answered):
        return State.ENDED, Change(charged=answer.charged)
    if isinstance(answer, Unreadable):
        return State.UNKNOWN, Change(error=str(answer.error))
    assert sent.sent_at is not None
    uploaded_at = sent.uploaded_at if sent.remote_file is not None else None
    file_is_new = uploaded_at is not None and sent.sent_at - uploaded_at < FILE_IS_NEW
    state = moves.after(answer, file_is_new=file_is_new)
    if state is State.FAILED and sent.paid_tries > 1:
        state = State.UNKNOWN  # an earlier try, whose answer was lost, might have been carried out
    return state, Change(tries=0 if state is State.UNKNOWN else -1, error=str(answer))

"""Look for the work that a submission with a lost answer has become, where the provider lists works.

    a source that repeats its answers is asked again, under the same key, for 23 hours

    the works since it was sent ──▶ one names our file ───────────────────────────▶ that one
                                └─▶ none names a file, one fits, and no other
                                    submission of this kind is lost ──────────────▶ that one
                                └─▶ anything else ──▶ a person looks at them

Whatever is not certain is left to a person: another's work would become this submission's result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from receiver.database import Database, query
from receiver.errors import GiveUp, ImpossibleError, InvalidRequest, Postpone
from receiver.providers import Source, by_name
from receiver.providers.opening import open_client
from receiver.providers.orders import Candidate, Order
from receiver.settings import Settings
from receiver.submissions import paying
from receiver.submissions.moves import State
from receiver.submissions.records import Submission
from receiver.submissions.shelf import open_shelf

BEFORE = timedelta(seconds=2)  # a provider may write whole seconds
REPEATED_FOR = timedelta(hours=23)  # an hour less than the provider promises
LEEWAY_SECONDS, LEEWAY_SHARE = 1.0, 0.01


async def is_repeatable(db: Database, submission: Submission) -> bool:
    """Return whether the source still repeats the answer that was lost."""
    source = by_name(submission.source)
    # A work that was accepted is known by its id; what has become of it is another question.
    if source is None or not source.repeats or submission.remote_id is not None:
        return False
    # A clock that is wrong would ask when the provider has forgotten, and so pay a second time.
    return await db.fetchval(query("submissions/sent_within"), submission.id, REPEATED_FOR) is True


async def work_of(db: Database, client: Source, submission: Submission, order: Order) -> str | None:
    """Return the id of the work that a submission has become; None if that is not certain.

    Raises:
        ProviderError: the provider cannot be asked.
    """
    candidates = await works(db, client, submission, order)
    if any(one.file_id is not None for one in candidates):
        candidates = [one for one in candidates if one.file_id == submission.remote_file]
    elif await _are_several_lost(db, submission):
        return None
    else:
        candidates = [one for one in candidates if _fits(one, client, submission)]
    return candidates[0].remote_id if len(candidates) == 1 else None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a person judges a lost answer by: the works that it may have become, and what the account has now."""

    candidates: Sequence[Candidate] = ()
    balance: float | None = None


async def evidence(configured: Settings, db: Database, submission: Submission) -> Evidence:
    """Return what can be found out about a submission with a lost answer; nothing for any other state.

    Raises:
        ImpossibleError: its account is not configured here, or this version does not know its operation.
        ProviderError: the provider cannot be asked.
    """
    source = by_name(submission.source)
    if submission.state is not State.UNKNOWN or source is None:
        return Evidence()
    account = configured.account_of(submission.source, submission.account)
    async with open_client(source, account, None) as client:
        found = list[Candidate]()
        if not source.synchronous:
            try:
                order = paying.order_of(submission, client, open_shelf(configured))
            except (GiveUp, Postpone) as exc:
                raise ImpossibleError(str(exc)) from exc
            found = await works(db, client, submission, order)
        return Evidence(found, await paying.balance(client))


async def works(db: Database, client: Source, submission: Submission, order: Order) -> list[Candidate]:
    """Return the works that a submission might have become: none of them is another submission's.

    Raises:
        ProviderError: the provider cannot be asked.
    """
    if submission.sent_at is None:
        return []
    try:
        found: Sequence[Candidate] = await client.find(order, submission.sent_at - BEFORE) or ()
    except InvalidRequest:  # it does not list after all
        return []
    ids = [one.remote_id for one in found]
    rows = await db.fetch(query("submissions/taken_works"), *_key(submission), ids, submission.id)
    taken = {row["remote_id"] for row in rows}
    return [one for one in found if one.remote_id not in taken]


def _fits(candidate: Candidate, client: Source, submission: Submission) -> bool:
    """Return whether the length or the price of a work is that of the submission; nothing known fits nothing."""
    if candidate.seconds is not None and submission.duration_seconds is not None:
        return _are_near(candidate.seconds, submission.duration_seconds)
    estimate = client.estimate(submission.operation, submission.duration_seconds)
    return candidate.charged is not None and estimate is not None and _are_near(candidate.charged, estimate)


def _are_near(one: float, other: float) -> bool:
    return abs(one - other) <= LEEWAY_SECONDS + other * LEEWAY_SHARE


async def _are_several_lost(db: Database, submission: Submission) -> bool:
    """Return whether other submissions of this key and operation have no answer either."""
    lost: int = await db.fetchval(query("submissions/count_lost"), *_key(submission), submission.operation)
    return lost > 1


def _key(submission: Submission) -> tuple[str, str, str]:
    """Return whose list of works it is in: two accounts can have the same key."""
    return submission.source, submission.api_url, submission.key_fingerprint

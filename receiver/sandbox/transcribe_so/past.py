"""Make transcriptions that nobody announces, as if an account had them before: a user orders it to see who finds them.

field            meaning
status           completed (default), failed, cancelled, quoted, queued or processing; the last two never end
count            how many (1)
ended_days_ago   how long ago the newest ended, or was submitted if it has not ended (0)
over_days        over how many days before that they are spread; 0: all at the same time (1)
by_api           whether the API submitted them, or the dashboard (true)
completed_at     whether they have one (true)
key              whose they are; default: every key that the sandbox has met

They are not billed.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from receiver.sandbox.refusals import RefusalError
from receiver.sandbox.transcribe_so.app import KEY
from receiver.sandbox.transcribe_so.pipelines import DEFAULT_CODE, price
from receiver.sandbox.transcribe_so.state import SimulatedTranscribeSo
from receiver.sandbox.transcribe_so.transcription import TRANSCRIBING_SECONDS, SimulatedTranscription

ENDED = ("completed", "failed", "cancelled")
STATUSES = (*ENDED, "quoted", "queued", "processing")
MOST = 10_000
LONGEST_DAYS = 3650
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Order:
    """A checked body."""

    status: str = "completed"
    count: int = 1
    ended_days_ago: float = 0
    over_days: float = 1
    by_api: bool = True
    completed_at: bool = True
    key: str | None = field(default=None, repr=False)


def make(provider: SimulatedTranscribeSo, body: object) -> dict[str, Any]:
    """Make what a body orders, in every account that is meant. Return the ids, the newest first.

    Raises:
        RefusalError: 400: a field is wrong; the message says which.
    """
    order = _read(body)
    accounts = [*provider.accounts.values()] if order.key is None else [provider.account(order.key)]
    if not accounts:
        raise RefusalError(400, "invalid_request", "The sandbox has met no key yet: name one as key.")
    newest = datetime.now(UTC) - timedelta(days=order.ended_days_ago)
    step = timedelta(days=order.over_days) / order.count
    ids = []
    for account in accounts:
        for number in range(order.count):
            item = _made(provider.next_id(), order, newest - number * step)
            account.transcriptions[item.id] = item
            ids.append(item.id)
    return {"ids": ids}


def _made(number: int, order: Order, at: datetime) -> SimulatedTranscription:
    has_ended = order.status in ENDED
    created = at - timedelta(seconds=TRANSCRIBING_SECONDS) if has_ended else at
    item = SimulatedTranscription(
        number, "external_url", f"https://example.com/earlier-{number}.mp3", DEFAULT_CODE, "auto", SECONDS,
        price(DEFAULT_CODE, SECONDS), created, status=order.status, by_api=order.by_api,
    )  # fmt: skip
    if has_ended:
        item.end_as(order.status, at)
    if not order.completed_at:
        item.ended_at = None
    return item


def _read(body: object) -> Order:
    if not isinstance(body, dict):
        raise RefusalError(400, "invalid_request", "An order is a JSON object.")
    if unknown := {*body} - {*Order.__slots__}:
        raise RefusalError(400, "invalid_request", f"An order knows no {', '.join(sorted(unknown))}.")
    order = Order(**body)
    problems = {
        f"status must be one of {', '.join(STATUSES)}": order.status not in STATUSES,
        f"count must be a whole number from 1 to {MOST}": type(order.count) is not int or not 0 < order.count <= MOST,
        f"ended_days_ago must be a number from 0 to {LONGEST_DAYS}": not _is_days(order.ended_days_ago),
        f"over_days must be a number from 0 to {LONGEST_DAYS}": not _is_days(order.over_days),
        "by_api must be true or false": type(order.by_api) is not bool,
        "completed_at must be true or false": type(order.completed_at) is not bool,
        "key must be one of the provider's, such as tsk_live_x": order.key is not None and not _is_key(order.key),
    }
    if found := [problem for problem, is_there in problems.items() if is_there]:
        raise RefusalError(400, "invalid_request", f"Of an order, {'; '.join(found)}.")
    return order


def _is_key(value: object) -> bool:
    return isinstance(value, str) and KEY.fullmatch(value) is not None


def _is_days(value: object) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and 0 <= value <= LONGEST_DAYS

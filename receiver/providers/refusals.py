"""What the refusals of all sources have in common. Pure.

An error's class tells what to do: to wait for money, for a key or for a turn, or to give up. The status decides it. A
source whose servers use one status for many things has a table of words besides.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeAlias

from receiver.errors import (
    InvalidRequest,
    NotFound,
    PaymentRequired,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    Unauthenticated,
)

MESSAGE_LENGTH = 500
NO_REASON = "the provider gave no reason"
HIDDEN = "(the key)"
RETRY_AFTER_LIMIT = timedelta(hours=24)

# What words mean, as a status; the first words that are found count.
Meanings: TypeAlias = Sequence[tuple[int, re.Pattern[str]]]

BY_STATUS: dict[int, type[ProviderError]] = {
    401: Unauthenticated,
    402: PaymentRequired,
    404: NotFound,
    429: RateLimited,
}


def by_status(status: int) -> type[ProviderError]:
    """Return the class of the error for an unsuccessful status."""
    if status in BY_STATUS:
        return BY_STATUS[status]
    if 400 <= status < 500 and status not in (408, 409, 425):  # noqa: PLR2004 - another try can succeed after these
        return InvalidRequest
    return ProviderUnavailable


@contextmanager
def carrying(answer: bytes) -> Iterator[None]:
    """Let an error that the block raises carry the answer to a request that is paid for: perhaps the work was begun."""
    try:
        yield
    except ProviderError as exc:
        exc.answer = answer
        raise


def meanings(words: Mapping[int, str]) -> Meanings:
    """Return a table of regular expressions by what they mean. Upper and lower case are the same."""
    return [(status, re.compile(pattern, re.IGNORECASE)) for status, pattern in words.items()]


def meaning(said: Iterable[str], table: Meanings) -> int | None:
    """Return the status that texts mean; None if the table tells nothing of them."""
    return next((status for text in said for status, words in table if words.search(text)), None)


def error(
    status: int, headers: Mapping[str, str], said: Iterable[str], *secrets: str, meant: int | None = None
) -> ProviderError:
    """Return the error for an unsuccessful answer.

    The code is made of the status alone. A provider's own code could be the same as one of ours, and ours tell what was
    sent.

    Args:
        status: the answer's.
        headers: the answer's.
        said: the provider's words.
        secrets: are removed from the words.
        meant: the status that the error has the class of, if it is another one.
    """
    message, request_id = ": ".join(said) or NO_REASON, headers.get("x-request-id")
    for secret in secrets:
        message, request_id = without(secret, message), without(secret, request_id)
    found = by_status(status if meant is None else meant)(
        message[:MESSAGE_LENGTH], code=f"http_{status}", status=status, request_id=request_id,
        retry_after=retry_after(headers),
    )  # fmt: skip
    if isinstance(found, RateLimited):
        found.of_every_request = True
    return found


def without(key: str, value: Any) -> Any:
    """Return a text, or a list of texts, without the key; any other value unchanged."""
    if not key:
        return value
    if isinstance(value, str):
        return value.replace(key, HIDDEN)
    return [without(key, text) for text in value if isinstance(text, str)] if isinstance(value, list) else value


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Return a `Retry-After` of whole seconds, at most a day; None for any other value."""
    value = headers.get("retry-after")
    if not value or not value.isascii() or not value.isdigit():
        return None
    return min(timedelta(seconds=int(value.lstrip("0")[:6] or 0)), RETRY_AFTER_LIMIT)

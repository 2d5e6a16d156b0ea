"""What the refusals of all sources have in common: an error's class by its status, and its words without the key."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

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


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is; an empty one if it is none."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


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

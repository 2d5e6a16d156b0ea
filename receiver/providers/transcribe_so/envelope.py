"""Turn a refusal of transcribe.so into an error."""

import re
from collections.abc import Mapping
from typing import Any

from receiver import errors
from receiver.errors import InsufficientFunds, ProviderError, RateLimited
from receiver.providers import lax, refusals
from receiver.providers.refusals import MESSAGE_LENGTH

STYLE = re.compile(r"[a-z][a-z0-9_]{0,63}")
RATE_LIMITED = "rate_limited"
PROCESSING = "transcription_processing"
NO_ENVELOPE = "http_"  # what the code begins with then


class NotReady(errors.NotReady):
    """409 not_ready. Passing while the transcription is processed. `available_styles` are free; `style` is not."""

    def __init__(
        self, message: str, *, code: str = "not_ready", status: int | None = 409, request_id: str | None = None,
        doc_url: str | None = None, reason: str | None = None, available_styles: tuple[str, ...] = (),
        style: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message, code=code, status=status, request_id=request_id, doc_url=doc_url)
        self.passing = reason == PROCESSING
        self.reason, self.style = reason, style
        self.available_styles = available_styles


def is_its_own(error: ProviderError) -> bool:
    """Whether an error came in the provider's envelope, and not from a proxy or a firewall before it."""
    return not error.code.startswith(NO_ENVELOPE)


def error_from(status: int, headers: Mapping[str, str], body: bytes, key: str = "") -> ProviderError:
    """Return the error for an unsuccessful answer.

    The envelope is `{"error": {code, message, request_id, doc_url}}`. An answer without an envelope, such as a proxy's
    page or a redirect, gets the code `http_<status>`. Errors are logged, stored and shown, so the API `key` is removed
    from the answer's words.
    """
    envelope = {name: refusals.without(key, value) for name, value in _envelope(body).items()}
    code = _text(envelope, "code") or f"{NO_ENVELOPE}{status}"
    message = (_text(envelope, "message") or refusals.NO_REASON)[:MESSAGE_LENGTH]
    request_id = _text(envelope, "request_id") or refusals.without(key, headers.get("x-request-id"))
    doc_url = _text(envelope, "doc_url")
    if code == "not_ready":
        return NotReady(
            message, status=status, request_id=request_id, doc_url=doc_url, reason=_text(envelope, "reason"),
            available_styles=_styles(envelope),
        )  # fmt: skip
    error = _kind(status, code)(
        message, code=code, status=status, request_id=request_id, doc_url=doc_url,
        retry_after=refusals.retry_after(headers),
    )  # fmt: skip
    if isinstance(error, RateLimited):
        error.of_every_request = code == RATE_LIMITED
    return error


def _kind(status: int, code: str) -> type[ProviderError]:
    return InsufficientFunds if code == "insufficient_funds" else refusals.by_status(status)


def _envelope(body: bytes) -> dict[str, Any]:
    error = lax.json_object(body).get("error")
    return error if isinstance(error, dict) else {}


def _text(envelope: dict[str, Any], key: str) -> str | None:
    value = envelope.get(key)
    return value[:MESSAGE_LENGTH] if isinstance(value, str) and value else None


def _styles(envelope: dict[str, Any]) -> tuple[str, ...]:
    styles = envelope.get("available_styles")
    known = styles if isinstance(styles, list) else []
    return tuple(style for style in known if isinstance(style, str) and STYLE.fullmatch(style))

"""Decide whether a request is sent again, and under which idempotency key. Pure."""

import hashlib
from dataclasses import dataclass

from receiver.errors import InvalidRequest, ProviderError, ProviderUnavailable, RateLimited, StoreRefusedError
from receiver.providers import egress
from receiver.providers.exchange import NOT_ALL_SENT, UNREACHABLE

KEY_LENGTH = 128
NO_TURN = "no_turn"
NO_TOKEN = "no_token"  # noqa: S105 - the name of an error
# The provider cannot have begun.
NOTHING_SENT = frozenset({NO_TURN, NO_TOKEN, UNREACHABLE, NOT_ALL_SENT})


@dataclass(slots=True)
class Tries:
    """Decide after each failure whether to retry, and under which idempotency key.

    The provider repeats a 429 for a day to every request under the same key. So after a 429 only a new key can succeed.
    But if an earlier request under the key was carried out, a new key would do the work twice. `maybe_done` says that
    this is possible:

    failure                     maybe_done  retry
    ─────────────────────────── ─────────── ──────────────────────────────────────────────────────────────────────────
    5xx, timeout, lost          any         yes, after a pause, same key; from now on maybe_done
    unreachable, budget away    any         yes, after a pause, same key: no request was sent
    429 with Retry-After        no          yes, after Retry-After, new key
    429 with Retry-After        yes         yes, after Retry-After, same key; a new key once the same 429 (by its
                                            request id) comes again: the old key can bring no other answer
    429 without Retry-After     no          no: an allowance is spent
    429 without Retry-After     yes         like a 429 with Retry-After, but only if the caller gave a key
    no turn within `patience`   any         no
    any other                   any         no

    Attributes:
        given: the caller's idempotency key.
        maybe_done: whether a request under that key might have been carried out.
        refusals: how many keys a 429 has used up.
        refused: the request id of the last 429.
    """

    given: str | None
    maybe_done: bool
    refusals: int = 0
    refused: str = ""

    @property
    def key(self) -> str | None:
        """The idempotency key of the next request."""
        return _next_key(self.given, self.refusals) if self.refusals else self.given

    def continue_after(self, error: ProviderError) -> bool:
        """Note a failure, and return whether another try can help."""
        if not isinstance(error, RateLimited):
            if not _is_worth_another_try(error):
                return False
            self.maybe_done = self.maybe_done or error.code not in NOTHING_SENT
            return True
        repeated, self.refused = error.request_id == self.refused, error.request_id or ""
        # Without a status no request was sent. Without Retry-After an allowance is spent, and waiting does not restore
        # it, or the provider repeats an old 429.
        if error.status is None or (error.retry_after is None and not (self.maybe_done and self.given)):
            return False
        if not self.maybe_done or repeated:
            self.refusals += 1
        return True


def _is_worth_another_try(error: ProviderError) -> bool:
    # No retry of a malformed answer: the second would be malformed too, and the first might have been charged.
    return isinstance(error, ProviderUnavailable) and error.code != "malformed_answer" and not is_lasting(error)


def is_lasting(error: ProviderError) -> bool:
    """Return whether every other request would fail too, unsent: a setting is wrong, or the database refuses."""
    cause = error.__cause__
    return isinstance(cause, egress.SettingError) or (isinstance(cause, StoreRefusedError) and not cause.passing)


def checked_key(key: str | None) -> str | None:
    """Return an idempotency key that a provider takes.

    Raises:
        InvalidRequest: it is none.
    """
    if key is not None and not (fits_a_header(key) and len(key) <= KEY_LENGTH):
        raise InvalidRequest(
            f"an idempotency key is 1 to {KEY_LENGTH} printable ASCII characters, without spaces around",
            code="invalid_idempotency_key",
        )
    return key


def fits_a_header(text: str) -> bool:
    """Return whether a text can be the value of a header."""
    return bool(text) and text.isascii() and text.isprintable() and text == text.strip()


def _next_key(key: str | None, number: int) -> str | None:
    """Return the key to use after the `number`-th 429: always the same for the same `key`, and never too long."""
    return None if key is None else f"{hashlib.sha256(key.encode()).hexdigest()[:40]}-{number}"

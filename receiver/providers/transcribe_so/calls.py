"""One request to the API: its turn in the budget, its total deadline, its size, its second tries, its key.

httpx's timeouts are per read, and a server that sends a byte a second never trips them. No redirect is followed: the
Authorization header would go with it.
"""

import asyncio
import hashlib
import io
import logging
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import h11
import httpx
from pydantic import SecretStr

from receiver.errors import (
    InvalidRequest,
    NoTurn,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    StoreRefusedError,
    StoreUnavailableError,
    Unauthenticated,
)
from receiver.providers import budget, egress
from receiver.providers.budget import Budget
from receiver.providers.transcribe_so.envelope import error_from

log = logging.getLogger(__name__)

SECONDS = 30.0
ANSWER_BYTES = 32 * 1024 * 1024
ENVELOPE_BYTES = 64 * 1024
UNPACKED_BYTES = 256 * 1024
BEARER = "Bearer "
KEY_LENGTH = 128
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0)
NO_TURN = "no_turn"
UNREACHABLE = "unreachable"
NOTHING_SENT = frozenset({NO_TURN, UNREACHABLE})
RATE_LIMITED = "rate_limited"
# In a job a longer wait becomes a later attempt, which survives a restart and shows; a person waits for a minute's end.
PATIENCE_IN_A_JOB = timedelta(seconds=3)
PATIENCE_OF_A_PERSON = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Calls:
    """How one client asks.

    Attributes:
        http: knows the API's address.
        key: the API key; None makes every call raise `Unauthenticated`.
        retries: seconds before each further try after a 5xx, a timeout or a lost connection; empty in a job, whose own
            backoff retries.
        patience: how long to wait for a turn.
        budget: whose turns each request takes.
        live: whether it goes before what can wait.
        answer_bytes: how large an answer may be.
    """

    http: httpx.AsyncClient
    key: SecretStr | None
    retries: tuple[float, ...]
    patience: timedelta
    budget: Budget
    live: bool = True
    answer_bytes: int = ANSWER_BYTES

    async def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        asked_before: bool = False,
        seconds: float = SECONDS,
    ) -> bytes:
        """Send one request, again after the pauses of `retries`; returns the body of a 2xx answer.

        Where an earlier request under the key may have been carried out, in this call or before it (`asked_before`), a
        new key could do everything twice: see `_Tries`.

        Raises:
            ProviderError: by the envelope's code; `RateLimited` also where there is no turn soon.
        """
        tries = _Tries(_checked_key(idempotency_key), maybe_done=asked_before)
        for pause in (*self.retries, None):
            try:
                return await self._in_turn(self._request(method, path, json, params, tries.key), seconds)
            except ProviderError as exc:
                if pause is None or not tries.goes_on_after(exc):
                    exc.maybe_done = tries.maybe_done and isinstance(exc, ProviderUnavailable | RateLimited)
                    raise
                if not isinstance(exc, RateLimited):  # which lengthens the wait for the next turn
                    log.warning("%s; again in %g s", exc.message, pause)
                    await asyncio.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _request(
        self, method: str, path: str, json: Any, params: Mapping[str, str] | None, key: str | None
    ) -> httpx.Request:
        headers = self._headers(key)
        try:
            return self.http.build_request(method, path, json=json, params=params, headers=headers)
        except httpx.InvalidURL as exc:  # a cursor that the provider gave may be too long for one
            raise ProviderUnavailable(f"{path} cannot be asked for: {exc}", code="malformed_answer") from exc

    async def _in_turn(self, request: httpx.Request, seconds: float) -> bytes:
        try:
            await budget.take(self.budget, live=self.live, patience=self.patience)
        except StoreUnavailableError as exc:
            raise NoTurn(f"no turn could be taken: {exc}", code=NO_TURN) from exc
        try:
            return await answer_to(self.http, request, seconds=seconds, most=self.answer_bytes)
        except RateLimited as exc:
            # A spent allowance, say of questions, is nobody else's business.
            if exc.retry_after is not None or exc.code == RATE_LIMITED:
                with suppress(StoreUnavailableError):  # what matters is what the provider said
                    await self.budget.pause(budget.PAUSE if exc.retry_after is None else exc.retry_after)
            raise

    def _headers(self, idempotency_key: str | None) -> dict[str, str]:
        key = "" if self.key is None else self.key.get_secret_value()
        # A header that cannot be sent is shown by httpx in its error, so it is never handed one.
        if not _fits_a_header(key):
            said = "cannot be sent in a header" if key else "is not set"
            raise Unauthenticated(f"TRANSCRIBE_API_KEY {said}", code="unauthenticated")
        headers = {"Authorization": f"{BEARER}{key}"}
        return headers if idempotency_key is None else headers | {"Idempotency-Key": idempotency_key}


@dataclass(slots=True)
class _Tries:
    """What is asked again, and under which key.

    answer                       asked again
    ──────────────────────────── ─────────────────────────────────────────────────────────────────────────────────────
    5xx, timeout, lost           after a pause, same key: it may have been carried out
    429 with Retry-After         when that has passed, new key: the provider repeats a 429 to its key for a day
      … it may have been carried same key, since a new one could do it twice; a new one once the very same refusal has
          out under this key     come again, word for word, which proves that the key brings nothing else
    429 without Retry-After      no: an allowance is spent; but as above where it may have been carried out
    any other; no turn soon      no

    Attributes:
        given: the caller's idempotency key.
        maybe_done: whether a request under it may have been carried out.
        refusals: how many keys a 429 has used up.
        said: the request id of the last 429.
    """

    given: str | None
    maybe_done: bool
    refusals: int = 0
    said: str = ""

    @property
    def key(self) -> str | None:
        """The idempotency key of the next request."""
        return _next_key(self.given, self.refusals) if self.refusals else self.given

    def goes_on_after(self, error: ProviderError) -> bool:
        """Take in what went wrong, and say whether another try may help."""
        if not isinstance(error, RateLimited):
            if not _is_worth_another_try(error):
                return False
            self.maybe_done = self.maybe_done or error.code not in NOTHING_SENT
            return True
        repeated, self.said = error.request_id == self.said, error.request_id or ""
        # No status: we asked nobody. No Retry-After: an allowance is spent, which no minute brings back, or it is an
        # old refusal.
        if error.status is None or (error.retry_after is None and not (self.maybe_done and self.given)):
            return False
        if not self.maybe_done or repeated:
            self.refusals += 1
        return True


async def answer_to(
    http: httpx.AsyncClient, request: httpx.Request, *, seconds: float, most: int = ANSWER_BYTES
) -> bytes:
    """Send a request and return the body of a 2xx answer; all of it within `seconds` and of `most` bytes.

    Raises:
        ProviderError: there is no such answer.
    """
    request.extensions["timeout"] = httpx.Timeout(seconds).as_dict()
    try:
        async with asyncio.timeout(seconds):
            answer = await http.send(request, stream=True)
            try:
                body = await _read(answer, most)
            finally:
                await answer.aclose()
    except egress.SettingError as exc:
        raise ProviderUnavailable(str(exc), code=UNREACHABLE) from exc
    except (httpx.HTTPError, httpx.StreamError, h11.LocalProtocolError, TimeoutError) as exc:
        origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"  # a path may hold a ticket
        if isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol):
            said = f"{origin} cannot be reached ({egress.why(exc)}): is the address right, are you online?"
            raise ProviderUnavailable(said, code=UNREACHABLE) from exc
        said = f"no answer in {seconds:g} s" if isinstance(exc, TimeoutError) else egress.why(exc)
        raise ProviderUnavailable(f"{origin} does not answer: {said}", code="transport") from exc
    if answer.is_success:
        return body
    key = request.headers.get("Authorization", "").removeprefix(BEARER)
    # What is larger is a proxy's page, or no envelope of anybody's.
    envelope = body if len(body) <= ENVELOPE_BYTES else b""
    raise error_from(answer.status_code, answer.headers, envelope, key=key)


async def _read(answer: httpx.Response, most: int) -> bytes:
    """Return the body, of `most` bytes when it is unpacked.

    httpx unpacks whatever the answer names, layer in layer, before we see how much it is, and all at once. So one layer
    of gzip is unpacked here, a little at a time.
    """
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise ProviderUnavailable("the answer is packed in a way that was not asked for", code="malformed_answer")
    is_packed = encoding == "gzip" and not answer.is_stream_consumed
    body = io.BytesIO()  # gives its bytes away without copying them
    async for piece in _unpacked(answer) if is_packed else answer.aiter_bytes():
        if body.tell() + len(piece) > most:
            raise ProviderUnavailable(f"the answer is larger than {most} bytes", code="malformed_answer")
        body.write(piece)
    return body.getvalue()


async def _unpacked(answer: httpx.Response) -> AsyncIterator[bytes]:
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # of gzip
    async for packed in answer.aiter_raw():
        rest = packed
        while rest:
            try:
                yield unpacking.decompress(rest, UNPACKED_BYTES)
            except zlib.error as exc:
                raise httpx.DecodingError(str(exc)) from exc
            rest = unpacking.unconsumed_tail
            await asyncio.sleep(0)


def _is_worth_another_try(error: ProviderError) -> bool:
    # A second identical answer that makes no sense would be read no better, and the first may have cost a charge.
    return isinstance(error, ProviderUnavailable) and error.code != "malformed_answer" and not is_lasting(error)


def is_lasting(error: ProviderError) -> bool:
    """Whether nobody was asked, and every other request meets the same: a setting is wrong, or the database refuses."""
    cause = error.__cause__
    return isinstance(cause, egress.SettingError) or (isinstance(cause, StoreRefusedError) and not cause.passing)


def _checked_key(key: str | None) -> str | None:
    if key is not None and not (_fits_a_header(key) and len(key) <= KEY_LENGTH):
        raise InvalidRequest(
            f"an idempotency key is 1 to {KEY_LENGTH} printable ASCII characters, without spaces around",
            code="invalid_idempotency_key",
        )
    return key


def _fits_a_header(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and text == text.strip()


def _next_key(key: str | None, number: int) -> str | None:
    """Return the key to use after the `number`-th 429: the same from the same, and never too long."""
    return None if key is None else f"{hashlib.sha256(key.encode()).hexdigest()[:40]}-{number}"

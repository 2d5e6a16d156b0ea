"""Send one request to a source's API: take a turn of the budget, hold a deadline and a size, and retry.

A total deadline is needed because httpx's timeouts are per read: a server that sends a byte a second never exceeds
them. No redirect is followed, because the Authorization header would follow too.
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
from receiver.events import DEFAULT_ACCOUNT
from receiver.providers import budget, egress
from receiver.providers.budget import Budget
from receiver.providers.seam import Source

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
# A job's longer wait becomes a later attempt, which survives a restart and is visible. A person waits a full minute.
PATIENCE_IN_A_JOB = timedelta(seconds=3)
PATIENCE_OF_A_PERSON = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Calls:
    """The requests of one client.

    Attributes:
        source: whose API it is.
        http: has the API's address.
        key: the API key; None makes every call raise `Unauthenticated`.
        retries: seconds before each further try after a 5xx, a timeout or a lost connection. Empty in a job, because
            the job's own backoff retries.
        patience: how long to wait for a turn.
        budget: gives the turns.
        live: whether the requests go before work that can wait.
        answer_bytes: the largest size of an answer.
    """

    source: type[Source]
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
        """Send one request, retry it after the pauses of `retries`, and return the body of a 2xx answer.

        An earlier request under the idempotency key might have been carried out: in this call, or before this call
        (`asked_before`). Then a new key could do the work twice, so `_Tries` chooses the key.

        Raises:
            ProviderError: the provider refused; the source decides the class. Or there was no usable answer.
            RateLimited: the provider wants fewer requests, or no turn was free within `patience`.
        """
        tries = _Tries(_checked_key(idempotency_key), maybe_done=asked_before)
        for pause in (*self.retries, None):
            try:
                return await self._in_turn(self._request(method, path, json, params, tries.key), seconds)
            except ProviderError as exc:
                if pause is None or not tries.continue_after(exc):
                    exc.maybe_done = tries.maybe_done and isinstance(exc, ProviderUnavailable | RateLimited)
                    raise
                if not isinstance(exc, RateLimited):  # after a 429 the wait for the next turn is the pause
                    log.warning("%s; retrying in %g s", exc.message, pause)
                    await asyncio.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _request(
        self, method: str, path: str, json: Any, params: Mapping[str, str] | None, key: str | None
    ) -> httpx.Request:
        headers = self._headers(key)
        try:
            return self.http.build_request(method, path, json=json, params=params, headers=headers)
        except httpx.InvalidURL as exc:  # the provider's cursor can be too long for a URL
            raise ProviderUnavailable(f"{path} cannot be asked for: {exc}", code="malformed_answer") from exc

    async def _in_turn(self, request: httpx.Request, seconds: float) -> bytes:
        try:
            await budget.take(self.budget, live=self.live, patience=self.patience)
        except StoreUnavailableError as exc:
            raise NoTurn(f"no turn could be taken: {exc}", code=NO_TURN) from exc
        try:
            return await self.answer_to(request, seconds=seconds)
        except RateLimited as exc:
            # Any other 429 is about one spent allowance, such as that of questions, and does not stop other requests.
            if exc.retry_after is not None or exc.of_every_request:
                with suppress(StoreUnavailableError):  # the provider's answer matters more than this error
                    await self.budget.pause(budget.PAUSE if exc.retry_after is None else exc.retry_after)
            raise

    async def answer_to(self, request: httpx.Request, *, seconds: float) -> bytes:
        """Send a request as it is, and return the body of a 2xx answer: within `seconds` in total.

        Raises:
            ProviderError: there is no such answer, or it is larger than `answer_bytes`.
        """
        request.extensions["timeout"] = httpx.Timeout(seconds).as_dict()
        try:
            async with asyncio.timeout(seconds):
                answer = await self.http.send(request, stream=True)
                try:
                    body = await _read(answer, self.answer_bytes)
                finally:
                    await answer.aclose()
        except egress.SettingError as exc:
            raise ProviderUnavailable(str(exc), code=UNREACHABLE) from exc
        except (httpx.HTTPError, httpx.StreamError, h11.LocalProtocolError, TimeoutError) as exc:
            raise _unanswered(request.url, exc, seconds) from exc
        if answer.is_success:
            return body
        key = request.headers.get("Authorization", "").removeprefix(BEARER)
        # A larger body is not an error envelope, but for example a proxy's page.
        envelope = body if len(body) <= ENVELOPE_BYTES else b""
        raise self.source.refusal(answer.status_code, answer.headers, envelope, key)

    def _headers(self, idempotency_key: str | None) -> dict[str, str]:
        key = "" if self.key is None else self.key.get_secret_value()
        # httpx shows an unsendable header in its error, so httpx must never see an unsendable key.
        if not _fits_a_header(key):
            problem = "cannot be sent in a header" if key else "is not set"
            variable = self.source.key_variable(DEFAULT_ACCOUNT)
            raise Unauthenticated(f"{variable} {problem}", code="unauthenticated")
        headers = {"Authorization": f"{BEARER}{key}"}
        return headers if idempotency_key is None else headers | {"Idempotency-Key": idempotency_key}


@dataclass(slots=True)
class _Tries:
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


def _unanswered(url: httpx.URL, error: Exception, seconds: float) -> ProviderUnavailable:
    origin = f"{url.scheme}://{url.netloc.decode('ascii')}"  # not the path: it can hold a ticket
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol):
        message = f"{origin} cannot be reached ({egress.why(error)}): is the address right, are you online?"
        return ProviderUnavailable(message, code=UNREACHABLE)
    reason = f"no answer in {seconds:g} s" if isinstance(error, TimeoutError) else egress.why(error)
    return ProviderUnavailable(f"{origin} does not answer: {reason}", code="transport")


async def _read(answer: httpx.Response, most: int) -> bytes:
    """Return the decompressed body of at most `most` bytes.

    httpx would decompress every layer that the answer names, all together, before we see the size. So we decompress one
    layer of gzip here, a little at a time.
    """
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise ProviderUnavailable("the answer is packed in a way that was not asked for", code="malformed_answer")
    is_packed = encoding == "gzip" and not answer.is_stream_consumed
    body = io.BytesIO()  # its `getvalue` does not copy the bytes
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
    # No retry of a malformed answer: the second would be malformed too, and the first might have been charged.
    return isinstance(error, ProviderUnavailable) and error.code != "malformed_answer" and not is_lasting(error)


def is_lasting(error: ProviderError) -> bool:
    """Return whether every other request would fail too, unsent: a setting is wrong, or the database refuses."""
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
    """Return the key to use after the `number`-th 429: always the same for the same `key`, and never too long."""
    return None if key is None else f"{hashlib.sha256(key.encode()).hexdigest()[:40]}-{number}"

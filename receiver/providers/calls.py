"""Send requests to a source's API: take a turn of the budget, add the key, and retry.

    call   body            sent                                      to
    ────── ─────────────── ───────────────────────────────────────── ───────────────────────────────
    send   JSON            again after `retries`; with `once` never  the API
    form   fields, a file  once                                      the API
    put    a file          once, without the key, without a turn     a link that an answer names

No redirect is followed, because the Authorization header would follow too.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias

import httpx
from pydantic import SecretStr

from receiver.errors import (
    InvalidRequest,
    NoTurn,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    StoreUnavailableError,
    Unauthenticated,
)
from receiver.providers import bodies, budget, destinations, exchange
from receiver.providers.asked import Call, asked, nobody
from receiver.providers.bodies import Body
from receiver.providers.budget import Budget
from receiver.providers.orders import Media
from receiver.providers.tries import NO_TURN, Tries, checked_key, fits_a_header

log = logging.getLogger(__name__)

SECONDS = 30.0
ANSWER_BYTES = 32 * 1024 * 1024
ENVELOPE_BYTES = 64 * 1024
BEARER = "Bearer "
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0)
UPLOAD_BYTES_A_SECOND = 100_000.0  # a slower upload counts as broken
# A job's longer wait becomes a later attempt, which survives a restart and is visible. A person waits a full minute.
PATIENCE_IN_A_JOB = timedelta(seconds=3)
PATIENCE_OF_A_PERSON = timedelta(seconds=90)

Refusal: TypeAlias = Callable[[int, Mapping[str, str], bytes, str], ProviderError]


@dataclass(frozen=True, slots=True)
class Calls:
    """The requests of one client.

    Attributes:
        refusal: returns the error for an unsuccessful answer; see `Source.refusal`.
        key_variable: the name of the variable that holds the key.
        http: has the API's address.
        key: the API key; None makes every call raise `Unauthenticated`, unless `needs_key` is false.
        retries: seconds before each further try of `send` after a 5xx, a timeout or a lost connection. Empty in a job,
            because the job's own backoff retries.
        patience: how long to wait for a turn.
        budget: gives the turns.
        live: whether the requests go before work that can wait.
        answer_bytes: the largest size of an answer.
        needs_key: whether the provider wants a key in any case.
        heard: called with each request that was sent, or could not be.
    """

    refusal: Refusal
    key_variable: str
    http: httpx.AsyncClient
    key: SecretStr | None
    retries: tuple[float, ...]
    patience: timedelta
    budget: Budget
    live: bool = True
    answer_bytes: int = ANSWER_BYTES
    needs_key: bool = True
    heard: Callable[[Call], None] = nobody

    @property
    def once(self) -> "Calls":
        """The same, but a request is never sent again: for what would be paid for twice."""
        return replace(self, retries=())

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
        (`asked_before`). Then a new key could do the work twice, so `Tries` chooses the key.

        Raises:
            ProviderError: the provider refused; the source decides the class. Or there was no usable answer.
            RateLimited: the provider wants fewer requests, or no turn was free within `patience`.
        """
        tries = Tries(checked_key(idempotency_key), maybe_done=asked_before)
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

    async def form(
        self,
        path: str,
        fields: Sequence[tuple[str, str]],
        *,
        file: bodies.File | None = None,
        multipart: bool = False,
        headers: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
        most_seconds: float = math.inf,
    ) -> bytes:
        """Send a form, once, and return the body of a 2xx answer.

        Args:
            path: where to, below the API's address.
            fields: names and values; a name can come more than once.
            file: name and content of a file. It is read while it is sent.
            multipart: whether the form is multipart without a file too.
            headers: besides the key.
            seconds: how long to wait in total, in addition to the time for sending a file.
            most_seconds: how long to wait at most, that time included.

        Raises:
            ProviderError: see `send`. With the code `not_all_sent` the connection broke before all was given to it.
        """
        body = bodies.form(fields, file, multipart=multipart)
        sent = {**self._headers(None), **(headers or {}), **body.headers}
        request = self.http.build_request("POST", path, content=body, headers=sent)
        within = min(most_seconds, seconds + body.size / UPLOAD_BYTES_A_SECOND)
        return await self._in_turn(request, within, body)

    async def put(
        self, link: SecretStr, file: Media | Body, *, headers: Mapping[str, str] | None = None, done: int | None = None
    ) -> None:
        """Send a file, once, to a link of the provider: without the key, and without a turn of the budget.

        `done` is a status that says that the file is there already.

        Raises:
            ProviderUnavailable: the link is not allowed in an answer, or the upload server did not answer, or with 5xx.
            InvalidRequest: the upload server refused it.
        """
        body = file if isinstance(file, Body) else bodies.of_file(file)
        api = self.http.base_url
        url = destinations.address(link.get_secret_value())
        destinations.require_allowed(url, api=api)
        request = httpx.Request("PUT", url, headers={**(headers or {}), **body.headers}, content=body)
        destinations.guard(request, api=api)
        try:
            await self.answer_to(request, seconds=SECONDS + body.size / UPLOAD_BYTES_A_SECOND, body=body)
        except ProviderError as exc:
            if exc.status is None:
                raise
            if exc.status != done:
                # Hide the upload server's words: they can repeat the ticket, and they are not the provider's.
                kind = InvalidRequest if 400 <= exc.status < 500 else ProviderUnavailable  # noqa: PLR2004 - client errors
                message = f"the upload server answered {exc.status}"
                raise kind(message, code=f"http_{exc.status}", status=exc.status) from None

    def _request(
        self, method: str, path: str, json: Any, params: Mapping[str, str] | None, key: str | None
    ) -> httpx.Request:
        headers = self._headers(key)
        try:
            return self.http.build_request(method, path, json=json, params=params, headers=headers)
        except httpx.InvalidURL as exc:  # the provider's cursor can be too long for a URL
            raise ProviderUnavailable(f"{path} cannot be asked for: {exc}", code="malformed_answer") from exc

    async def _in_turn(self, request: httpx.Request, seconds: float, body: Body | None = None) -> bytes:
        with asked(request, self.http.base_url, self.heard) as call:
            try:
                await budget.take(self.budget, live=self.live, patience=self.patience)
            except StoreUnavailableError as exc:
                raise NoTurn(f"no turn could be taken: {exc}", code=NO_TURN) from exc
            call.sent()
            try:
                return await self.answer_to(request, seconds=seconds, body=body)
            except RateLimited as exc:
                # Any other 429 is about one spent allowance, such as that of questions, and stops no other requests.
                if exc.retry_after is not None or exc.of_every_request:
                    with suppress(StoreUnavailableError):  # the provider's answer matters more than this error
                        await self.budget.pause(budget.PAUSE if exc.retry_after is None else exc.retry_after)
                raise

    async def answer_to(self, request: httpx.Request, *, seconds: float, body: Body | None = None) -> bytes:
        """Send a request as it is, and return the body of a 2xx answer: within `seconds` in total.

        `body` is the request's, if it is sent piece by piece.

        Raises:
            ProviderError: there is no such answer, or it is larger than `answer_bytes`.
        """
        answer, content = await exchange.exchange(
            self.http, request, seconds=seconds, most=self.answer_bytes, body=body
        )
        if answer.is_success:
            return content
        key = request.headers.get("Authorization", "").removeprefix(BEARER)
        # A larger body is not an error envelope, but for example a proxy's page.
        envelope = content if len(content) <= ENVELOPE_BYTES else b""
        raise self.refusal(answer.status_code, answer.headers, envelope, key)

    def _headers(self, idempotency_key: str | None) -> dict[str, str]:
        if self.key is None and not self.needs_key:
            return {}
        key = "" if self.key is None else self.key.get_secret_value()
        # httpx shows an unsendable header in its error, so httpx must never see an unsendable key.
        if not fits_a_header(key):
            problem = "cannot be sent in a header" if key else "is not set"
            raise Unauthenticated(f"{self.key_variable} {problem}", code="unauthenticated")
        headers = {"Authorization": f"{BEARER}{key}"}
        return headers if idempotency_key is None else headers | {"Idempotency-Key": idempotency_key}

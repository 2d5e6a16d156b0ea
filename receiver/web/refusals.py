"""Refuse a request: answer with a status and a reason, count as the provider does, and log it now and then."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from receiver import signature
from receiver.errors import RequestError, SignatureError, StoreUnavailableError, WrongPathError
from receiver.events import AccountId
from receiver.health.counts import DELIVERIES, REFUSALS, Counts
from receiver.health.failures import Failures
from receiver.logs.seldom import Heard, Seldom

log = logging.getLogger(__name__)

BETWEEN_SECONDS = 10.0
REASONS = 5
RETRY_AFTER_SECONDS = "60"


class Refusals:
    """The refusals of one receiver.

    Args:
        failures: returns what counts the refused deliveries of an account as the provider does; None is an unknown one.
        counts: what this process counts.
        between: seconds between two log lines.

    Attributes:
        answers: the function that answers, for each kind of error that a route raises.
    """

    def __init__(
        self, failures: Callable[[AccountId | None], Failures], counts: Counts, *, between: float = BETWEEN_SECONDS
    ) -> None:
        self._failures = failures
        self._counts = counts
        # Our own errors are not the sender's fault. They are logged as errors, and other refusals do not delay them.
        self._lines = {
            ours: Seldom(partial(_say, logging.ERROR if ours else logging.WARNING), seconds=between)
            for ours in (True, False)
        }
        self.answers: Mapping[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
            RequestError: self._answer,
            HTTPException: self._refuse_route,
            ClientDisconnect: _answer_incomplete,
            Exception: self._answer,
        }

    def count(self, error: RequestError, client: str | None = None, account: AccountId | None = None) -> None:
        """Count a refused request from the address `client`, and log refusals at most every 10 s."""
        self._failures(account).refused(error)
        whose = "" if account is None else account.account
        self._counts.add(DELIVERIES, whose, "refused")
        self._counts.add(REFUSALS, whose, error.reason if isinstance(error, SignatureError) else error.code)
        ours = error.status >= 500  # noqa: PLR2004 - HTTP's own line
        self._lines[ours].note(f"{error.status} {error.detail or error.code}", by=client)

    def close(self) -> None:
        """Log the refusals that were not logged yet."""
        for lines in self._lines.values():
            lines.close()

    def answer(self, error: Exception, client: str | None, account: AccountId | None) -> Response:
        """Return the answer to a request that is refused, and count it; any other error is a bug of ours."""
        if not isinstance(error, RequestError):
            return refusal(500, "internal_error", "This is a bug; the log says more.")
        self.count(error, client, account)
        later = {"Retry-After": RETRY_AFTER_SECONDS} if error.status == StoreUnavailableError.status else None
        return refusal(error.status, error.code, error.message, later)

    async def _answer(self, request: Request, exc: Exception) -> Response:
        return self.answer(exc, client_of(request), getattr(request.state, "account", None))

    async def _refuse_route(self, request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        if exc.status_code == WrongPathError.status and signature.HEADER.decode() in request.headers:
            self.count(WrongPathError(), client_of(request))  # a proxy might have changed the path of a delivery
        codes = {404: "not_found", 405: "method_not_allowed"}
        return refusal(exc.status_code, codes.get(exc.status_code, "bad_request"), exc.detail, exc.headers)


def client_of(request: Request) -> str | None:
    """Return the address that a request comes from; None if its socket has none."""
    return None if request.client is None else request.client.host


def _say(level: int, heard: Sequence[Heard]) -> None:
    shown = ", ".join(f"{kind.count} x {kind.what}{_from(kind.by)}" for kind in heard[:REASONS])
    facts = {"refused": sum(kind.count for kind in heard), "reason": heard[0].what, "client": heard[0].by}
    log.log(level, "refused deliveries: %s", shown, extra=facts)


def _from(client: str | None) -> str:
    return "" if client is None else f" (from {client})"


async def _answer_incomplete(_: Request, __: Exception) -> Response:
    log.debug("a client disconnected before its request was complete")
    return refusal(400, "incomplete", "The request was not complete.")


def refusal(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer that says why a request is refused."""
    # A refused request can leave an unread body, which would look like the next request. Our own server closes the
    # connection after such an answer, and announces that; another server might not.
    close = {"Connection": "close"} if status in (400, 408, 413) else {}
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers={**(headers or {}), **close})

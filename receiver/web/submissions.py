"""Submissions over HTTP, for programs that hold the token.

POST /submissions               {provider, url, …} ──▶ 202 {id, state}: row, event and job, in one transaction
GET  /submissions/ID            what is known of it
POST /submissions/ID/resolve    {action, remote_id} ──▶ what is known of it then

Deliveries share nothing with these routes but the process: they have connections of their own, nobody counts their
refusals as the provider counts, and nothing goes to the spool. A program can wait for the database, and a provider does
not.
"""

import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from receiver.database import Connection, Connections
from receiver.errors import ImpossibleError, RequestError
from receiver.providers import SOURCES, Source
from receiver.submissions import ordering, records, requested, resolving
from receiver.submissions.requested import AccountOf
from receiver.web import body, refusals
from receiver.web.refusals import refusal

log = logging.getLogger(__name__)

T = TypeVar("T")

BODY_BYTES = 64 * 1024
STATUSES = {"no_submission": 404, "key_used": 409, "not_unknown": 409, "taken": 409}
OURS = 500
TOO_LARGE = 413


class Submissions:
    """The routes.

    Args:
        token: the SHA-256 of the token that a program must send; with None there are no routes.
        connections: those of these routes alone. `close` closes them.
        account_of: returns an account that pays.
        seconds: how long the database has.
        sources: whom a program can ask.
    """

    def __init__(
        self, *, token: bytes | None, connections: Connections, account_of: AccountOf, seconds: float,
        sources: Sequence[type[Source]] = SOURCES,
    ) -> None:  # fmt: skip
        self._token = token or b""
        self._connections = connections
        self._account_of = account_of
        self._seconds = seconds
        self._sources = sources
        self.routes = [] if token is None else [
            Route("/submissions", self._answering(self._submit), methods=["POST"]),
            Route("/submissions/{id}", self._answering(self._show), methods=["GET"]),
            Route("/submissions/{id}/resolve", self._answering(self._resolve), methods=["POST"]),
        ]  # fmt: skip

    def close(self) -> None:
        """End every connection now."""
        self._connections.close()

    async def _submit(self, request: Request) -> Response:
        raw = await body.read(request, most=BODY_BYTES)
        key = request.headers.get("idempotency-key", "")
        asked = requested.asked(raw, key, self._account_of, self._sources)
        found, _ = await self._run(lambda connection: ordering.place(connection, asked))
        return JSONResponse({"id": found.id, "state": found.state}, 202)

    async def _show(self, request: Request) -> Response:
        submission = _id(request)
        found = await self._run(lambda connection: records.known(connection, submission))
        return JSONResponse(found.to_json())

    async def _resolve(self, request: Request) -> Response:
        said = requested.resolution(await body.read(request, most=BODY_BYTES))
        submission = _id(request)
        found = await self._run(
            lambda connection: resolving.resolve(connection, submission, said.action, said.remote_id)
        )
        return JSONResponse(found.to_json())

    async def _run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do work on the database. A refusal of ours is no fault of the connection, which is kept."""

        async def done(connection: Connection) -> T | ImpossibleError:
            try:
                return await work(connection)
            except ImpossibleError as exc:
                return exc

        found = await self._connections.run(done, seconds=self._seconds)
        if isinstance(found, ImpossibleError):
            raise found
        return found

    def _answering(self, work: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Return what answers a request: only one with the token, and with a refusal where there is an error."""

        async def answer(request: Request) -> Response:
            if not self._has_token(request):
                close = {"WWW-Authenticate": "Bearer", "Connection": "close"}  # the body was not read
                return refusal(401, "unauthenticated", "The token is missing or wrong.", close)
            try:
                return await work(request)
            except ImpossibleError as exc:
                return refusal(STATUSES.get(exc.code or "", 400), exc.code or "bad_request", str(exc))
            except RequestError as exc:
                return _refused(exc)

        return answer

    def _has_token(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = hashlib.sha256(token.strip().encode()).digest()
        return hmac.compare_digest(given, self._token) and scheme.lower() == "bearer"


def _id(request: Request) -> str:
    found: str = request.path_params["id"]
    if not found.isprintable():  # PostgreSQL would refuse to look for it
        raise ImpossibleError("there is no such submission", code="no_submission")
    return found


def _refused(error: RequestError) -> Response:
    if error.status >= OURS:
        log.error("a request about a submission was refused: %s", error)
        later = {"Retry-After": refusals.RETRY_AFTER_SECONDS}
        return refusal(503, "store_unavailable", "The database does not answer now; send it again.", later)
    if error.status == TOO_LARGE:
        return refusal(TOO_LARGE, error.code, f"The body can have at most {BODY_BYTES} bytes.")
    return refusal(error.status, error.code, error.message)

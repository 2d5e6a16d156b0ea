"""The steps that a request to a provider passes before an endpoint: who asks · planned faults."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from receiver import signature
from receiver.sandbox import faults
from receiver.sandbox.faults import Fault
from receiver.sandbox.ground import Ground
from receiver.sandbox.limit import Limits
from receiver.sandbox.refusals import RefusalError

Admitted = TypeVar("Admitted")


def guarded(
    ground: Ground,
    admit: Callable[[Request], Awaitable[Admitted]],
    serve: Callable[[Admitted, Request, Fault | None], Awaitable[Response]],
    refuse: Callable[[RefusalError], Response],
) -> Callable[[Request], Awaitable[Response]]:
    """Return a route's function.

    Args:
        ground: has the planned faults.
        admit: returns for whom or what a request is, such as its account. It may refuse.
        serve: the endpoint; it is given what `admit` returned. It may refuse.
        refuse: makes the answer of a refusal.
    """

    async def respond(request: Request) -> Response:
        fault = None
        try:
            admitted = await admit(request)
            fault = ground.faults.take(request)
            if (refused := faults.refused(fault)) is not None:
                raise refused
            answer = await serve(admitted, request, fault)
        except RefusalError as exc:
            answer = refuse(exc)
        return await faults.spoil(fault, answer, request, ground.stopping)

    return respond


def admitted(key: str | None, limits: Limits, *, nobody: RefusalError, surplus: RefusalError) -> str:
    """Return the account of a key, and count a request of it.

    Raises:
        RefusalError: `nobody`, without a key; `surplus`, beyond the limit.
    """
    if key is None:
        raise nobody
    found = account(key)
    if limits.exceeded(found):
        raise surplus
    return found


def no_route(
    answer: Callable[[HTTPException], Response],
) -> Mapping[type[HTTPException], Callable[[Request, Exception], Awaitable[Response]]]:
    """Return the handlers of an application, of which `answer` makes the answer for what does not exist."""

    async def handle(_: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        return answer(exc)

    return {HTTPException: handle}


def account(key: str) -> str:
    """Return the account of a key: its fingerprint, with which the ledger names it."""
    return signature.fingerprint(key.encode(errors="replace"))


def bearer(request: Request) -> str | None:
    """Return the key of a request's `Authorization`; None without one."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def json_object(raw: bytes, wrong: Callable[[str], RefusalError]) -> dict[str, Any]:
    """Return the JSON object that a body is.

    Raises:
        RefusalError: the body is none; `wrong` makes it of what is wrong.
    """
    try:
        body = json.loads(raw or b"{}")
    except (ValueError, RecursionError) as exc:
        raise wrong("The body is not JSON.") from exc
    if not isinstance(body, dict):
        raise wrong("The body is not a JSON object.")
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:  # half a surrogate pair, which no answer could repeat
        raise wrong("The body holds text that is not Unicode.") from exc
    return body

"""The steps that a request to a provider passes before an endpoint: who asks · planned faults."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from receiver import signature
from receiver.sandbox import faults
from receiver.sandbox.faults import Fault
from receiver.sandbox.ground import Ground
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


def account(key: str) -> str:
    """Return the account of a key: its fingerprint, with which the ledger names it."""
    return signature.fingerprint(key.encode(errors="replace"))


def bearer(request: Request) -> str | None:
    """Return the key of a request's `Authorization`; None without one."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def json_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is.

    Raises:
        ValueError: the body is none; the text says why.
    """
    try:
        body = json.loads(raw or b"{}")
    except (ValueError, RecursionError) as exc:
        raise ValueError("The body is not JSON.") from exc
    if not isinstance(body, dict):
        raise ValueError("The body is not a JSON object.")  # noqa: TRY004 - a wrong value, whatever its type
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:  # half a surrogate pair, which no answer could repeat
        raise ValueError("The body holds text that is not Unicode.") from exc
    return body

"""Serve `/sandbox/…`: endpoints for tests, which no real provider has.

They need no key. They have no rate limit, and the log of requests leaves them out.

GET    /sandbox/requests          {"requests": [{"at", "method", "path", "status"}]}: `at` is seconds since our start
GET    /sandbox/charges           [{"provider", "account", "operation", "id", "amount", "unit", "at"}]: see `Charge`
GET    /sandbox/uploads           {"uploads": [{"id", "size", "sha256", "complete"}]}
POST   /sandbox/webhooks/enable   switch every webhook on again, as a person does in the dashboard
GET, POST, DELETE /sandbox/faults see the module `faults`
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from receiver.sandbox.refusals import RefusalError, refusal
from receiver.sandbox.state import Sandbox


def routes(sandbox: Sandbox) -> list[Route]:
    """Return the control endpoints."""

    async def requests(_: Request) -> Response:
        return JSONResponse({"requests": [asdict(asked) for asked in sandbox.asked]})

    async def charges(_: Request) -> Response:
        return JSONResponse([asdict(charge) for charge in sandbox.charges])

    async def uploads(_: Request) -> Response:
        return JSONResponse({"uploads": [file.to_json() for file in sandbox.files()]})

    async def enable(_: Request) -> Response:
        return JSONResponse({"enabled": sandbox.transcribe_so.enable_webhooks()})

    async def faults(request: Request) -> Response:
        if request.method == "DELETE":
            sandbox.faults.clear()
        if request.method == "POST":
            return await _planned(request, sandbox.faults.plan)
        return JSONResponse({"faults": sandbox.faults.to_json()})

    return [
        Route("/sandbox/requests", requests),
        Route("/sandbox/charges", charges),
        Route("/sandbox/uploads", uploads),
        Route("/sandbox/webhooks/enable", enable, methods=["POST"]),
        Route("/sandbox/faults", faults, methods=["GET", "POST", "DELETE"]),
    ]


async def _planned(request: Request, plan: Callable[[object], dict[str, Any]]) -> Response:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        body = None
    try:
        return JSONResponse(plan(body), 201)
    except RefusalError as exc:
        return refusal(exc, request.state.request_id)

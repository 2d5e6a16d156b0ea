"""Serve `/sandbox/…`: endpoints for tests, which no real provider has.

They need no key. They have no rate limit, and the log of requests leaves them out.

GET    /sandbox/requests          {"requests": [{"at", "method", "path", "status"}]}: `at` is seconds since our start
GET    /sandbox/charges           [{"provider", "account", "operation", "id", "amount", "unit", "at"}]: see `Charge`
GET    /sandbox/uploads           {"uploads": [{"id", "size", "sha256", "complete"}]}
POST   /sandbox/webhooks/enable   switch every webhook on again, as a person does in the dashboard
POST   /sandbox/webhooks/disable  switch every webhook off, as after five failures in a row
POST   /sandbox/transcriptions    make transcriptions that nobody announces: see the module `transcribe_so.past`
GET, POST, DELETE /sandbox/announcements, POST /sandbox/announcements/release: see `transcribe_so.feed`
GET, POST, DELETE /sandbox/faults see the module `faults`
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from receiver.sandbox.refusals import RefusalError, refusal
from receiver.sandbox.state import Sandbox
from receiver.sandbox.transcribe_so import past
from receiver.sandbox.transcribe_so.state import SimulatedTranscribeSo


def routes(sandbox: Sandbox) -> list[Route]:
    """Return the control endpoints."""

    async def requests(_: Request) -> Response:
        return JSONResponse({"requests": [asdict(asked) for asked in sandbox.asked]})

    async def charges(_: Request) -> Response:
        return JSONResponse([asdict(charge) for charge in sandbox.charges])

    async def uploads(_: Request) -> Response:
        return JSONResponse({"uploads": [file.to_json() for file in sandbox.files()]})

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
        Route("/sandbox/faults", faults, methods=["GET", "POST", "DELETE"]),
        *_of_transcribe_so(sandbox.transcribe_so),
    ]


def _of_transcribe_so(provider: SimulatedTranscribeSo) -> list[Route]:
    async def enable(_: Request) -> Response:
        return JSONResponse({"enabled": provider.enable_webhooks()})

    async def disable(_: Request) -> Response:
        return JSONResponse({"disabled": provider.disable_webhooks()})

    async def announcements(request: Request) -> Response:
        feed = provider.feed
        if request.method == "DELETE":
            feed.clear()
        if request.method == "POST":
            return await _planned(request, feed.plan)
        return JSONResponse(feed.to_json())

    async def release(request: Request) -> Response:
        return await _planned(request, provider.feed.release)

    async def earlier(request: Request) -> Response:
        return await _planned(request, partial(past.make, provider))

    return [
        Route("/sandbox/webhooks/enable", enable, methods=["POST"]),
        Route("/sandbox/webhooks/disable", disable, methods=["POST"]),
        Route("/sandbox/announcements", announcements, methods=["GET", "POST", "DELETE"]),
        Route("/sandbox/announcements/release", release, methods=["POST"]),
        Route("/sandbox/transcriptions", earlier, methods=["POST"]),
    ]


async def _planned(request: Request, plan: Callable[[object], dict[str, Any]]) -> Response:
    try:
        body = json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError):
        body = None
    try:
        return JSONResponse(plan(body), 201)
    except RefusalError as exc:
        return refusal(exc, request.state.request_id)

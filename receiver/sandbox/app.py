"""The sandbox's routes."""

import asyncio
import hashlib
import itertools
import json
import re
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from receiver.sandbox import deliveries, samples
from receiver.sandbox.account import PIPELINES, Account, SecondWebhook, Transcription
from receiver.sandbox.envelope import RefusalError, new_request_id, refusal

KEY = re.compile(r"tsk_(live|test)_[\x21-\x7e]+")
TRANSCRIBING_SECONDS = 60.0
SOURCES = {"youtube": "url", "external_url": "url", "upload": "upload_id"}
DURATION_SECONDS = 3600

Endpoint = Callable[[Account, Request, dict[str, Any]], Awaitable[tuple[int, dict[str, Any]]]]


class Sandbox:
    """Everything the simulated provider remembers."""

    def __init__(self, *, speed: float = 60.0, second_webhook: SecondWebhook = "replace") -> None:
        self.speed = speed
        self.second_webhook = second_webhook
        self.accounts: defaultdict[str, Account] = defaultdict(Account)
        self._ids = itertools.count(1_000_000 + secrets.randbelow(9_000_000_000))
        self._tasks: set[asyncio.Task[None]] = set()
        self._http = httpx.AsyncClient(trust_env=False)

    async def me(self, _account: Account, _request: Request, _body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """`GET /me`."""
        return 200, {"user_id": "sandbox", "email": "you@example.com", "wallet_balance_usd": 100.0}

    async def register_webhook(
        self, account: Account, _request: Request, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """`POST /webhooks`."""
        url = body.get("url")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise RefusalError(400, "invalid_request", "url must be an http(s) address.")
        webhook, fresh = account.register(url, self.second_webhook)
        shown = {"id": webhook.id, "url": webhook.url, "enabled": webhook.enabled}
        return (201, shown | {"signing_secret": webhook.secret}) if fresh else (200, shown)

    async def test_webhook(
        self, account: Account, _request: Request, _body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """`POST /webhooks/test`."""
        if account.webhook is None:
            raise RefusalError(404, "not_found", "This key has no webhook.")
        self._deliver(account, deliveries.event("webhook.test", {"message": "This is a test."}))
        return 202, {"queued": True}

    async def transcribe(self, account: Account, _request: Request, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """`POST /transcriptions`."""
        source, pipeline = body.get("source"), body.get("pipeline_code")
        if not isinstance(source, str) or source not in SOURCES:
            raise RefusalError(400, "invalid_request", f"source must be one of {', '.join(SOURCES)}.")
        place = body.get(SOURCES[source])
        if not isinstance(place, str) or not place:
            raise RefusalError(400, "invalid_request", f"{SOURCES[source]} is missing.")
        if pipeline not in PIPELINES:
            raise RefusalError(400, "unsupported_pipeline", f"pipeline_code must be one of {', '.join(PIPELINES)}.")
        duration = body.get("duration_seconds", None if source == "upload" else DURATION_SECONDS)
        if not isinstance(duration, int) or duration <= 0:
            raise RefusalError(400, "invalid_request", "duration_seconds (>0) is required.")
        name = str(body.get("original_filename") or place)
        item = Transcription(next(self._ids), source, name, pipeline, str(body.get("language", "auto")), duration)
        account.transcriptions[item.id] = item
        self._spawn(self._transcribe(account, item))
        shown = {k: v for k, v in item.to_json().items() if k in ("id", "status", "stage", "pipeline_code", "language")}
        return 202, shown | {"source": source, SOURCES[source]: place, "duration_seconds": duration}

    async def get(self, account: Account, request: Request, _body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """`GET /transcriptions/:id`."""
        return 200, account.find(request.path_params["id"]).to_json()

    async def result(self, account: Account, request: Request, _body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """`GET /transcriptions/:id/result`."""
        return 200, samples.result(account.find_completed(request.path_params["id"]).id)

    async def timestamps(self, account: Account, request: Request, _body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """`GET /transcriptions/:id/timestamps`."""
        name, style = request.query_params.get("format"), request.query_params.get("style", "balanced")
        if name not in samples.CONSTRAINTS:
            raise RefusalError(400, "invalid_request", f"format must be one of {', '.join(samples.CONSTRAINTS)}.")
        item = account.find_completed(request.path_params["id"])
        if style not in samples.STYLES and name not in samples.WITHOUT_STYLE:
            raise RefusalError(
                409, "not_ready", f"Posting chapters not generated for style={json.dumps(style)}.",
                reason="artifact_missing", available_styles=list(samples.STYLES), requested_style=style,
            )  # fmt: skip
        return 200, samples.timestamps(item.id, name, style)

    async def close(self) -> None:
        """Stop everything under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    async def _transcribe(self, account: Account, item: Transcription) -> None:
        item.stage = "transcribing"
        await asyncio.sleep(TRANSCRIBING_SECONDS / self.speed)
        item.end()
        self._deliver(account, deliveries.event(f"transcription.{item.status}", {"transcription": item.to_json()}))

    def _deliver(self, account: Account, payload: dict[str, Any]) -> None:
        if account.webhook is not None:
            self._spawn(deliveries.deliver(self._http, account.webhook, payload, speed=self.speed))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def application(sandbox: Sandbox) -> Starlette:
    """Return the sandbox as an ASGI application."""
    routes = {
        ("GET", "/me"): sandbox.me,
        ("POST", "/webhooks"): sandbox.register_webhook,
        ("POST", "/webhooks/test"): sandbox.test_webhook,
        ("POST", "/transcriptions"): sandbox.transcribe,
        ("GET", "/transcriptions/{id:int}"): sandbox.get,
        ("GET", "/transcriptions/{id:int}/result"): sandbox.result,
        ("GET", "/transcriptions/{id:int}/timestamps"): sandbox.timestamps,
    }
    return Starlette(
        routes=[
            Route(f"/api/v1{path}", _endpoint(sandbox, endpoint), methods=[method])
            for (method, path), endpoint in routes.items()
        ],
        exception_handlers={HTTPException: _no_route},
    )


def _endpoint(sandbox: Sandbox, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        request_id = new_request_id()
        try:
            account = _account(sandbox, request)
            account.count_request(speed=sandbox.speed)
            answer = await _once(account, request, endpoint, request_id)
        except RefusalError as exc:
            answer = refusal(exc, request_id)
        answer.headers["X-Request-Id"] = request_id
        return answer

    return respond


async def _no_route(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    request_id = new_request_id()
    answer = refusal(RefusalError(exc.status_code, "not_found", "There is no such endpoint."), request_id)
    answer.headers["X-Request-Id"] = request_id
    return answer


def _account(sandbox: Sandbox, request: Request) -> Account:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise RefusalError(401, "unauthenticated", "Missing Authorization header.")
    if not KEY.fullmatch(key):
        raise RefusalError(401, "invalid_api_key", "The key is malformed, unknown, revoked or expired.")
    return sandbox.accounts[key]


async def _once(account: Account, request: Request, endpoint: Endpoint, request_id: str) -> Response:
    """Answer; under an Idempotency-Key, what was answered before. Refusals are kept too."""
    raw = await request.body()
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    same = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + raw).digest()
    if key in account.answered:
        before, status, content = account.answered[key]
        if before != same:
            raise RefusalError(400, "invalid_request", "This Idempotency-Key came with another request.")
        return Response(content, status, media_type="application/json")
    try:
        status, body = await endpoint(account, request, _body(raw))
        answer: Response = JSONResponse(body, status)
    except RefusalError as exc:
        answer = refusal(exc, request_id)
    if key is not None:
        account.answered[key] = (same, answer.status_code, bytes(answer.body))
    return answer


def _body(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw or b"{}")
    except (ValueError, RecursionError) as exc:
        raise RefusalError(400, "invalid_request", "The body is not JSON.") from exc
    if not isinstance(body, dict):
        raise RefusalError(400, "invalid_request", "The body is not a JSON object.")
    return body

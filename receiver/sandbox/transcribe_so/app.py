"""The routes of the simulated transcribe.so, and the steps that every request passes.

keyed    401 · limit · Idempotency-Key · faults ──▶ an endpoint
open     faults ──▶ uploads, without a key
"""

import hashlib
import re
import time
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from receiver.sandbox import faults
from receiver.sandbox.gate import json_object
from receiver.sandbox.refusals import RefusalError
from receiver.sandbox.transcribe_so import artifacts, transcriptions, tus, uploads, webhooks
from receiver.sandbox.transcribe_so.account import Kept, SimulatedAccount
from receiver.sandbox.transcribe_so.envelope import invalid, refusal
from receiver.sandbox.transcribe_so.pipelines import PIPELINES
from receiver.sandbox.transcribe_so.state import Call, SimulatedTranscribeSo
from receiver.sandbox.transcribe_so.uploads import Uploads

KEY = re.compile(r"tsk_(live|test)_[\x21-\x7e]+")
KEY_LENGTH = 128
FAILURE = 500
KEPT_SECONDS = 24 * 3600

Endpoint = Callable[[Call], Awaitable[Response]]
File = Callable[[Uploads, Request], Awaitable[Response]]


async def me(call: Call) -> Response:
    """Answer `GET /me`."""
    return JSONResponse(call.account.to_json())


async def pipelines(_: Call) -> Response:
    """Answer `GET /pipelines`."""
    return JSONResponse({"pipelines": [pipeline.to_json() for pipeline in PIPELINES.values()]})


async def resumable(call: Call) -> Response:
    """Answer `POST /uploads/tus`."""
    return JSONResponse({
        "upload_endpoint": f"{call.request.base_url}files/",
        "upload_token": call.provider.uploads.ticket(call.account.user_id, call.body),
        "upload_metadata_key": tus.METADATA_KEY,
        "expires_in": uploads.TICKET_SECONDS,
        "max_file_size": uploads.MAX_BYTES,
    })  # fmt: skip


async def presign(call: Call) -> Response:
    """Answer `POST /uploads`."""
    upload = call.provider.uploads.presign(call.account.user_id, call.body)
    url = uploads.presigned_url(call.request, upload)
    return JSONResponse({"upload_id": upload.id, "upload_url": url, "expires_in": uploads.PUT_SECONDS})


API: dict[tuple[str, str], Endpoint] = {
    ("GET", "/me"): me,
    ("GET", "/pipelines"): pipelines,
    ("POST", "/uploads"): presign,
    ("POST", "/uploads/tus"): resumable,
    ("POST", "/quotes"): transcriptions.quote,
    ("POST", "/transcriptions"): transcriptions.submit,
    ("GET", "/transcriptions"): transcriptions.list_page,
    ("GET", "/transcriptions/{id:int}"): transcriptions.get,
    ("DELETE", "/transcriptions/{id:int}"): transcriptions.delete,
    ("GET", "/transcriptions/{id:int}/wait"): transcriptions.wait,
    ("POST", "/transcriptions/{id:int}/retry"): transcriptions.retry,
    ("GET", "/transcriptions/{id:int}/result"): artifacts.result,
    ("GET", "/transcriptions/{id:int}/subtitles"): artifacts.subtitle_file,
    ("GET", "/transcriptions/{id:int}/timestamps"): artifacts.timestamp_text,
    ("POST", "/transcriptions/{id:int}/timestamps/regenerate"): artifacts.regenerate,
    ("POST", "/webhooks"): webhooks.register,
    ("GET", "/webhooks"): webhooks.get,
    ("DELETE", "/webhooks"): webhooks.delete,
    ("POST", "/webhooks/test"): webhooks.test,
}


def routes(provider: SimulatedTranscribeSo) -> list[Route]:
    """Return the provider's routes."""
    keyed = [
        Route(f"/api/v1{path}", _keyed(provider, endpoint), methods=[method])
        for (method, path), endpoint in API.items()
    ]  # fmt: skip
    return [
        *keyed,
        Route("/s3/{upload_id:path}", _file(provider, uploads.put), methods=["PUT"]),
        Route("/files/", _file(provider, tus.serve), methods=["OPTIONS", "POST"]),
        Route("/files/{name}", _file(provider, tus.serve), methods=["OPTIONS", "HEAD", "PATCH"]),
    ]


async def no_route(request: Request, exc: Exception) -> Response:
    """Answer a request for what does not exist."""
    assert isinstance(exc, HTTPException)
    error = RefusalError(exc.status_code, "not_found", "There is no such endpoint.")
    return refusal(error, request.state.request_id)


def _keyed(provider: SimulatedTranscribeSo, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """Return a route's function: it checks key, limit, Idempotency-Key and planned faults before the endpoint."""
    ground = provider.ground

    async def respond(request: Request) -> Response:
        fault = None
        try:
            account = _account(provider, request)
            surplus = account.refuse_surplus(time.monotonic(), speed=ground.speed)
            fault = ground.faults.take(request) if surplus is None else None
            refused = surplus or faults.refused(fault)
            answer = await _once(provider, account, request, endpoint, refused)
        except RefusalError as exc:
            answer = refusal(exc, request.state.request_id)
        return await faults.spoil(fault, answer, request, ground.stopping)

    return respond


def _file(provider: SimulatedTranscribeSo, serve: File) -> Callable[[Request], Awaitable[Response]]:
    """Return a route's function: it applies the planned faults to a file server."""
    ground = provider.ground

    async def respond(request: Request) -> Response:
        fault = ground.faults.take(request)
        if (refused := faults.refused(fault)) is not None:
            return refusal(refused, request.state.request_id)
        return await faults.spoil(fault, await serve(provider.uploads, request), request, ground.stopping)

    return respond


def _account(provider: SimulatedTranscribeSo, request: Request) -> SimulatedAccount:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        message = "Missing Authorization header. Create a key at https://transcribe.so/settings/api-keys."
        raise RefusalError(401, "unauthenticated", message)
    if not KEY.fullmatch(key):
        message = "The key is malformed, unknown, revoked or expired. See https://transcribe.so/settings/api-keys."
        raise RefusalError(401, "invalid_api_key", message)
    return provider.account(key)


async def _once(
    provider: SimulatedTranscribeSo,
    account: SimulatedAccount,
    request: Request,
    endpoint: Endpoint,
    refused: RefusalError | None,
) -> Response:
    """Answer a request; repeat the first answer under an Idempotency-Key. Repeat refusals too, but not failures."""
    if refused is not None and refused.status >= FAILURE:
        raise refused
    raw = await request.body()
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    call = Call(provider, account, request, {})
    if key is None:
        return await _answer(call, endpoint, raw, refused)
    asked = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + raw).digest()
    oldest = time.monotonic() - KEPT_SECONDS / provider.ground.expiry_speed
    if (before := _before(account, key, asked, oldest=oldest)) is not None:
        return before
    account.kept[key] = Kept(asked, time.monotonic())
    try:
        answer = await _answer(call, endpoint, raw, refused)
        account.kept[key] = Kept(asked, time.monotonic(), answer.status_code, bytes(answer.body))
    finally:
        if not account.kept[key].status:
            del account.kept[key]
    return answer


def _before(account: SimulatedAccount, key: str, asked: bytes, *, oldest: float) -> Response | None:
    """Return the answer to the first request under an idempotency key; None if this is the first request.

    Raises:
        RefusalError: 400: the first request was a different one, or the key is malformed. 409: the first request has
            no answer yet.
    """
    if not 0 < len(key) <= KEY_LENGTH:
        raise invalid(f"An Idempotency-Key has 1 to {KEY_LENGTH} characters.")
    kept = account.kept.get(key)
    if kept is None or kept.at < oldest:
        return None
    if kept.request != asked:
        raise invalid("This Idempotency-Key came with another request; use a new one.")
    if not kept.status:
        message = "The first request under this Idempotency-Key is still under way. Repeat this one in a moment."
        raise RefusalError(409, "request_in_progress", message)
    return Response(kept.content, kept.status, media_type="application/json")


async def _answer(call: Call, endpoint: Endpoint, raw: bytes, refused: RefusalError | None) -> Response:
    try:
        if refused is not None:
            raise refused
        return await endpoint(Call(call.provider, call.account, call.request, json_object(raw, invalid)))
    except RefusalError as exc:
        return refusal(exc, call.request.state.request_id)

"""The routes of the simulated Timbr, and the steps that every request passes: 401 · limit · faults."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from receiver.sandbox import forms, gate
from receiver.sandbox.faults import Fault
from receiver.sandbox.files import SimulatedFile
from receiver.sandbox.forms import Form
from receiver.sandbox.refusals import RefusalError
from receiver.sandbox.timbr import orders
from receiver.sandbox.timbr.orders import Order, wrong
from receiver.sandbox.timbr.state import PROVIDER, WORDS, SimulatedTimbr, stamp

MAX_BYTES = 5 * 1024**3
LINK_SECONDS = {"60s": 60, "forever": math.inf}


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `account` is whose key or token came with it, empty without one."""

    provider: SimulatedTimbr
    account: str
    request: Request


Endpoint = Callable[[Call], Awaitable[dict[str, Any]]]


def application(provider: SimulatedTimbr) -> Starlette:
    """Return the provider as an ASGI application."""
    api: dict[tuple[str, str], Endpoint] = {
        ("GET", "/auth/token/"): list_tokens,
        ("POST", "/auth/token/"): issue_token,
        ("POST", "/auth/token/delete/"): delete_tokens,
        ("POST", "/v1/upload/file/"): upload,
        ("POST", "/v1/transcription/"): _starting(orders.transcription),
        ("POST", "/v1/translation/"): _starting(orders.translation),
        ("POST", "/v1/audio-separation/"): _starting(orders.separation),
        ("POST", "/v1/task/"): show_task,
        ("GET", "/v1/credit/"): credit,
    }
    keyed = [
        Route(f"/openapi{path}", _keyed(provider, endpoint), methods=[method])
        for (method, path), endpoint in api.items()
    ]
    slashless = [Route(path.removesuffix("/"), _add_slash, methods=["GET", "POST"]) for path in {r.path for r in keyed}]
    return Starlette(
        routes=[*keyed, *slashless],
        exception_handlers=gate.no_route(
            lambda exc: _refusal(RefusalError(exc.status_code, "not_found", exc.detail), exc.status_code)
        ),
    )


async def list_tokens(call: Call) -> dict[str, Any]:
    """Answer `GET /auth/token/`."""
    return {"tokens": call.provider.tokens.listed(call.account)}


async def issue_token(call: Call) -> dict[str, Any]:
    """Answer `POST /auth/token/`. Without a key or token, the client is the account."""
    client_id, has_secret = orders.client(await call.request.body())
    if not call.account and not has_secret:
        raise RefusalError(401, "invalid_client", "The client must show its secret")
    return call.provider.tokens.issue(call.account or gate.account(client_id))


async def delete_tokens(call: Call) -> dict[str, Any]:
    """Answer `POST /auth/token/delete/`."""
    asked = orders.unwanted(await call.request.body())
    return {"requested_count": len(asked), "deleted_count": call.provider.tokens.delete(call.account, asked)}


async def upload(call: Call) -> dict[str, Any]:
    """Answer `POST /v1/upload/file/`."""
    file = call.provider.new_file(call.account)
    form = await _form(call.request, file, most=MAX_BYTES)
    if form.filename is None:
        raise wrong("file is required")
    file.filename, file.complete = form.filename, True
    file.content_type = form.content_type or file.content_type
    call.provider.files[file.id] = file
    shown = {
        "file_id": file.id, "expires_at": stamp(file.expires), "content_type": file.content_type,
        "file_size": file.received, "uploaded_size": file.received,
    }  # fmt: skip
    return {"files": [shown]}


async def show_task(call: Call) -> dict[str, Any]:
    """Answer `POST /v1/task/`. Each answer has new links."""
    given = await _fields(call)
    provider, task = call.provider, call.provider.task(call.account, given.get("task_id", ""))

    def shown(name: str, filename: str, mime_type: str, extension: str) -> dict[str, Any]:
        seconds = LINK_SECONDS[provider.knobs.links]
        link = provider.assets.link(call.request, PROVIDER, name, seconds=seconds)
        return {"id": name, "name": filename, "mime_type": mime_type, "extension": extension, "link": link}

    file = task.file
    extension = PurePosixPath(file.filename).suffix.removeprefix(".")
    return {
        "source_assets": [shown(file.id, file.filename, file.content_type, extension)],
        "output_assets": [shown(name, one.name, one.mime_type, one.extension) for name, one in task.made.items()],
        "status": WORDS[provider.knobs.status][task.state],
        "created_at": task.created_at, "updated_at": task.updated_at, "started_at": task.started_at,
        "error_message": task.error,
    }  # fmt: skip


async def credit(call: Call) -> dict[str, Any]:
    """Answer `GET /v1/credit/`."""
    return {"credit": call.provider.credit(call.account)}


def _starting(read: Callable[[Mapping[str, str]], Order]) -> Endpoint:
    """Return the endpoint that starts a task, whose parameters `read` checks."""

    async def start(call: Call) -> dict[str, Any]:
        given = await _fields(call)
        order = read(given)
        file = call.provider.file(call.account, given.get("file_id", ""))
        if isinstance(order, orders.Translation) != file.is_srt:
            raise wrong("file_id must be of an SRT file to translate, of a recording for anything else")
        return {"task_id": call.provider.start(file, order).id}

    return start


async def _fields(call: Call) -> dict[str, str]:
    """Return the fields of a form that has no file."""
    return dict((await _form(call.request, SimulatedFile("", call.account, ""), most=0)).fields)


async def _form(request: Request, file: SimulatedFile, *, most: int) -> Form:
    """Return a form, which must be multipart, as documented."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise RefusalError(415, "unsupported_media_type", "The body must be multipart/form-data")
    return await forms.read(request, file, most=most)


def _keyed(provider: SimulatedTimbr, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """Return a route's function."""
    is_open = endpoint is issue_token and provider.knobs.first_bearer == "optional"

    async def admit(request: Request) -> str:
        shown = gate.bearer(request)
        if shown is None and not is_open:
            raise RefusalError(401, "not_authenticated", "A key or token is required")
        account = "" if shown is None else provider.tokens.account(shown)
        if provider.limits.exceeded(account):
            raise RefusalError(429, "rate_limited", "Too many requests")
        return account

    async def serve(account: str, request: Request, _: Fault | None) -> Response:
        return _envelope(1, "SUCCESS", "Success", await endpoint(Call(provider, account, request)))

    def refuse(error: RefusalError) -> Response:
        """Return a refusal. What does not come from an endpoint always has its own status."""
        is_own = provider.knobs.errors == "4xx" or error.status in (401, 429) or error.status >= 500  # noqa: PLR2004
        return _refusal(error, error.status if is_own else 200)

    return gate.guarded(provider.ground, admit, serve, refuse)


async def _add_slash(request: Request) -> Response:
    """Send a client to the path with a slash at its end; most clients then ask with GET and without a body."""
    return RedirectResponse(f"{request.url.path}/", 301)


def _refusal(error: RefusalError, status: int) -> Response:
    """Return the answer for a refusal; the envelope has its status, whichever the answer has."""
    return _envelope(error.status, error.code.upper(), error.message, None, status)


def _envelope(status: int, code: str, message: str, data: dict[str, Any] | None, answered: int = 200) -> Response:
    """Return an answer. 1 is success, as in every example of the documentation."""
    return JSONResponse({"status": status, "result_code": code, "message": message, "data": data}, answered)

"""The ASGI application: each request finds its route, then who sends it, then its page, if they may see it."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from receiver.console import access, errors
from receiver.console.access import Role
from receiver.console.gate import Gate
from receiver.console.rendering import environment, here
from receiver.console.routes import ROUTES, Entry
from receiver.console.state import Console
from receiver.errors import ReceiverError


def application(console: Console, routes: Sequence[Entry] = ROUTES) -> Starlette:
    """Return the application."""
    environment()  # a template that cannot be read fails the start, not the first request for it

    async def missing(request: Request, error: Exception) -> Response:
        with suppress(ReceiverError):  # the key is not read yet, and the database is away
            request.state.role = await console.role(request)
        return await errors.page(request, console, error)

    return Starlette(
        routes=[Route(entry.path, _endpoint(entry, console), methods=[entry.method]) for entry in routes],
        middleware=[Middleware(Gate)],
        exception_handlers={HTTPException: missing},
    )


def _endpoint(entry: Entry, console: Console) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            role = request.state.role = await console.role(request) if entry.need else None
            if entry.need is not None and role is None:
                return _sign_in(request)
            _require(entry, role)
            return await entry.endpoint(request, console)
        except Exception as exc:  # noqa: BLE001 - every error has its page
            return await errors.page(request, console, exc)

    return answer


def _require(entry: Entry, role: Role | None) -> None:
    if entry.need is Role.OPERATOR and role is not Role.OPERATOR:
        raise HTTPException(403, errors.MAY_LOOK)


def _sign_in(request: Request) -> Response:
    """Send somebody who is not signed in to the sign-in page, and from there back to a page."""
    place = f"{access.PATH}?{urlencode({'next': here(request)})}"
    if request.method not in ("GET", "HEAD"):
        return PlainTextResponse("You are not signed in, so this was not done. Open the console again.\n", 401)
    if "hx-request" in request.headers:
        return PlainTextResponse("You are not signed in any more.\n", 401, headers={"hx-redirect": place})
    return RedirectResponse(place, 303)

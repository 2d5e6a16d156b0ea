"""The outermost layer of the server over HTTP: whoever may not ask is refused before the protocol sees the request.

A page in a browser can send requests to this machine, also by a name of its own that points here. So every request
with an `Origin` is refused, and every `Host` that is not this machine's. Programs of other users on this machine do not
know the token. Wrong ones are not counted: it is too long to be guessed, and a count would let any program here keep
out whoever knows it.
"""

import hmac

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATH = "/mcp"
MOST_BYTES = 256 * 1024
TOO_LARGE = f"A request has at most {MOST_BYTES // 1024} KiB."


class Gate:
    """Lets those ask who know the token.

    Args:
        app: answers them.
        token: what they know.
        port: on which they ask.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token = app, token.encode()
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        refusal = self._stranger(Headers(scope=scope)) or _unfit(scope)
        body = None if refusal else await _body(receive)
        if body is None:
            await (refusal or _said(413, TOO_LARGE))(scope, receive, send)
        else:
            await self._app(scope, _with(body, receive), send)

    def _stranger(self, headers: Headers) -> Response | None:
        """Return the answer to whoever may not ask."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return _said(403, "This host is not this server.")
        if "origin" in headers:
            return _said(403, "Pages in browsers cannot ask here.")
        if not self._knows(headers.getlist("authorization")):
            return _said(401, "The token is missing or wrong.", **{"www-authenticate": "Bearer"})
        return None

    def _knows(self, given: list[str]) -> bool:
        kind, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        return hmac.compare_digest(token.strip().encode(errors="replace"), self._token) and kind.lower() == "bearer"


def _unfit(scope: Scope) -> Response | None:
    """Return the answer to what is no question."""
    if scope["path"] != PATH:
        return _said(404, f"There is only {PATH}.")
    if scope["method"] != "POST":
        return _said(405, "There is only POST.", allow="POST")
    return None


def _said(status: int, text: str, **headers: str) -> Response:
    return PlainTextResponse(f"{text}\n", status, headers=headers)


async def _body(receive: Receive) -> bytes | None:
    """Return a request's body; None if it is too large, or if its client leaves before it is whole."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BYTES or message["type"] != "http.request":
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _with(body: bytes, receive: Receive) -> Receive:
    """Return what hands a body over that was received already."""
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again

"""Add a request id and CORS headers to every answer, and keep the log of API requests."""

import logging

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from receiver.sandbox.chance import token
from receiver.sandbox.ground import Ground
from receiver.sandbox.refusals import RefusalError, refusal

log = logging.getLogger(__name__)

METHODS = "GET, POST, PUT, PATCH, HEAD, DELETE, OPTIONS"
UNLOGGED = ("/sandbox/", "/s3/", "/files/", "/assets/", "/timbr-audio/storage/")
EXPOSED = "X-Request-Id, Retry-After, Location, ETag, Content-Range, Tus-Resumable, Upload-Offset, Upload-Length"


class Wire:
    """The middleware around all routes."""

    def __init__(self, app: ASGIApp, ground: Ground) -> None:
        self._app = app
        self._ground = ground

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_{token(self._ground.chance, 6)}"
        scope.setdefault("state", {})["request_id"] = request_id

        started = False

        async def send_marked(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers["Access-Control-Allow-Origin"] = "*"
                headers["Access-Control-Expose-Headers"] = EXPOSED
                self._remember(scope, message["status"])
            await send(message)

        app = _preflight(scope) or self._app
        try:
            await app(scope, receive, send_marked)
        except ClientDisconnect:
            log.info("%s %s: the client disconnected", scope["method"], _shown(scope))
        except Exception:
            if started:
                raise
            log.exception("%s %s failed", scope["method"], _shown(scope))
            error = RefusalError(500, "internal_error", "A fault of the sandbox; its log says more.")
            await refusal(error, request_id)(scope, receive, send_marked)

    def _remember(self, scope: Scope, status: int) -> None:
        if not scope["path"].startswith(UNLOGGED) and scope["method"] != "OPTIONS":
            self._ground.remember(scope["method"], scope["path"], status)


def _shown(scope: Scope) -> str:
    """Return the path without the token that follows an upload's id."""
    return str(scope["path"]).partition("+")[0]


def _preflight(scope: Scope) -> Response | None:
    """Return the answer to a browser's CORS preflight; None for any other request."""
    headers = dict(scope["headers"])
    if scope["method"] != "OPTIONS" or b"access-control-request-method" not in headers:
        return None
    allowed = headers.get(b"access-control-request-headers", b"*").decode("latin-1")
    return Response(
        status_code=204,
        headers={
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": allowed,
            "Access-Control-Max-Age": "86400",
        },
    )

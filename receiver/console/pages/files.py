"""What pages load: style, scripts, and the stream of changes; and whether the process runs."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from receiver.console.rendering import assets
from receiver.console.state import Console

YEAR = "private, max-age=31536000, immutable"


async def asset(request: Request, _: Console) -> Response:
    """Return a file. Its address has its version, so browsers keep it."""
    found = assets().get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    return Response(found.content, headers={"cache-control": YEAR, "content-type": found.type})


async def alive(_: Request, __: Console) -> Response:
    """Say that the process runs."""
    return PlainTextResponse("ok\n")


async def changes(request: Request, console: Console) -> Response:
    """Return the stream of changes."""
    whose = request.cookies[console.cookie]
    if console.changes.is_full(whose):
        raise HTTPException(503, "too many pages are open")
    return StreamingResponse(console.changes.stream(whose), media_type="text/event-stream")

"""Bulk replays: how far they are; cancel one, or let it go on."""

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from receiver.console.rendering import render
from receiver.console.state import Console
from receiver.database import Connection, Pool
from receiver.errors import ImpossibleError
from receiver.health import telling
from receiver.inbox import paging, replays
from receiver.inbox.replays import Replay

LIMIT = 50


async def show_all(request: Request, console: Console) -> Response:
    """List them, newest first."""
    place = paging.read_place(request.query_params.get("before", ""))
    before = None if place is None else place.key
    found = await console.read(lambda db: replays.recent(db, limit=LIMIT + 1, before=before, counted=0))
    older = found[LIMIT - 1].id if len(found) > LIMIT else None
    return render(request, "replays.html", live=before is None, replays=found[:LIMIT], older=older)


async def show(request: Request, console: Console) -> Response:
    """Show how far one is."""

    async def look(db: Connection) -> tuple[Replay, str]:
        found = await replays.one(db, request.path_params["id"])
        is_waited_for = found.state == "running" or bool(found.waiting)
        return found, await without_worker(db, console) if is_waited_for else ""

    try:
        found, no_worker = await console.read(look)
    except ImpossibleError as exc:
        raise HTTPException(404, f"There is no bulk replay {request.path_params['id']}.") from exc
    return render(
        request, "replay.html", live=found.state == "running" or bool(found.waiting or found.running), one=found,
        no_worker=no_worker,
    )  # fmt: skip


async def cancel(request: Request, console: Console) -> Response:
    """Leave what it has not moved yet dead."""
    return await _steer(request, console, replays.cancel)


async def resume(request: Request, console: Console) -> Response:
    """Let it go on."""
    return await _steer(request, console, replays.resume)


async def without_worker(db: Connection, console: Console) -> str:
    """Return the sentence that nothing is replayed, because no worker runs; empty if one does."""
    return "" if await telling.has_worker(db, console.configured.chosen.api_url) else telling.NO_WORKER


async def _steer(request: Request, console: Console, steer: Callable[[Pool, int], Awaitable[Replay]]) -> Response:
    found = await console.act(lambda db: steer(db, request.path_params["id"]))
    console.changes.note()
    return RedirectResponse(f"/replays/{found.id}", 303)

"""Bulk replays: how far they are; cancel one, or let it go on."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from receiver.console.rendering import render
from receiver.console.state import Console
from receiver.database import Connection
from receiver.errors import ImpossibleError
from receiver.health import telling
from receiver.inbox import paging, replays
from receiver.inbox.filters import NEVER
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

    async def look(db: Connection) -> tuple[Replay, bool]:
        found = await replays.one(db, _number(request))
        is_waited_for = found.state == "running" or bool(found.waiting)
        return found, not is_waited_for or await telling.has_worker(db, console.configured.chosen.api_url)

    try:
        found, has_worker = await console.read(look)
    except ImpossibleError as exc:
        raise HTTPException(404, f"There is no bulk replay {request.path_params['id']}.") from exc
    return render(
        request, "replay.html", live=found.state == "running" or bool(found.waiting or found.running), one=found,
        no_worker="" if has_worker else telling.NO_WORKER,
    )  # fmt: skip


async def cancel(request: Request, console: Console) -> Response:
    """Leave what it has not moved yet dead."""
    found = await console.act(lambda db: replays.cancel(db, _number(request)))
    return RedirectResponse(f"/replays/{found.id}", 303)


async def resume(request: Request, console: Console) -> Response:
    """Let it go on."""
    found = await console.act(lambda db: replays.resume(db, _number(request)))
    return RedirectResponse(f"/replays/{found.id}", 303)


def _number(request: Request) -> int:
    return min(int(request.path_params["id"]), NEVER)

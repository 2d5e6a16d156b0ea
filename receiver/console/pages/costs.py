"""What was charged: by day, account, pipeline, title or operation, each unit by itself; on a page and as a table."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from typing import NamedTuple, cast, get_args

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from receiver.console.rendering import render
from receiver.console.state import Console
from receiver.inbox import filters
from receiver.submissions import costs
from receiver.submissions.costs import By

SINCE = "30d"
SPANS = ("7d", "30d", "90d", "365d")
NEWEST = 20_000  # charges that a page adds up: by title, where each is another, this takes 0.1 s
PIECE_BYTES = 64 * 1024


class _Asked(NamedTuple):
    by: By
    since: str
    span: timedelta


async def show(request: Request, console: Console) -> Response:
    """Show the charges as charts and tables."""
    said = ""
    try:
        asked = _asked(request)
    except ValueError as exc:
        asked, said = _Asked("day", SINCE, filters.duration(SINCE)), str(exc)
    found = await console.read(partial(costs.of, since=asked.span, by=asked.by, newest=NEWEST))
    return render(
        request, "costs.html", status=400 if said else 200, said=said, by=asked.by, since=asked.since, found=found,
        units=[costs.unit(name, parts, asked.by) for name, parts in found.by_unit.items()], ways=get_args(By),
        spans=SPANS, newest=NEWEST,
    )  # fmt: skip


async def table(request: Request, console: Console) -> Response:
    """Return the charges as CSV, whole, while they are read."""
    try:
        asked = _asked(request)
    except ValueError as exc:
        raise HTTPException(400, str(exc)) from exc
    lines = console.stream(partial(costs.table, since=asked.span, by=asked.by))
    head = await anext(lines) + await anext(lines, "")  # what the database refuses is a page, and not half a table
    name = f"costs-by-{asked.by}.csv"
    return StreamingResponse(
        _pieces(head, lines), media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )  # fmt: skip


def _asked(request: Request) -> _Asked:
    """Return what an address asks for.

    Raises:
        ValueError: it asks for what there is not.
    """
    by, since = request.query_params.get("by") or "day", request.query_params.get("since", "").strip() or SINCE
    if by not in get_args(By):
        raise ValueError(f"{by!r} is no way to add up: there are {', '.join(get_args(By))}.")
    return _Asked(cast("By", by), since, filters.duration(since))


async def _pieces(head: str, lines: AsyncIterator[str]) -> AsyncIterator[str]:
    gathered, size = [head], len(head)
    async with aclosing(lines):  # type: ignore[type-var]  # it is a generator
        async for line in lines:
            gathered.append(line)
            size += len(line)
            if size >= PIECE_BYTES:
                yield "".join(gathered)
                gathered, size = [], 0
    yield "".join(gathered)

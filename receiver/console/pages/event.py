"""One event: what happened to it, what came, and running its jobs again."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from receiver.console import forms
from receiver.console.rendering import render
from receiver.console.state import Console
from receiver.errors import ImpossibleError
from receiver.handling import replay as replaying
from receiver.inbox import life, lookup
from receiver.inbox.jobs import SUBMISSIONS
from receiver.inbox.listing import Stored
from receiver.inbox.lookup import Whole
from receiver.submissions.library import reading

_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]")
TEXT_BYTES, HEX_BYTES, LINE_BYTES = 64 * 1024, 4096, 16
SAID: Mapping[str, str] = {
    "pending": "A replay was asked for: it gave each of the jobs all its tries again.",
    "running": "Jobs that run now were left alone: replay when they have ended.",
    "gone": "Jobs whose handlers do not exist here were left alone.",
    "instead": "The webhook came late: the jobs are those of the event that was made before.",
    "unwanted": "No handler wants this event.",
}


async def show(request: Request, console: Console) -> Response:
    """Show it."""
    whole = await _whole(request, console)
    event = whole.event
    return render(
        request, "event.html", live=any(job.state in ("pending", "running") for job in event.jobs), whole=whole,
        event=event, life=life.of(whole), handlers=console.handlers, own_work=SUBMISSIONS,
        said=[SAID[word] for word in dict.fromkeys(request.query_params.getlist("said")) if word in SAID],
        transcript=await _transcript(console, event),
        body=whole.shown,
        text=whole.shown[:TEXT_BYTES].decode("utf-8", "backslashreplace"), dump=dump(whole.shown[:HEX_BYTES]),
        text_bytes=TEXT_BYTES, hex_bytes=HEX_BYTES,
    )  # fmt: skip


async def raw(request: Request, console: Console) -> Response:
    """Return its body, byte for byte as it was signed; one of our own as its page shows it."""
    whole = await _whole(request, console)
    if whole.event.pruned_at is not None:
        raise HTTPException(404, "The body of this event was pruned.")
    name = f"event-{whole.event.key}.json"
    headers = {"content-disposition": f'attachment; filename="{name}"', "content-type": "application/octet-stream"}
    return Response(whole.shown, headers=headers)


async def replay(request: Request, console: Console) -> Response:
    """Run its jobs again: all, or that of one handler."""
    key = request.path_params["key"]
    only = (await forms.read(request)).get("handler") or None
    handlers = replaying.chosen(console.handlers, only)
    done = await console.act(lambda db: replaying.replay(db, f"@{key}", handlers, known=console.handlers))
    said = {
        "pending": done.pending, "running": done.running, "gone": done.gone and only is None,
        "instead": done.instead, "unwanted": not done.pending and not done.running,
    }  # fmt: skip
    words = "&".join(f"said={word}" for word, is_so in said.items() if is_so)
    return RedirectResponse(f"/events/{key}?{words}", 303)


async def _whole(request: Request, console: Console) -> Whole:
    key = request.path_params["key"]
    try:
        return await console.read(lambda db: lookup.whole(db, f"@{key}"))
    except ImpossibleError as exc:
        raise HTTPException(404, f"There is no event with the key {key}.") from exc


async def _transcript(console: Console, event: Stored) -> str:
    """Return the page of the transcript that an event is about; empty if none is kept."""
    source, number = event.source, event.transcription_id
    if number is None or not await console.read(lambda db: reading.is_kept(db, source, number)):
        return ""
    return f"/transcripts/{quote(source, safe='')}/{quote(number, safe='')}"


def dump(body: bytes) -> str:
    """Return bytes as lines of hexadecimal numbers, each with its place and its printable ASCII."""
    parts = ((place, body[place : place + LINE_BYTES]) for place in range(0, len(body), LINE_BYTES))
    return "\n".join(
        f"{place:08x}  {part.hex(' '):<47}  {_UNPRINTABLE.sub(b'.', part).decode()}" for place, part in parts
    )

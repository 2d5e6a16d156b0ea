"""One event: what happened to it, what came, and running its jobs again."""

import re
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from receiver.console import forms
from receiver.console.pages import transcripts
from receiver.console.pages.dead import drop_said, sentences, show_drop
from receiver.console.rendering import render
from receiver.console.state import Console
from receiver.errors import ImpossibleError
from receiver.handling import discovery
from receiver.handling import replay as replaying
from receiver.inbox import dropping, life, lookup
from receiver.inbox.dead import Filter
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
    "dropped": "What was to be dropped is dropped. Replay brings it back.",
    "left": "Some were left alone, because somebody has replayed or dropped them meanwhile.",
}


async def show(request: Request, console: Console) -> Response:
    """Show it."""
    whole = await _whole(request, console)
    event, known = whole.event, discovery.with_own(console.handlers)
    return render(
        request, "event.html", live=event.pruned_at is None, whole=whole, event=event, life=life.of(whole),
        is_going=any(job.state in ("pending", "running") for job in event.jobs), handlers=console.handlers, known=known,
        droppable={job.handler for job in event.jobs if dropping.is_droppable(job, known)} - {SUBMISSIONS},
        said=sentences(request, SAID), transcript=await _transcript(console, event),
        body=whole.safe_body,
        text=whole.safe_body[:TEXT_BYTES].decode("utf-8", "backslashreplace"), dump=dump(whole.safe_body[:HEX_BYTES]),
        text_bytes=TEXT_BYTES, hex_bytes=HEX_BYTES,
    )  # fmt: skip


async def raw(request: Request, console: Console) -> Response:
    """Return its body, byte for byte as it was signed; one of our own as its page shows it."""
    whole = await _whole(request, console)
    if whole.event.pruned_at is not None:
        raise HTTPException(404, "The body of this event was pruned.")
    name = f"event-{whole.event.key}.json"
    headers = {"content-disposition": f'attachment; filename="{name}"', "content-type": "application/octet-stream"}
    return Response(whole.safe_body, headers=headers)


async def replay(request: Request, console: Console) -> Response:
    """Run its jobs again: all, or that of one handler."""
    key = request.path_params["key"]
    only = (await forms.read(request)).get("handler") or None
    handlers = replaying.chosen(console.handlers, only)
    done = await console.act(lambda db: replaying.replay(db, _name(request), handlers, known=console.handlers))
    said = {
        "pending": done.pending, "running": done.running, "gone": done.gone and only is None,
        "instead": done.instead, "unwanted": not done.pending and not done.running,
    }  # fmt: skip
    console.changes.note()
    words = "&".join(f"said={word}" for word, is_so in said.items() if is_so)
    return RedirectResponse(f"/events/{key}?{words}", 303)


async def ask_drop(request: Request, console: Console) -> Response:
    """Show which of its jobs would be dropped: that of one handler, or all that have not ended well."""
    event, path = (await _whole(request, console)).event, request.url.path
    return await show_drop(
        request, console, _of_handler(request.query_params), act=path, back=path.removesuffix("/drop"),
        event=_name(request), about=event.title or event.id,
    )  # fmt: skip


async def drop(request: Request, console: Console) -> Response:
    """Drop no more of its jobs than the page has said."""
    form = await forms.read(request)
    dropped = await drop_said(console, _of_handler(form), form, event=_name(request))
    left = "" if dropped.number == dropped.of else "&said=left"
    return RedirectResponse(f"/events/{request.path_params['key']}?said=dropped{left}", 303)


def _of_handler(fields: Mapping[str, str]) -> Filter:
    return Filter(handler=fields.get("handler", "").replace("\0", "").strip() or None)


def _name(request: Request) -> str:
    return f"@{request.path_params['key']}"


async def _whole(request: Request, console: Console) -> Whole:
    try:
        return await console.read(lambda db: lookup.whole(db, _name(request)))
    except ImpossibleError as exc:
        raise HTTPException(404, f"There is no event with the key {request.path_params['key']}.") from exc


async def _transcript(console: Console, event: Stored) -> str:
    """Return the page of the transcript that an event is about; empty if none is kept."""
    source, number, api_url = event.source, event.transcription_id, event.api_url
    if number is None or await console.read(lambda db: reading.find(db, source, number, api_url, ())) is None:
        return ""
    return transcripts.address(console, source, number, api_url)


def dump(body: bytes) -> str:
    """Return bytes as lines of hexadecimal numbers, each with its place and its printable ASCII."""
    parts = ((place, body[place : place + LINE_BYTES]) for place in range(0, len(body), LINE_BYTES))
    return "\n".join(
        f"{place:08x}  {part.hex(' '):<47}  {_UNPRINTABLE.sub(b'.', part).decode()}" for place, part in parts
    )

"""One transcript: what was said when, what belongs to it, and its recording."""

import asyncio
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from receiver.console.pages import transcripts
from receiver.console.pages.transcripts import moment
from receiver.console.rendering import render, with_query
from receiver.console.state import Console
from receiver.errors import ImpossibleError
from receiver.inbox import artifacts
from receiver.inbox.artifacts import Artifact
from receiver.submissions.library import reading
from receiver.submissions.library.playing import Elsewhere
from receiver.submissions.library.reading import Answer, Whole
from receiver.transcripts import Segment, Transcript, documents

SEGMENTS = 300  # of a page
NAME = 80  # characters of a title in the name of a file
MOST_WORDS = 5000  # that are shown with their own times on a page
TYPES = {
    "text": ("txt", "text/plain; charset=utf-8"), "markdown": ("md", "text/markdown; charset=utf-8"),
    "srt": ("srt", "application/x-subrip"), "vtt": ("vtt", "text/vtt; charset=utf-8"),
    "json": ("json", "application/json"), "chapters": ("chapters.json", "application/json+chapters"),
}  # fmt: skip
_MOMENT, _NUMBER = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,3})?"), re.compile(r"[0-9]{1,8}")
GONE = "No such transcript is kept here: it was not fetched yet, or `receiver prune --archive` has deleted it."


class Row(NamedTuple):
    """A segment on the page.

    Attributes:
        anchors: the moments by which an address finds it: its own, and the one that was asked for.
    """

    segment: Segment
    at: str
    anchors: Sequence[str]


class Player(NamedTuple):
    """An audio element: what it plays, and the origin that the page's policy names if it is not ours."""

    url: str
    origin: str


async def show(request: Request, console: Console) -> Response:
    """Show it, or the part of a long one in which a moment lies."""
    found = await _whole(request, console)
    transcript = await _transcript(console, found.answer)
    segments, asked = transcript.segments, request.query_params
    first, chosen = _first(segments, asked.get("t", ""), asked.get("from", ""))
    player, shown = await _player(request, found), segments[first : first + SEGMENTS]
    about = found.answer.source, found.answer.transcription_id, found.answer.api_url
    address = partial(transcripts.address, console, *about, play=asked.get("play") == "1")
    return render(
        request, "transcript.html", media="" if player is None else player.origin, found=found, answer=found.answer,
        transcript=transcript, rows=_rows(shown, chosen), clock_of=documents.clock,
        moment_of=partial(_with_moment, address()),
        player=player, elsewhere=found.elsewhere, formats=list(documents.FORMATS), path_of=_path(request),
        with_words=sum(len(segment.words) for segment in shown) <= MOST_WORDS,
        other_apis=[(api, transcripts.address(console, *about[:2], api)) for api in found.apis if api != about[2]],
        earlier=address(first=max(0, first - SEGMENTS)) if first else "",
        later=address(first=first + SEGMENTS) if first + SEGMENTS < len(segments) else "",
        play=f"{address(play=True)}#player", seconds=segments[-1].end_seconds if segments else 0.0,
    )  # fmt: skip


async def download(request: Request, console: Console) -> Response:
    """Return it as a file, in one of the formats of the command `transcript`."""
    name = request.path_params["format"]
    if name not in documents.FORMATS:
        raise HTTPException(404, f"There is no format {name}: there are {', '.join(documents.FORMATS)}.")
    found = await _answer(request, console)
    transcript = await _transcript(console, found)
    text = await asyncio.to_thread(documents.written, transcript, name, cues=console.configured.cues)
    ending, kind = TYPES[name]
    file = f"{_safe(found.title or '') or found.source}-{_safe(found.transcription_id)}.{ending}"
    plain = file.encode("ascii", "ignore").decode().lstrip("-")
    names = f"filename=\"{plain}\"; filename*=UTF-8''{quote(file)}"
    headers = {"content-disposition": f"attachment; {names}", "content-type": kind}
    return Response(text.encode(errors="replace"), headers=headers)


def _safe(text: str) -> str:
    """Return a text as a part of a file's name: letters, their marks and digits, with - between words."""
    kept = "".join(c if c == "_" or unicodedata.category(c)[0] in "LMN" else " " for c in text)
    return "-".join(kept.split())[:NAME]


async def _whole(request: Request, console: Console) -> Whole:
    found = await console.read(partial(reading.whole, **_asked(request, console)))
    if found is None:
        raise HTTPException(404, GONE)
    return found


async def _transcript(console: Console, answer: Answer) -> Transcript:
    found = await console.transcripts.read(answer, console.read)
    if found is None:
        raise HTTPException(404, GONE)
    return found


async def _answer(request: Request, console: Console) -> Answer:
    found = await console.read(partial(reading.find, **_asked(request, console)))
    if found is None:
        raise HTTPException(404, GONE)
    return found[0]


def _asked(request: Request, console: Console) -> dict[str, Any]:
    source, transcription_id = request.path_params["source"], request.path_params["id"]
    return {
        "source": source, "transcription_id": transcription_id, "api_url": request.query_params.get("api") or None,
        "usual": transcripts.usual_apis(console, source),
    }  # fmt: skip


def _path(request: Request) -> Any:
    """Return what makes an address below the transcript's."""
    api = request.query_params.get("api", "")

    def path(name: str, part: object) -> str:
        base = request.url.path.rstrip("/")
        return with_query(f"{base}/{name}/{part}", {"api": api})

    return path


def _first(segments: Sequence[Segment], t: str, number: str) -> tuple[int, tuple[int, str] | None]:
    """Return the first segment of the page, and where on it an asked moment lies, with that as addresses name it."""
    if _MOMENT.fullmatch(t) and segments:
        at = float(t)
        index = max(0, bisect_right([segment.start_seconds for segment in segments], at) - 1)
        return index // SEGMENTS * SEGMENTS, (index % SEGMENTS, moment(at))
    if _NUMBER.fullmatch(number) and int(number) < len(segments):
        return int(number), None
    return 0, None


def _with_moment(address: str, seconds: float) -> str:
    """Return the address of a moment of the transcript at an address."""
    at = moment(seconds)
    return f"{address}{'&' if '?' in address else '?'}t={at}#t={at}"


def _rows(segments: Sequence[Segment], chosen: tuple[int, str] | None) -> list[Row]:
    rows, known = list[Row](), set[str]()
    for number, segment in enumerate(segments):
        wanted = [moment(segment.start_seconds)]
        if chosen is not None and chosen[0] == number:
            wanted.append(chosen[1])
        rows.append(Row(segment, wanted[0], [at for at in dict.fromkeys(wanted) if at not in known]))
        known.update(wanted)
    return rows


async def _player(request: Request, found: Whole) -> Player | None:
    """Return the player: of a file that lies here, or of another host after a person has said so."""
    here = await asyncio.to_thread(_first_here, found.files)
    if here is not None:
        return Player(f"/submissions/{quote(found.submission or '')}/artifacts/{quote(here.name, safe='')}", "")
    if isinstance(found.elsewhere, Elsewhere) and request.query_params.get("play") == "1":
        return Player(found.elsewhere.url, found.elsewhere.origin)
    return None


def _first_here(files: Sequence[Artifact]) -> Artifact | None:
    """Return the first of some files that lies in a bucket, or on this machine as it was fetched. This blocks."""
    for file in files:
        if file.in_bucket:
            return file
        with suppress(ImpossibleError):
            artifacts.stored(file)
            return file
    return None

"""All that was said: a search, and without words the list of transcripts."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from receiver.console.rendering import render, with_query
from receiver.console.state import Console
from receiver.errors import ImpossibleError
from receiver.submissions.library import keys, listing, searching
from receiver.submissions.library.keys import Key
from receiver.submissions.library.searching import Among
from receiver.transcripts import documents

PATH = "/transcripts"
ROWS, HITS = 50, 20
SINCE: Mapping[str, timedelta] = {f"{days}d": timedelta(days=days) for days in (1, 7, 30, 90, 365)}


async def show(request: Request, console: Console) -> Response:
    """Show what a search has found, or else the transcripts, newest first."""
    asked = {name: request.query_params.get(name, "").strip() for name in ("q", "title", "source", "since")}
    given = request.query_params.get("before", "")
    before = keys.read(given) or keys.NEWEST
    said, found = "", dict[str, Any]()
    try:
        found = await _found(console, asked, before)
    except ImpossibleError as exc:
        said = f"{str(exc)[0].upper()}{str(exc)[1:]}."
    further = found.pop("further", None)
    return render(
        request, "transcripts.html", status=400 if said else 200, said=said, asked=asked, since=list(SINCE),
        is_first=before == keys.NEWEST, filtered=any(asked.values()), first=with_query(PATH, asked),
        further="" if further is None else with_query(PATH, asked | {"before": str(further)}),
        sources=sorted({account.source for account in console.configured.accounts}),
        address=partial(address, console), clock_of=documents.clock,
        **({"rows": None, "hits": None, "not_indexed": ""} | found),
    )  # fmt: skip


def address(
    console: Console, source: str, transcription_id: str, api_url: str, seconds: float | None = None,
    *, play: bool = False, first: int | None = None,
) -> str:  # fmt: skip
    """Return the address of a transcript: at a moment, or from a segment on, or with the player of another host."""
    at = "" if seconds is None else moment(seconds)
    api = "" if api_url in usual_apis(console, source) else api_url
    path = f"{PATH}/{quote(source, safe='')}/{quote(transcription_id, safe='')}"
    found = with_query(path, {"api": api, "play": "1" if play else "", "from": first, "t": at})
    return f"{found}#t={at}" if at else found


def usual_apis(console: Console, source: str) -> set[str]:
    """Return the API URLs of the accounts of a source."""
    return {account.api_url for account in console.configured.accounts if account.source == source}


def moment(seconds: float) -> str:
    """Return a moment of a recording as addresses name it: in seconds, to a thousandth."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


def _among(asked: Mapping[str, str]) -> Among:
    """Return which transcripts are meant.

    Raises:
        ImpossibleError: a filter cannot be looked for.
    """
    if asked["since"] and asked["since"] not in SINCE:
        raise ImpossibleError(f"there is no such length of time here: take one of {', '.join(SINCE)}")
    return Among(
        title=asked["title"] or None, source=asked["source"] or None,
        since=SINCE[asked["since"]] if asked["since"] else None,
    )  # fmt: skip


async def _found(console: Console, asked: Mapping[str, str], before: Key) -> dict[str, Any]:
    """Return the hits of a search, or the rows of the list.

    Raises:
        ImpossibleError: that cannot be looked for.
    """
    among, waiting = _among(asked), await console.read(searching.waiting)
    if asked["q"]:
        look = partial(searching.search, words=asked["q"], among=among, before=before, limit=HITS)
        return (await console.read(look))._asdict() | {"not_indexed": searching.not_indexed(waiting)}
    rows, further = await console.read(partial(listing.transcripts, among=among, before=before, limit=ROWS))
    return {"rows": rows, "further": further, "not_indexed": searching.not_indexed(waiting)}

"""Transcripts by their address: `transcript://source/id`, as plain text, part by part."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from mcp_types import Resource, ResourceTemplate

from receiver.assistants import arguments, transcripts
from receiver.assistants.harmless import shown, shown_or_none
from receiver.assistants.state import State
from receiver.assistants.transcripts import MOST_PART, Reading
from receiver.errors import ImpossibleError
from receiver.submissions.library import keys, listing
from receiver.submissions.library.keys import NEWEST, Key
from receiver.transcripts import documents

SCHEME = "transcript"
TYPE = "text/plain"
PAGE = 50
TEMPLATE = ResourceTemplate(
    name="transcript", uri_template=f"{SCHEME}://{{source}}/{{id}}{{?t,offset,api}}", mime_type=TYPE,
    description=(
        f"A transcript, at most {MOST_PART:,} characters of it: from its beginning, from the second `t` of the "
        "recording, or from the character `offset` on. `api` says of which API, where several have this id."
    ),
)  # fmt: skip
LONGEST = 2000
NAMES = {"t": "at_seconds", "offset": "offset", "api": "api_url"}
_ADDRESS = re.compile(r"[\x21-\x7e]*")


async def newest(state: State, cursor: str | None) -> tuple[Sequence[Resource], str | None]:
    """Return a page of the transcripts, the newest first, and the cursor of the next page.

    Raises:
        ImpossibleError: the cursor is none of ours.
    """
    before = NEWEST if cursor is None else _key(cursor)
    rows, further = await state.read(partial(listing.transcripts, before=before, limit=PAGE))
    found = [
        Resource(
            uri=transcripts.address(state, row.source, row.transcription_id, row.api_url),
            name=shown(f"{row.source}/{row.transcription_id}"), title=shown_or_none(row.title),
            description=f"{documents.clock(row.seconds)}, of {row.at:%Y-%m-%d}", mime_type=TYPE,
        )
        for row in rows
    ]  # fmt: skip
    return found, None if further is None else str(further)


async def read(state: State, uri: str) -> str:
    """Return a part of a transcript as text, with where the next part is.

    Raises:
        ImpossibleError: there is no such transcript.
    """
    part = await transcripts.get_transcript(state, _read(uri))
    head = f"{part.title or 'A transcript'} ({part.source}/{part.id})\n{arguments.NOTICE}\n\n"
    if part.next_offset is None:
        return f"{head}{part.text}\n"
    further = transcripts.address(state, part.source, part.id, part.api_url, offset=part.next_offset)
    return f"{head}{part.text.rstrip()}\n\n({part.characters - part.next_offset:,} characters follow: read {further})\n"


def _read(uri: str) -> Reading:
    """Return what an address asks for.

    Raises:
        ImpossibleError: it is no address of a transcript.
    """
    wrong = ImpossibleError(f"there is no such resource: write {SCHEME}://source/id, as search_transcripts gives it")
    if len(uri) > LONGEST or not _ADDRESS.fullmatch(uri):
        raise wrong
    try:
        parts = urlsplit(uri)
        given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), max_num_fields=5))
    except ValueError:
        raise wrong from None
    source, name = unquote(parts.netloc), unquote(parts.path.removeprefix("/"))
    if parts.scheme != SCHEME or not source or not name or given.keys() - NAMES.keys():
        raise wrong
    values: dict[str, Any] = {NAMES[key]: value for key, value in given.items()}
    return arguments.read(Reading, {"source": source, "id": name, "limit": MOST_PART} | values)


def _key(cursor: str) -> Key:
    key = keys.read(cursor)
    if key is None:
        raise ImpossibleError("cursor: give that of an answer as it is, or leave it out")
    return key

"""What was said: search it, read a transcript part by part, and get timestamps that are ready to paste."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from urllib.parse import quote, urlencode

from pydantic import Field, model_validator

from receiver.assistants.arguments import Answer, Arguments, Name, Part, Since, Text, since
from receiver.assistants.harmless import MORE, lines, shown, shown_or_none, spoken
from receiver.assistants.state import State
from receiver.assistants.writing import cut, place, written
from receiver.errors import ImpossibleError
from receiver.providers import archive
from receiver.submissions.library import keys, listing, reading, searching
from receiver.submissions.library.keys import Key
from receiver.submissions.library.reading import Answer as Kept
from receiver.submissions.library.searching import Among, Hit
from receiver.transcripts import Timestamps, Transcript, documents

PART, MOST_PART = 20_000, 50_000  # characters of a transcript
HITS, MOST_HITS = 10, 30
TEXT = 10_000  # characters of one kind of timestamps
TEXTS = 40_000  # of all of them
CHAPTERS, SUMMARY, WARNINGS = 100, 300, 10


class Search(Arguments):
    """What is searched for, and where."""

    words: Text = Field(
        default="",
        description=(
            'Words that were said, in any form: rates means rate too. "a phrase" in quotes, `or`, and -word for what '
            "must not be there. All must stand in half a minute, so two or three are best. Empty: list the transcripts."
        ),
    )
    title: Name | None = Field(default=None, description="Only transcripts with this text in their title.")
    source: Name | None = Field(default=None, description="Only those of a source, such as transcribe.so.")
    since: Since | None = None
    limit: int = Field(default=HITS, ge=1, le=MOST_HITS)
    cursor: Text | None = Field(default=None, description="`next` of the answer before, to go on there.")


class Found(Part):
    """A passage in which the words were said, or a transcript of the list.

    Attributes:
        uri: opens the transcript there.
    """

    uri: str = Field(description="The resource that opens the transcript at this moment.")
    source: str
    id: str
    api_url: str
    title: str | None
    ended_at: datetime = Field(description="When the transcription ended.")
    seconds: float = Field(description="The moment in the recording; of a transcript in a list, how long it is.")
    clock: str = Field(description="The same as h:mm:ss.")
    speaker: str | None = None
    text: str = Field(default="", description="What was said around the words.")


class Hits(Answer):
    """What a search has found, the newest transcripts first."""

    found: Sequence[Found]
    next: str | None = Field(description="The cursor for more; null if there are no more.")
    not_indexed: int = Field(description="Transcripts that are kept and cannot be searched yet.")


class Which(Arguments):
    """Which transcript."""

    source: Name = Field(description="Its source, such as transcribe.so.")
    id: Name = Field(description="The id of its transcription or submission.")
    api_url: Name | None = Field(default=None, description="Of which API, where several have this id.")


class Reading(Which):
    """Which part of it."""

    offset: int = Field(default=0, ge=0, description="Begin at this character: `next_offset` of the part before.")
    at_seconds: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="Begin at this moment of the recording instead."
    )
    limit: int = Field(default=PART, ge=1000, le=MOST_PART, description="Characters at most.")

    @model_validator(mode="after")
    def _one_beginning(self) -> "Reading":
        # Assistants fill defaults in: an offset of 0 says nothing.
        if self.offset and self.at_seconds is not None:
            raise ValueError("offset and at_seconds each say where to begin: give one of them")
        return self


class Read(Answer):
    """A part of a transcript."""

    uri: str
    source: str
    id: str
    api_url: str
    other_api_urls: Sequence[str] = Field(description="Other APIs that have a transcript of this id.")
    title: str | None
    language: str | None
    ended_at: datetime | None
    seconds: float | None = Field(description="How long the recording is.")
    offset: int
    characters: int = Field(description="Of the whole text.")
    next_offset: int | None = Field(description="Where the next part begins; null at the end.")
    text: str = Field(description="Lines of `[h:mm:ss] speaker: what was said`.")


class OfFormat(Which):
    """Which timestamps."""

    format: Name | None = Field(default=None, description="Only this format, such as youtube.")
    style: Name | None = Field(default=None, description="Only this style, such as punchy.")


class Pasted(Part):
    """Timestamps of one format and style."""

    format: str
    style: str
    text: str
    is_cut: bool = Field(description="Whether the text is only a beginning, and so not to be pasted.")
    ok_to_paste: bool
    warnings: Sequence[str]


class Chapter(Part):
    """A chapter."""

    seconds: float
    clock: str
    title: str
    summary: str | None


class Stamps(Answer):
    """Timestamps that are kept of a transcript, and its chapters."""

    uri: str
    title: str | None
    timestamps: Sequence[Pasted]
    chapters: Sequence[Chapter]


def address(
    state: State, source: str, transcription_id: str, api_url: str, seconds: float = 0.0, *, offset: int = 0
) -> str:
    """Return the address of a transcript as a resource, at a moment or at a character of it."""
    given = {
        "api": "" if api_url in state.usual_apis(source) else api_url,
        "t": f"{seconds:.3f}".rstrip("0").rstrip(".") if seconds else "", "offset": str(offset) if offset else "",
    }  # fmt: skip
    values = urlencode({name: value for name, value in given.items() if value})
    path = f"transcript://{quote(source, safe='')}/{quote(transcription_id, safe='')}"
    return f"{path}?{values}" if values else path


async def search_transcripts(state: State, asked: Search) -> Hits:
    """Return the passages in which the words were said; without words the transcripts."""
    before = keys.NEWEST if asked.cursor is None else keys.read(asked.cursor)
    if before is None:
        raise ImpossibleError("cursor: give `next` of an answer as it is, or leave it out")
    among = Among(title=asked.title, source=asked.source, since=since(asked.since))
    waiting = await state.read(searching.waiting)
    found, further, read_to = await (_hits if asked.words else _listed)(state, asked, among, before)
    more = None
    if read_to is not None:
        more = f"everything back to {read_to:%Y-%m-%d} was looked through: pass `next` as `cursor` to look further back"
    elif further is not None:
        more = "there are more: pass `next` as `cursor`"
    return Hits(found=found, next=None if further is None else str(further), not_indexed=waiting, more=more)


async def get_transcript(state: State, asked: Reading) -> Read:
    """Return a part of a transcript."""
    kept, apis = await find(state, asked)
    transcript = await content(state, kept)
    text, starts = written(transcript)
    offset = asked.offset if asked.at_seconds is None else place(starts, asked.at_seconds)
    if offset > len(text):
        raise ImpossibleError(f"offset: the text has {len(text)} characters")
    part = cut(text, offset, asked.limit)
    end = offset + len(part)
    more = None if end >= len(text) else f"{len(text) - end} characters follow: call again with offset {end}"
    about = kept.source, kept.transcription_id, kept.api_url
    return Read(
        uri=address(state, *about), source=about[0], id=about[1], api_url=about[2],
        other_api_urls=[api for api in apis if api != kept.api_url][:10],
        title=shown_or_none(kept.title), language=shown_or_none(kept.language), ended_at=kept.ended_at,
        seconds=kept.seconds, offset=offset, characters=len(text), next_offset=None if more is None else end,
        text=part, more=more,
    )  # fmt: skip


async def get_timestamps(state: State, asked: OfFormat) -> Stamps:
    """Return the timestamps that are kept of a transcript, and its chapters."""
    kept, _ = await find(state, asked)
    transcript = await content(state, kept)
    stamps = await state.read(lambda db: archive.kept_timestamps(db, kept.key))
    fitting = [one for one in stamps if asked.format in (None, one.format) and asked.style in (None, one.style)]
    if not fitting and (asked.format or asked.style):
        there = ", ".join(f"{one.format}/{one.style}" for one in stamps) or "none"
        raise ImpossibleError(
            f"no such timestamps are kept; there are: {there}. `receiver timestamps {kept.transcription_id}` fetches "
            "some"
        )
    shown_now = list(_bounded(fitting))
    left = [f"{one.format}/{one.style}" for one in fitting[len(shown_now) :]]
    cut_off = [f"{one.format}/{one.style}" for one in shown_now if one.is_cut]
    more = [f"left out: {', '.join(left)}; ask for one with format and style"] if left else []
    if cut_off:
        whole = f"`receiver timestamps {kept.transcription_id}` prints them whole"
        more.append(f"only the first {TEXT:,} characters of {', '.join(cut_off)}: {whole}")
    more += [f"only the first {CHAPTERS} chapters"] if len(transcript.chapters) > CHAPTERS else []
    return Stamps(
        uri=address(state, kept.source, kept.transcription_id, kept.api_url), title=shown_or_none(kept.title),
        timestamps=shown_now, chapters=list(_chapters(transcript)), more="; ".join(more) or None,
    )  # fmt: skip


async def find(state: State, which: Which) -> tuple[Kept, Sequence[str]]:
    """Return the kept answer for a transcript, and the APIs that have one.

    Raises:
        ImpossibleError: none is kept.
    """
    look = partial(
        reading.find, source=which.source, transcription_id=which.id, api_url=which.api_url,
        usual=state.usual_apis(which.source),
    )  # fmt: skip
    found = await state.read(look)
    if found is None:
        raise ImpossibleError(
            f"no transcript {which.id} of {which.source} is kept here: search_transcripts lists those that are"
        )
    return found


async def content(state: State, kept: Kept) -> Transcript:
    """Return what a kept answer holds, with its title."""
    found = await state.transcripts.read(kept, state.read)
    if found is None:
        raise ImpossibleError(f"the transcript {kept.transcription_id} was deleted just now")
    return found


async def _hits(
    state: State, asked: Search, among: Among, before: Key
) -> tuple[Sequence[Found], Key | None, datetime | None]:
    look = partial(searching.search, words=asked.words, among=among, before=before, limit=asked.limit)
    found = await state.read(look)
    return [_hit(state, hit) for hit in found.hits], found.further, found.read_to


async def _listed(
    state: State, asked: Search, among: Among, before: Key
) -> tuple[Sequence[Found], Key | None, datetime | None]:
    look = partial(listing.transcripts, among=among, before=before, limit=asked.limit)
    rows, further = await state.read(look)
    found = [
        Found(
            uri=address(state, row.source, row.transcription_id, row.api_url), source=row.source,
            id=row.transcription_id, api_url=row.api_url, title=shown_or_none(row.title), ended_at=row.at,
            seconds=row.seconds, clock=documents.clock(row.seconds),
        )
        for row in rows
    ]  # fmt: skip
    return found, further, None


def _hit(state: State, hit: Hit) -> Found:
    return Found(
        uri=address(state, hit.source, hit.transcription_id, hit.api_url, hit.seconds), source=hit.source,
        id=hit.transcription_id, api_url=hit.api_url, title=shown_or_none(hit.title), ended_at=hit.at,
        seconds=hit.seconds, clock=documents.clock(hit.seconds), speaker=shown_or_none(hit.speaker),
        text=spoken("".join(part.text for part in hit.excerpt)),
    )  # fmt: skip


def _bounded(stamps: Sequence[Timestamps]) -> Iterator[Pasted]:
    left = TEXTS
    for one in stamps:
        text = lines(one.text)
        is_cut, text = len(text) > TEXT, text[:TEXT]
        if (left := left - len(text)) < 0:
            return
        yield Pasted(
            format=shown(one.format, 60), style=shown(one.style, 60), text=text, is_cut=is_cut,
            ok_to_paste=one.ok_to_paste and not is_cut,
            warnings=[*map(shown, one.warnings[:WARNINGS]), *([MORE] if len(one.warnings) > WARNINGS else [])],
        )  # fmt: skip


def _chapters(transcript: Transcript) -> Iterator[Chapter]:
    for one in transcript.chapters[:CHAPTERS]:
        at = one.start_seconds if math.isfinite(one.start_seconds) else 0.0
        summary = shown_or_none(one.summary, SUMMARY)
        yield Chapter(seconds=at, clock=documents.clock(at), title=shown(one.title), summary=summary)

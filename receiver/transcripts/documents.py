"""Write a transcript as Markdown, as the chapters file of Podcasting 2.0, or in any of `FORMATS`. Pure.

Markdown: the spoken text is untrusted, so every character with a meaning in Markdown is escaped, and what GitHub,
Obsidian or Hugo read besides: formulas, comments (`%%`), marks, ends of blocks, templates. At the start of a line, the
beginning of a list or an underline is escaped too. A mention (`@name`) and the name of an emoji (`:x:`) are found in
what Markdown has become, where no escape is left, so a space without width breaks them. Every CommonMark or GitHub
renderer shows the text as it was spoken.

Chapters: seconds, in ascending order. An unknown field is left out and never null, according to
https://github.com/Podcastindex-org/podcast-namespace/blob/main/docs/examples/chapters/jsonChapters.md.
"""

import json
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from receiver.transcripts import subtitles
from receiver.transcripts.model import Chapter, QnA, Segment, Transcript

PODCAST_CHAPTERS_VERSION = "1.2.0"

# Code, emphasis, links, HTML, headings, strike-through; the templates that Hugo runs (`{{`) or Templater (`<%`); ends
# of blocks, comments and marks of Obsidian; formulas; entities; addresses that GitHub turns into links.
_INLINE = re.compile(
    r"[\\`*_\[\]<>#~{$^]|%(?=%)|(?<=[<%])%|=(?==)|(?<==)=|&(?=#?\w+;)|:(?=//)|(?<=www)\."
    r"|(?P<calls>(?<![a-z0-9_])@(?=[a-z0-9])|:(?=[a-z0-9_+-]{1,60}:)(?!(?!100:|1234:)[0-9]+:))",  # no time of day
    re.IGNORECASE,
)
_BREAK = "&#8203;"  # a space without width
_FIRST = re.compile(r"^([0-9]{0,9})(?=[-+=.)])")  # the beginning of a list, a rule or an underline
# Controls that are not white space, and halves of surrogate pairs, which UTF-8 cannot write.
_UNWRITABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]")


def clock(seconds: float) -> str:
    """Return a time as H:MM:SS, rounded down. A negative or infinite time becomes 0:00:00."""
    whole = int(seconds) if math.isfinite(seconds) and seconds > 0 else 0
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}"


def markdown(transcript: Transcript, *, title: str | None = None) -> str:
    """Return the transcript as Markdown: the title, the chapters with their text, the questions.

    `title` replaces the transcript's own title. A segment belongs to the chapter in which it starts; earlier segments
    come before the first chapter. Without chapters there are only paragraphs. An empty transcript gives "".
    """
    blocks = [*_title(title or transcript.title), *_body(transcript), *_questions(transcript.qna)]
    return "\n\n".join(blocks) + "\n" if blocks else ""


def podcast_chapters(transcript: Transcript, *, title: str | None = None) -> dict[str, Any]:
    """Return the chapters in the format of Podcasting 2.0 (`application/json+chapters`).

    `title` is the episode's title, by default the transcript's. A chapter without a finite start is left out. So is an
    end that is not after its start.
    """
    title = title or transcript.title
    named = {"title": _line(title)} if title and _line(title) else {}
    chapters = sorted((c for c in transcript.chapters if math.isfinite(c.start_seconds)), key=_start)
    return {"version": PODCAST_CHAPTERS_VERSION, **named, "chapters": [_podcast_chapter(c) for c in chapters]}


def fields(transcript: Transcript) -> dict[str, Any]:
    """Return the fields of a transcript's JSON. A segment without timed words has no `words`."""
    found = asdict(transcript)
    for segment in found["segments"]:
        if not segment["words"]:
            del segment["words"]
    return {"title": transcript.title, "text": transcript.text, **found}


# --- Markdown --------------------------------------------------------------------------------------------------------


def _title(title: str | None) -> Iterator[str]:
    if title and _line(title):
        yield f"# {_escaped(title)}"


def _body(transcript: Transcript) -> Iterator[str]:
    chapters = sorted(transcript.chapters, key=_start)
    before, *parts = _parts(transcript.segments, [_start(chapter) for chapter in chapters])
    yield from _paragraphs(before)
    for chapter, part in zip(chapters, parts, strict=True):
        yield f"## [{clock(chapter.start_seconds)}] {_escaped(chapter.title)}".rstrip()
        if chapter.summary and _line(chapter.summary):
            yield _escaped(chapter.summary)
        yield from _paragraphs(part)


def _parts(segments: Iterable[Segment], starts: Sequence[float]) -> list[list[Segment]]:
    """Return the segments before the first start, and then those from each start to the next."""
    parts: list[list[Segment]] = [[] for _ in range(len(starts) + 1)]
    for segment in segments:
        parts[bisect_right(starts, max(0.0, segment.start_seconds))].append(segment)
    return parts


def _paragraphs(segments: Iterable[Segment]) -> Iterator[str]:
    """Yield a paragraph for each speaker's turn."""
    spoken = (segment for segment in segments if _line(segment.text))
    for speaker, turn in groupby(spoken, key=lambda segment: _line(segment.speaker or "")):
        text = _escaped(" ".join(segment.text for segment in turn))
        yield f"**{_escaped(speaker)}:** {text}" if speaker else text


def _questions(qna: Iterable[QnA]) -> Iterator[str]:
    pairs = [pair for pair in qna if _line(pair.question)]
    if pairs:
        yield "## Questions"
    for pair in pairs:
        yield f"**{_escaped(pair.question)}**"
        if _line(pair.answer):
            yield _escaped(pair.answer)


def _escaped(text: str) -> str:
    return _FIRST.sub(r"\1\\", _INLINE.sub(_told_apart, _line(text)))


def _told_apart(found: re.Match[str]) -> str:
    return f"{found[0]}{_BREAK}" if found["calls"] else f"\\{found[0]}"


# --- Podcasting 2.0 --------------------------------------------------------------------------------------------------


def _podcast_chapter(chapter: Chapter) -> dict[str, Any]:
    found: dict[str, Any] = {"startTime": _seconds(_start(chapter))}
    if _line(chapter.title):
        found["title"] = _line(chapter.title)
    end = chapter.end_seconds
    if end is not None and math.isfinite(end) and _seconds(end) > found["startTime"]:
        found["endTime"] = _seconds(end)
    return found


def _seconds(seconds: float) -> float:
    """Return a time in milliseconds' precision. A whole number becomes an integer, so that JSON shows 94, not 94.0."""
    rounded = round(seconds, 3)
    return int(rounded) if rounded == int(rounded) else rounded


# --- both ------------------------------------------------------------------------------------------------------------


def _start(chapter: Chapter) -> float:
    return max(0.0, chapter.start_seconds)  # in this order of the arguments, NaN becomes 0 too


def _line(text: str) -> str:
    return " ".join(_UNWRITABLE.sub("", text).split())


# --- every format ----------------------------------------------------------------------------------------------------


def written(transcript: Transcript, name: str, *, cues: str | None = None) -> str:
    """Return the transcript in one of `FORMATS`; `cues` are those of subtitles, see `subtitles.srt`."""
    return WITH_CUES[name](transcript, cues=cues) if name in WITH_CUES else FORMATS[name](transcript)


def _json(transcript: Transcript) -> str:
    return json.dumps(fields(transcript), indent=2)


# The formats that consist of cues.
WITH_CUES = {"srt": subtitles.srt, "vtt": subtitles.vtt}

# Each format under its name in `--format`.
FORMATS: Mapping[str, Callable[[Transcript], str]] = {
    "text": lambda transcript: transcript.text,
    "markdown": markdown,
    **WITH_CUES,
    "json": _json,
    "chapters": lambda transcript: json.dumps(podcast_chapters(transcript), indent=2),
}

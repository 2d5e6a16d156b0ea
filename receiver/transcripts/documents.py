"""A transcript as something to read or to publish: Markdown, the chapters file of Podcasting 2.0, and `FORMATS`. Pure.

Markdown: what was said is a stranger's text, so every character that could mean something else is escaped, at the start
of a line also what would begin a list or an underline. It reads as it was said in any CommonMark or GitHub renderer.

Chapters: seconds, ascending, and what is not known is absent rather than null, as it stands in
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

# Code, emphasis, links, HTML, headings, strike-through; entities; addresses that GitHub makes links by itself.
_INLINE = re.compile(r"[\\`*_\[\]<>#~]|&(?=#?\w+;)|:(?=//)|(?<=www)\.", re.IGNORECASE)
_FIRST = re.compile(r"^([0-9]{0,9})(?=[-+=.)])")  # what begins a list, a rule or an underline
# Controls that are no white space, and halves of surrogate pairs, which UTF-8 cannot write.
_UNWRITABLE = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]")


def clock(seconds: float) -> str:
    """Return a moment as H:MM:SS, the second that it falls in; what is no time of a recording is its start."""
    whole = int(seconds) if math.isfinite(seconds) and seconds > 0 else 0
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}"


def markdown(transcript: Transcript, *, title: str | None = None) -> str:
    """Return the transcript as Markdown: the title, the chapters with what is said in each, the questions.

    The title is the transcript's own, unless another is given.
    A segment belongs to the chapter that it starts in; what is said before the first chapter stands before it. No
    chapters: paragraphs alone. Nothing at all: the empty string.
    """
    blocks = [*_title(title or transcript.title), *_body(transcript), *_questions(transcript.qna)]
    return "\n\n".join(blocks) + "\n" if blocks else ""


def podcast_chapters(transcript: Transcript, *, title: str | None = None) -> dict[str, Any]:
    """Return the chapters as Podcasting 2.0 publishes them (`application/json+chapters`), `title` being the episode's.

    It is the transcript's own, unless another is given.
    A chapter that starts at no moment of a recording is left out, and so is an end that is not after its start.
    """
    title = title or transcript.title
    named = {"title": _line(title)} if title and _line(title) else {}
    chapters = sorted((c for c in transcript.chapters if math.isfinite(c.start_seconds)), key=_start)
    return {"version": PODCAST_CHAPTERS_VERSION, **named, "chapters": [_podcast_chapter(c) for c in chapters]}


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
    """Return what is said before the first start, then from each start to the next."""
    parts: list[list[Segment]] = [[] for _ in range(len(starts) + 1)]
    for segment in segments:
        parts[bisect_right(starts, max(0.0, segment.start_seconds))].append(segment)
    return parts


def _paragraphs(segments: Iterable[Segment]) -> Iterator[str]:
    """Yield a paragraph for each speaker's turn."""
    said = (segment for segment in segments if _line(segment.text))
    for speaker, turn in groupby(said, key=lambda segment: _line(segment.speaker or "")):
        text = _escaped(" ".join(segment.text for segment in turn))
        yield f"**{_escaped(speaker)}:** {text}" if speaker else text


def _questions(qna: Iterable[QnA]) -> Iterator[str]:
    asked = [pair for pair in qna if _line(pair.question)]
    if asked:
        yield "## Questions"
    for pair in asked:
        yield f"**{_escaped(pair.question)}**"
        if _line(pair.answer):
            yield _escaped(pair.answer)


def _escaped(text: str) -> str:
    return _FIRST.sub(r"\1\\", _INLINE.sub(r"\\\g<0>", _line(text)))


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
    """Return the time to a millisecond, as an integer where it is whole: JSON then shows 94, not 94.0."""
    rounded = round(seconds, 3)
    return int(rounded) if rounded == int(rounded) else rounded


# --- both ------------------------------------------------------------------------------------------------------------


def _start(chapter: Chapter) -> float:
    return max(0.0, chapter.start_seconds)  # in this order, NaN is 0 too


def _line(text: str) -> str:
    return " ".join(_UNWRITABLE.sub("", text).split())


# --- every format ----------------------------------------------------------------------------------------------------


def _json(transcript: Transcript) -> str:
    return json.dumps({"title": transcript.title, "text": transcript.text, **asdict(transcript)}, indent=2)


# By the names that a person asks for them with.
FORMATS: Mapping[str, Callable[[Transcript], str]] = {
    "text": lambda transcript: transcript.text,
    "markdown": markdown,
    "srt": subtitles.srt,
    "vtt": subtitles.vtt,
    "json": _json,
    "chapters": lambda transcript: json.dumps(podcast_chapters(transcript), indent=2),
}

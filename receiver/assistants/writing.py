"""A transcript as lines of text for an assistant, and a part of them. Pure."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from receiver.assistants.harmless import shown, spoken
from receiver.transcripts import Segment, Transcript, documents

LINE_SECONDS = 30.0  # of one speaker, in one line
SPEAKER = 60  # characters


def written(transcript: Transcript) -> tuple[str, Sequence[tuple[float, int]]]:
    """Return a transcript as lines, and for each line when it begins and at which character."""
    text, starts, length = list[str](), list[tuple[float, int]](), 0
    for at, line in _lines(transcript.segments):
        starts.append((at, length))
        text.append(line)
        length += len(line) + 1
    return "\n".join(text), starts


def cut(text: str, offset: int, limit: int) -> str:
    """Return a part of a text: at most `limit` characters, up to the end of a line if that does not halve it."""
    part = text[offset : offset + limit]
    end = part.rfind("\n") + 1 if offset + limit < len(text) else 0
    return part[:end] if end > limit // 2 else part


def place(starts: Sequence[tuple[float, int]], seconds: float) -> int:
    """Return at which character the line begins in which a moment lies.

    Lines of people who talk at once need not stand in the order of their times. So it is the line before the first one
    that begins later: nothing of the moment stands before it but what is still being said.
    """
    latest = accumulate((at if math.isfinite(at) else 0.0 for at, _ in starts), max)
    number = bisect_right(list(latest), seconds) - 1
    return starts[number][1] if number > 0 else 0


def _lines(segments: Sequence[Segment]) -> Iterator[tuple[float, str]]:
    """Yield when each line begins, and the line: a speaker's turn, or half a minute of it."""
    began, speaker, said = 0.0, None, list[str]()
    for segment in segments:
        if said and (segment.speaker != speaker or not began <= segment.start_seconds < began + LINE_SECONDS):
            yield began, _line(began, speaker, said)
            said = []
        if not said:
            began, speaker = segment.start_seconds, segment.speaker
        said.append(segment.text)
    if said:
        yield began, _line(began, speaker, said)


def _line(began: float, speaker: str | None, said: Sequence[str]) -> str:
    who = "" if speaker is None else f"{shown(speaker, SPEAKER)}: "
    return f"[{documents.clock(began)}] {who}{spoken(' '.join(said))}"

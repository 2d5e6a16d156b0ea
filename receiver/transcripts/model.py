"""The content of a finished transcription, in one common shape for all sources. Pure.

Times are seconds from the start of the recording.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a segment, with its own times and, if several people speak in the segment, its own speaker."""

    start_seconds: float
    end_seconds: float
    text: str
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech. `words` is empty if the source does not time its words. `text` has all words anyway."""

    start_seconds: float
    end_seconds: float
    text: str
    speaker: str | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of the recording to which a listener might jump."""

    start_seconds: float
    title: str
    end_seconds: float | None = None
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A part that is finer than a chapter."""

    start_seconds: float
    title: str
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class QnA:
    """A question that the recording answers."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """The spoken text, its parts, and the title if it is known."""

    segments: tuple[Segment, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    sections: tuple[Section, ...] = ()
    qna: tuple[QnA, ...] = ()
    title: str | None = None

    @property
    def text(self) -> str:
        """The spoken text, a paragraph for each speaker's turn."""
        paragraphs: list[list[str]] = []
        speaker: str | None = None
        for segment in self.segments:
            if not paragraphs or segment.speaker != speaker:
                name = "" if segment.speaker is None else f"{segment.speaker}: "
                paragraphs.append([f"{name}{segment.text.strip()}"])
            else:
                paragraphs[-1].append(segment.text.strip())
            speaker = segment.speaker
        return "\n\n".join(" ".join(parts) for parts in paragraphs)


@dataclass(frozen=True, slots=True)
class Timestamps:
    """Chapter timestamps in the format of one platform, ready to paste if `ok_to_paste`."""

    format: str
    style: str
    text: str
    warnings: tuple[str, ...] = ()
    ok_to_paste: bool = False

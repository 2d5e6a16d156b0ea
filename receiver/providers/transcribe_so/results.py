"""What was said, as transcribe.so answers it, and the transcript that becomes of it, whatever is missing.

What does not say when it starts starts where the one before it ends. What is said and does not say when it ends ends
where the next one starts, and the last one where it starts.
"""

from dataclasses import replace

from pydantic import Field

from receiver.providers.transcribe_so.answers import Answer, Id, Known, Number, Parts, Said, Text
from receiver.transcripts import Chapter, QnA, Section, Segment, Transcript


class SegmentAnswer(Answer):
    """A stretch of speech."""

    start_seconds: Number = None
    end_seconds: Number = None
    text: Said = ""
    speaker: Known = None


class ChapterAnswer(Answer):
    """A chapter."""

    start_seconds: Number = None
    end_seconds: Number = None
    title: Said = ""
    summary: Known = None


class SectionAnswer(Answer):
    """A finer part."""

    start_seconds: Number = None
    end_seconds: Number = None
    title: Said = ""
    summary: Known = None


class QnAAnswer(Answer):
    """A question, and what the recording says to it."""

    question: Said = ""
    answer: Said = ""


class Result(Answer):
    """`GET /transcriptions/:id/result`. Seconds from the start of the recording; None where they are not told."""

    id: Id
    status: Text
    segments: Parts[SegmentAnswer] = Field(default_factory=list)
    chapters: Parts[ChapterAnswer] = Field(default_factory=list)
    sections: Parts[SectionAnswer] = Field(default_factory=list)
    qna: Parts[QnAAnswer] = Field(default_factory=list)

    def transcript(self) -> Transcript:
        """Return the content in our common shape."""
        growing = Growing()
        for part in (*self.segments, *self.chapters, *self.sections, *self.qna):
            growing.add(part)
        return growing.transcript()


class Growing:
    """A transcript to which one part after the other is added."""

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._chapters: list[Chapter] = []
        self._sections: list[Section] = []
        self._qna: list[QnA] = []
        self._ends: dict[type[Answer], float] = {}
        self._is_open = False

    def add(self, part: Answer) -> None:
        """Add a part behind those of its kind."""
        match part:
            case SegmentAnswer():
                start, end = self._times(part)
                if self._is_open:
                    last = self._segments[-1]
                    self._segments[-1] = replace(last, end_seconds=max(last.start_seconds, start))
                self._segments.append(Segment(start, end, part.text, part.speaker))
                self._is_open = part.end_seconds is None
            case ChapterAnswer():
                self._chapters.append(Chapter(self._times(part)[0], part.title, part.end_seconds, part.summary))
            case SectionAnswer():
                self._sections.append(Section(self._times(part)[0], part.title, part.summary))
            case QnAAnswer():
                self._qna.append(QnA(part.question, part.answer))

    def transcript(self) -> Transcript:
        """Return what was added."""
        return Transcript(tuple(self._segments), tuple(self._chapters), tuple(self._sections), tuple(self._qna))

    def _times(self, part: SegmentAnswer | ChapterAnswer | SectionAnswer) -> tuple[float, float]:
        start = self._ends.get(type(part), 0.0) if part.start_seconds is None else part.start_seconds
        end = start if part.end_seconds is None else part.end_seconds
        self._ends[type(part)] = end
        return start, end

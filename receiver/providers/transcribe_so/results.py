"""Models of transcribe.so's results, and a transcript of each, even if the result has gaps.

A part without a start starts at the end of the part before it. A segment without an end ends at the start of the next
segment. The last segment without an end ends at its own start.
"""

from dataclasses import replace

from pydantic import Field

from receiver.providers.transcribe_so.answers import Answer, Id, NumberOrNone, Objects, Text, TextOrEmpty, TextOrNone
from receiver.transcripts import Chapter, QnA, Section, Segment, Transcript


class SegmentAnswer(Answer):
    """A stretch of speech."""

    start_seconds: NumberOrNone = None
    end_seconds: NumberOrNone = None
    text: TextOrEmpty = ""
    speaker: TextOrNone = None


class ChapterAnswer(Answer):
    """A chapter."""

    start_seconds: NumberOrNone = None
    end_seconds: NumberOrNone = None
    title: TextOrEmpty = ""
    summary: TextOrNone = None


class SectionAnswer(Answer):
    """A section: a part that is finer than a chapter."""

    start_seconds: NumberOrNone = None
    end_seconds: NumberOrNone = None
    title: TextOrEmpty = ""
    summary: TextOrNone = None


class QnAAnswer(Answer):
    """A question, and the recording's answer to it."""

    question: TextOrEmpty = ""
    answer: TextOrEmpty = ""


class Result(Answer):
    """`GET /transcriptions/:id/result`. Times are seconds from the start of the recording; None if missing."""

    id: Id
    status: Text
    segments: Objects[SegmentAnswer] = Field(default_factory=list)
    chapters: Objects[ChapterAnswer] = Field(default_factory=list)
    sections: Objects[SectionAnswer] = Field(default_factory=list)
    qna: Objects[QnAAnswer] = Field(default_factory=list)

    def transcript(self) -> Transcript:
        """Return the content in our common shape."""
        growing = GrowingTranscript()
        for part in (*self.segments, *self.chapters, *self.sections, *self.qna):
            growing.add(part)
        return growing.transcript()


class GrowingTranscript:
    """A transcript that grows part by part."""

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._chapters: list[Chapter] = []
        self._sections: list[Section] = []
        self._qna: list[QnA] = []
        self._ends: dict[type[Answer], float] = {}
        self._is_open = False

    def add(self, part: Answer) -> None:
        """Add a part behind the earlier parts of its kind."""
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
        """Return the transcript of all added parts."""
        return Transcript(tuple(self._segments), tuple(self._chapters), tuple(self._sections), tuple(self._qna))

    def _times(self, part: SegmentAnswer | ChapterAnswer | SectionAnswer) -> tuple[float, float]:
        start = self._ends.get(type(part), 0.0) if part.start_seconds is None else part.start_seconds
        end = start if part.end_seconds is None else part.end_seconds
        self._ends[type(part)] = end
        return start, end

"""Models of transcribe.so's results, and a transcript of each, even if the result has gaps.

A part without a start starts at the end of the part before it. A segment without an end ends at the start of the next
segment. The last segment without an end ends at its own start.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, TypeAlias

from pydantic import Field, GetPydanticSchema, RootModel
from pydantic_core import core_schema

from receiver.providers.transcribe_so.answers import (
    UNPRINTABLE,
    Answer,
    Id,
    NumberOrNone,
    Objects,
    Text,
    TextOrEmpty,
    TextOrNone,
    parse,
)
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


def _whole_segment(*_: object) -> core_schema.CoreSchema:
    """Return what makes a `Segment` of an object without gaps. It runs no Python: a recording has twenty thousand."""
    number = core_schema.float_schema(strict=True, allow_inf_nan=False)
    text = core_schema.str_schema(strict=True, pattern=f"^[^{UNPRINTABLE}]*$")
    speaker = core_schema.with_default_schema(core_schema.nullable_schema(text), default=None)
    unread = core_schema.with_default_schema(core_schema.no_info_plain_validator_function(lambda _: ()), default=())
    schemas = {"start_seconds": number, "end_seconds": number, "text": text, "speaker": speaker, "words": unread}
    named = [core_schema.dataclass_field(name, schema) for name, schema in schemas.items()]
    arguments = core_schema.dataclass_args_schema(Segment.__name__, named, extra_behavior="ignore")
    return core_schema.dataclass_schema(Segment, arguments, list(schemas), slots=True, frozen=True)


_Whole = Annotated[Segment, GetPydanticSchema(_whole_segment)]
_Parts: TypeAlias = RootModel[list[Any]]
_PARTS: Mapping[type[Answer], type[_Parts]] = {
    SegmentAnswer: RootModel[list[Annotated[_Whole | SegmentAnswer, Field(union_mode="left_to_right")]]],
    ChapterAnswer: RootModel[list[ChapterAnswer]],
    SectionAnswer: RootModel[list[SectionAnswer]],
    QnAAnswer: RootModel[list[QnAAnswer]],
}  # fmt: skip


class GrowingTranscript:
    """A transcript that grows part by part."""

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._chapters: list[Chapter] = []
        self._sections: list[Section] = []
        self._qna: list[QnA] = []
        self._ends: dict[type[Answer], float] = {}
        self._is_open = False

    @property
    def length(self) -> int:
        """How many parts it has."""
        return len(self._segments) + len(self._chapters) + len(self._sections) + len(self._qna)

    def add_all(self, kind: type[Answer], parts: bytes) -> None:
        """Add parts of a kind: JSON objects with commas between them.

        Raises:
            ProviderUnavailable: they are no JSON objects (code `malformed_answer`).
        """
        for part in parse(_PARTS[kind], b"[%b]" % parts).root:
            self.add(part)

    def add(self, part: Answer | Segment) -> None:
        """Add a part behind the earlier parts of its kind."""
        match part:
            case Segment():
                self._add_segment(part)
                self._ends[SegmentAnswer] = part.end_seconds
            case SegmentAnswer():
                start, end = self._times(part)
                self._add_segment(Segment(start, end, part.text, part.speaker))
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

    def _add_segment(self, segment: Segment) -> None:
        if self._is_open:
            last = self._segments[-1]
            self._segments[-1] = replace(last, end_seconds=max(last.start_seconds, segment.start_seconds))
            self._is_open = False
        self._segments.append(segment)

    def _times(self, part: SegmentAnswer | ChapterAnswer | SectionAnswer) -> tuple[float, float]:
        start = self._ends.get(type(part), 0.0) if part.start_seconds is None else part.start_seconds
        end = start if part.end_seconds is None else part.end_seconds
        self._ends[type(part)] = end
        return start, end

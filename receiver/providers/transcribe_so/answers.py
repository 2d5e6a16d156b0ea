"""What transcribe.so answers: models that check what we use and keep every field that we do not know."""

import re
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, SecretStr, ValidationError

from receiver.errors import ProviderUnavailable
from receiver.transcripts import Chapter, QnA, Section, Segment, Timestamps, Transcript

Model = TypeVar("Model", bound=BaseModel)
Include: TypeAlias = Literal["chapters", "sections", "qna", "segments", "acts", "posting_chapters", "all"]

TERMINAL = frozenset({"completed", "failed", "cancelled"})
# Priced, never started: it will not become anything else.
NEVER_STARTED = "quoted"

# What could steer a terminal or reorder a line, and NUL, which PostgreSQL stores not; tab and line ends are text.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
Text = Annotated[str, AfterValidator(lambda text: _UNPRINTABLE.sub("", text))]
Id = Annotated[int, Field(strict=True, gt=0, lt=2**63)]
_SECRET = re.compile(r"[\x21-\x7e]{0,512}")


def _is_sendable(secret: SecretStr) -> SecretStr:
    if not _SECRET.fullmatch(secret.get_secret_value()):
        raise ValueError("is not at most 512 visible ASCII characters")  # PostgreSQL stores no NUL
    return secret


Secret = Annotated[SecretStr, AfterValidator(_is_sendable)]
Item = TypeVar("Item")
# An answer may hold a million items, each of them wrong; the first mistake says enough.
Items = Annotated[list[Item], FailFast()]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


class Account(_Answer):
    """`GET /me`. Money in US dollars."""

    email: Text | None = None
    wallet_balance_usd: float | None = None
    monthly_credit_remaining_usd: float | None = None
    subscription_tier: Text | None = None
    links: dict[str, Any] = Field(default_factory=dict)


class Pipeline(_Answer):
    """One of `GET /pipelines`: a model that can be asked for, and its price."""

    code: Text
    name: Text | None = None
    retail_usd_per_min: float | None = None
    retail_usd_per_hour: float | None = None
    supported_languages: Items[Text] = Field(default_factory=list)


class Pipelines(_Answer):
    """`GET /pipelines`."""

    pipelines: Items[Pipeline]


class Upload(_Answer):
    """`POST /uploads`: where to PUT the file within `expires_in` seconds. The URL is a ticket, so it is hidden."""

    upload_id: str
    upload_url: SecretStr
    expires_in: float | None = None


class TusUpload(_Answer):
    """`POST /uploads/tus`: where to upload in pieces, and the ticket for it, good for `expires_in` seconds."""

    upload_endpoint: str
    upload_token: SecretStr
    upload_metadata_key: str = "upload-token"
    expires_in: float | None = None


class Callback(_Answer):
    """The key of one transcription's own deliveries, shown once in the 202 of a request that had a `callback_url`."""

    secret: Secret | None = None


class TranscriptionStatus(_Answer):
    """`GET /transcriptions/:id`, an item of the list, `/wait`, and the 202 of a submission or a retry.

    `billed_minutes`, `retail_usd` and `callback` are in the 202 alone.
    """

    id: Id
    status: Text
    stage: Text | None = None
    progress: float | None = None
    title: Text | None = None
    duration_seconds: float | None = None
    charge_usd: float | None = None
    billed_minutes: float | None = None
    retail_usd: float | None = None
    completed_at: Text | None = None
    callback: Callback | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether it will stay as it is, unless somebody retries it."""
        return self.status in TERMINAL


class Page(_Answer):
    """`GET /transcriptions`."""

    data: Items[TranscriptionStatus]
    next_cursor: str | None = None


class Quote(_Answer):
    """`POST /quotes`. Its `transcription_id` is a row that is never started, not a job."""

    retail_usd: float
    billed_minutes: float | None = None
    transcription_id: int | None = None


class Webhook(_Answer):
    """`POST` and `GET /webhooks`. The secret is shown once; an answer without it leaves us unable to verify."""

    id: Text | int | None = None
    url: Text | None = None
    enabled: bool | None = None
    signing_secret: Secret | None = None


class _Segment(_Answer):
    start_seconds: float
    end_seconds: float
    text: Text
    speaker: Text | None = None


class _Chapter(_Answer):
    start_seconds: float
    title: Text
    end_seconds: float | None = None
    summary: Text | None = None


class _Section(_Answer):
    start_seconds: float
    title: Text
    summary: Text | None = None


class _QnA(_Answer):
    question: Text
    answer: Text


class Result(_Answer):
    """`GET /transcriptions/:id/result`. Seconds from the start of the recording."""

    id: Id
    status: Text
    segments: Items[_Segment] = Field(default_factory=list)
    chapters: Items[_Chapter] = Field(default_factory=list)
    sections: Items[_Section] = Field(default_factory=list)
    qna: Items[_QnA] = Field(default_factory=list)

    def transcript(self) -> Transcript:
        """Return the content in our common shape."""
        return Transcript(
            segments=tuple(Segment(s.start_seconds, s.end_seconds, s.text, s.speaker) for s in self.segments),
            chapters=tuple(Chapter(c.start_seconds, c.title, c.end_seconds, c.summary) for c in self.chapters),
            sections=tuple(Section(s.start_seconds, s.title, s.summary) for s in self.sections),
            qna=tuple(QnA(q.question, q.answer) for q in self.qna),
        )


class TimestampsAnswer(_Answer):
    """`GET /transcriptions/:id/timestamps`."""

    format: Text
    style: Text | None = None
    text: Text
    ok_to_paste: bool = False
    warnings: Items[Text] = Field(default_factory=list)

    def timestamps(self) -> Timestamps:
        """Return them in our common shape."""
        return Timestamps(self.format, self.style or "", self.text, tuple(self.warnings), self.ok_to_paste)


def parse(model: type[Model], answer: bytes) -> Model:
    """Return an answer's body as `model`.

    Raises:
        ProviderUnavailable: it is not what the specification says, code `malformed_answer`.
    """
    try:
        return model.model_validate_json(answer)
    except ValidationError as exc:
        places = ", ".join(".".join(map(str, e["loc"])) or "the whole" for e in exc.errors(include_input=False)[:3])
        raise ProviderUnavailable(f"the answer makes no sense at {places}", code="malformed_answer") from exc

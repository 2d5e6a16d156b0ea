"""What transcribe.so answers: models that check what we use and keep every field that we do not know.

Strict on what costs: which transcription it is and how far it is, a quote, tickets, secrets. Lax on what is only told
or shown, because speech models leave a good deal out, and what was paid for is there whatever it lacks:

    Said      null, and what is no text, is the empty one; a number is its digits
    Known     the same, but null
    Number    what is no finite number is null
    Parts     null is no part; what in it is no object is left out
"""

import json
import math
import re
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, FailFast, Field, SecretStr, ValidationError

from receiver.errors import ProviderUnavailable
from receiver.transcripts import Timestamps

Model = TypeVar("Model", bound=BaseModel)
Include: TypeAlias = Literal["chapters", "sections", "qna", "segments", "acts", "posting_chapters", "all"]

TERMINAL = frozenset({"completed", "failed", "cancelled"})
# Priced, never started: it will not become anything else.
NEVER_STARTED = "quoted"

# What could steer a terminal or reorder a line, and NUL, which PostgreSQL stores not; tab and line ends are text.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
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


def _as_text(value: object) -> str | None:
    """Return what is plainly a text, None for anything else."""
    if isinstance(value, str):
        return _UNPRINTABLE.sub("", value)
    number = _as_number(value)
    if number is None:
        return None
    return str(value) if isinstance(value, int) or not number.is_integer() else str(int(number))


def _as_number(value: object) -> float | None:
    """Return what is plainly a number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _as_parts(value: object) -> object:
    """Return the objects of a list; what is neither a list nor null stays, and is a mistake."""
    if value is None:
        return []
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else value


def _as_texts(value: object) -> object:
    """Return the texts of a list; what is neither a list nor null stays, and is a mistake."""
    if value is None:
        return []
    return [text for one in value if (text := _as_text(one)) is not None] if isinstance(value, list) else value


Said = Annotated[str, BeforeValidator(lambda value: _as_text(value) or "")]
Known = Annotated[str | None, BeforeValidator(_as_text)]
Number = Annotated[float | None, BeforeValidator(_as_number)]
Parts = Annotated[list[Item], BeforeValidator(_as_parts)]
Texts = Annotated[list[str], BeforeValidator(_as_texts)]
Yes = Annotated[bool, BeforeValidator(lambda value: value is True)]
Links = Annotated[dict[str, Any], BeforeValidator(lambda value: value if isinstance(value, dict) else {})]


class Answer(BaseModel):
    """Any answer, or a part of one."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


class MeAnswer(Answer):
    """`GET /me`. Money in US dollars."""

    email: Known = None
    wallet_balance_usd: Number = None
    monthly_credit_remaining_usd: Number = None
    subscription_tier: Known = None
    links: Links = Field(default_factory=dict)


class PipelineAnswer(Answer):
    """One of `GET /pipelines`: a model that can be asked for, and its price."""

    code: Text
    name: Known = None
    retail_usd_per_min: Number = None
    retail_usd_per_hour: Number = None
    supported_languages: Texts = Field(default_factory=list)


class Pipelines(Answer):
    """`GET /pipelines`."""

    pipelines: Items[PipelineAnswer]


class UploadAnswer(Answer):
    """`POST /uploads`: where to PUT the file within `expires_in` seconds. The URL is a ticket, so it is hidden."""

    upload_id: str
    upload_url: SecretStr
    expires_in: Number = None


class TusUploadAnswer(Answer):
    """`POST /uploads/tus`: where to upload in pieces, and the ticket for it, good for `expires_in` seconds."""

    upload_endpoint: str
    upload_token: SecretStr
    upload_metadata_key: str = "upload-token"
    expires_in: Number = None

    def metadata(self, filename: str) -> dict[str, str]:
        """Return what the upload of a file is created with, the ticket among it."""
        return {self.upload_metadata_key: self.upload_token.get_secret_value(), "filename": filename}


class CallbackAnswer(Answer):
    """The key of one transcription's own deliveries, shown once in the 202 of a request that had a `callback_url`."""

    secret: Secret | None = None


class TranscriptionStatus(Answer):
    """`GET /transcriptions/:id`, an item of the list, `/wait`, and the 202 of a submission or a retry.

    `billed_minutes`, `retail_usd` and `callback` are in the 202 alone.
    """

    id: Id
    status: Text
    stage: Known = None
    progress: Number = None
    title: Known = None
    source: Known = None
    url: Known = None
    duration_seconds: Number = None
    charge_usd: Number = None
    billed_minutes: Number = None
    retail_usd: Number = None
    created_at: Known = None
    completed_at: Known = None
    callback: CallbackAnswer | None = None

    @property
    def callback_secret(self) -> str:
        """The secret of its own deliveries as text; empty where none is told."""
        told = None if self.callback is None else self.callback.secret
        return "" if told is None else told.get_secret_value()

    @property
    def is_terminal(self) -> bool:
        """Whether it will stay as it is, unless somebody retries it."""
        return self.status in TERMINAL


class Page(Answer):
    """`GET /transcriptions`."""

    data: Items[TranscriptionStatus]
    next_cursor: Known = None


class QuoteAnswer(Answer):
    """`POST /quotes`. Its `transcription_id` is a row that is never started, not a job."""

    retail_usd: float
    billed_minutes: Number = None
    transcription_id: int | None = None


class WebhookAnswer(Answer):
    """`POST` and `GET /webhooks`. The secret is shown once; an answer without it leaves us unable to verify."""

    id: Text | int | None = None
    url: Known = None
    enabled: bool | None = None
    signing_secret: Secret | None = None

    @property
    def secret(self) -> str:
        """The signing secret as text; empty where it is not told."""
        return "" if self.signing_secret is None else self.signing_secret.get_secret_value()


class TimestampsAnswer(Answer):
    """`GET /transcriptions/:id/timestamps`."""

    format: Text
    style: Known = None
    text: Said
    ok_to_paste: Yes = False
    warnings: Texts = Field(default_factory=list)

    def timestamps(self) -> Timestamps:
        """Return them in our common shape."""
        return Timestamps(self.format, self.style or "", self.text, tuple(self.warnings), self.ok_to_paste)


def parse(model: type[Model], answer: bytes) -> Model:
    """Return an answer's body as `model`.

    Raises:
        ProviderUnavailable: it is not what the specification says, code `malformed_answer`.
    """
    try:
        try:
            return model.model_validate_json(answer)
        except ValidationError as exc:
            if exc.errors(include_input=False)[0]["type"] != "json_invalid":
                raise
            return model.model_validate_json(_repaired(answer))
    except ValidationError as exc:
        places = ", ".join(".".join(map(str, e["loc"])) or "the whole" for e in exc.errors(include_input=False)[:3])
        raise ProviderUnavailable(f"the answer makes no sense at {places}", code="malformed_answer") from exc


def _repaired(answer: bytes) -> bytes:
    """Return JSON without what is no character, such as half of a surrogate pair; what is no JSON stays as it is."""
    try:
        whole = json.loads(answer.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return answer
    return json.dumps(whole, ensure_ascii=False).encode(errors="replace")

"""Models of transcribe.so's answers: they check the fields that we use, and keep unknown fields.

The models are strict about fields that we act on: a transcription's id and status, a quote, tickets, secrets. They are
lax about fields that are only shown. Speech models leave many fields out, and a gap must not cost us a paid result:

    TextOrEmpty     null, or a value of another type, becomes ""; a number becomes its digits
    TextOrNone      the same, but None instead of ""
    NumberOrNone    a value that is not a finite number becomes None
    Objects         null becomes an empty list; an item that is not an object is dropped
    Texts           null becomes an empty list; an item that is not a text is dropped
"""

import json
import re
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, FailFast, Field, SecretStr, ValidationError

from receiver import events
from receiver.errors import ProviderUnavailable
from receiver.providers import lax
from receiver.transcripts import Timestamps

Model = TypeVar("Model", bound=BaseModel)

TERMINAL = frozenset({"completed", "failed", "cancelled"})
# The status of a quote's row: the row was priced, and will never be started.
NEVER_STARTED = "quoted"

# Characters that control a terminal or reorder a line, and NUL, which PostgreSQL cannot store. Tab and line feed stay.
UNPRINTABLE = "\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
_UNPRINTABLE = re.compile(f"[{UNPRINTABLE}]+")
Text = Annotated[str, AfterValidator(lambda text: _UNPRINTABLE.sub("", text))]
Id = Annotated[int, Field(strict=True, gt=0, lt=2**63)]
_SECRET = re.compile(r"[\x21-\x7e]{0,512}")


def _is_sendable(secret: SecretStr) -> SecretStr:
    if not _SECRET.fullmatch(secret.get_secret_value()):
        raise ValueError("is not at most 512 visible ASCII characters")  # PostgreSQL stores no NUL
    return secret


Secret = Annotated[SecretStr, AfterValidator(_is_sendable)]
Item = TypeVar("Item")
# Stop at the first mistake: an answer can hold a million wrong items.
Items = Annotated[list[Item], FailFast()]


def _as_text(value: object) -> str | None:
    """Return a string, or a number's digits; None for anything else."""
    if isinstance(value, str):
        return _UNPRINTABLE.sub("", value)
    number = lax.number(value)
    if number is None:
        return None
    return str(value) if isinstance(value, int) or not number.is_integer() else str(int(number))


def _as_objects(value: object) -> object:
    """Return the objects of a list, or [] for null. Return any other value unchanged: pydantic then refuses it."""
    if value is None:
        return []
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else value


def _as_texts(value: object) -> object:
    """Return the texts of a list, or [] for null. Return any other value unchanged: pydantic then refuses it."""
    if value is None:
        return []
    return [text for item in value if (text := _as_text(item)) is not None] if isinstance(value, list) else value


TextOrEmpty = Annotated[str, BeforeValidator(lambda value: _as_text(value) or "")]
TextOrNone = Annotated[str | None, BeforeValidator(_as_text)]
NumberOrNone = Annotated[float | None, BeforeValidator(lax.number)]
Objects = Annotated[list[Item], BeforeValidator(_as_objects)]
Texts = Annotated[list[str], BeforeValidator(_as_texts)]
IsTrue = Annotated[bool, BeforeValidator(lambda value: value is True)]
Links = Annotated[dict[str, Any], BeforeValidator(lambda value: value if isinstance(value, dict) else {})]


class Answer(BaseModel):
    """Any answer, or a part of one."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


class MeAnswer(Answer):
    """`GET /me`. Money in US dollars."""

    user_id: TextOrNone = None
    email: TextOrNone = None
    wallet_balance_usd: NumberOrNone = None
    monthly_credit_remaining_usd: NumberOrNone = None
    subscription_tier: TextOrNone = None
    links: Links = Field(default_factory=dict)

    @property
    def top_up_url(self) -> str | None:
        """The page where the balance can be topped up."""
        url = self.links.get("billing")
        return url if isinstance(url, str) else None


class PipelineAnswer(Answer):
    """An item of `GET /pipelines`: a speech model and its price."""

    code: Text
    name: TextOrNone = None
    retail_usd_per_min: NumberOrNone = None
    retail_usd_per_hour: NumberOrNone = None
    supported_languages: Texts = Field(default_factory=list)


class Pipelines(Answer):
    """`GET /pipelines`."""

    pipelines: Items[PipelineAnswer]


class UploadAnswer(Answer):
    """`POST /uploads`: the URL for a PUT of the file, for a quarter of an hour. The URL is a ticket, hence hidden."""

    upload_id: str
    upload_url: SecretStr


class TusUploadAnswer(Answer):
    """`POST /uploads/tus`: the address for an upload in pieces, and its ticket, valid for an hour."""

    upload_endpoint: str
    upload_token: SecretStr
    upload_metadata_key: str = "upload-token"

    def metadata(self, filename: str) -> dict[str, str]:
        """Return the metadata that creates the upload of a file; the ticket is part of it."""
        return {self.upload_metadata_key: self.upload_token.get_secret_value(), "filename": filename}


class CallbackAnswer(Answer):
    """The secret of one transcription's callback. Only the 202 of a request with a `callback_url` shows the secret."""

    secret: Secret | None = None


class TranscriptionStatus(Answer):
    """`GET /transcriptions/:id`, an item of the list, `/wait`, and the 202 of a submission or a retry.

    Only the 202 has `billed_minutes`, `retail_usd` and `callback`.
    """

    id: Id
    status: Text
    stage: TextOrNone = None
    progress: NumberOrNone = None
    title: TextOrNone = None
    source: TextOrNone = None
    url: TextOrNone = None
    duration_seconds: NumberOrNone = None
    charge_usd: NumberOrNone = None
    billed_minutes: NumberOrNone = None
    retail_usd: NumberOrNone = None
    created_at: TextOrNone = None
    completed_at: TextOrNone = None
    pipeline_code: TextOrNone = None
    error: Any = None
    callback: CallbackAnswer | None = None

    @property
    def callback_secret(self) -> str:
        """The callback's secret as text; empty if the answer has none."""
        secret = None if self.callback is None else self.callback.secret
        return "" if secret is None else secret.get_secret_value()

    @property
    def reason(self) -> str | None:
        """Why it failed, if that is told: the documentation does not say in which form."""
        return _as_text(self.error.get("message") if isinstance(self.error, dict) else self.error)

    @property
    def began(self) -> datetime | None:
        """When it was submitted; None if the provider does not tell."""
        return events.moment(self.created_at)

    @property
    def ended(self) -> datetime | None:
        """When it ended; None if it has not, or the provider does not tell."""
        return events.moment(self.completed_at)

    @property
    def so_far(self) -> str:
        """How far it is, in words: its stage if that is known, and its progress."""
        done = "" if self.progress is None else f", {self.progress:.0f}%"
        return f"{self.stage or self.status}{done}"

    @property
    def is_terminal(self) -> bool:
        """Whether the transcription has ended. Only a retry starts it again."""
        return self.status in TERMINAL


class Told(Answer):
    """What an event says of a transcription. Whatever the provider adds to its answer, an event can be made of this."""

    model_config = ConfigDict(extra="ignore")

    id: Id
    status: Text
    stage: TextOrNone = None
    pipeline_code: TextOrNone = None
    language: TextOrNone = None
    source: TextOrNone = None
    title: TextOrNone = None
    duration_seconds: NumberOrNone = None
    billed_seconds: NumberOrNone = None
    charge_usd: NumberOrNone = None
    completed_at: TextOrNone = None
    error: TextOrNone = None


def told(status: TranscriptionStatus) -> dict[str, Any]:
    """Return what an event says of a transcription, as JSON."""
    return Told.model_validate(status.model_dump() | {"error": status.reason}).model_dump(mode="json")


class Cursor(Answer):
    """`GET /transcriptions` without its items."""

    next_cursor: TextOrNone = None


class Page(Answer):
    """`GET /transcriptions`."""

    data: Items[TranscriptionStatus]
    next_cursor: TextOrNone = None


class QuoteAnswer(Answer):
    """`POST /quotes`. Its `transcription_id` names a row that is never started."""

    retail_usd: float
    billed_minutes: NumberOrNone = None
    transcription_id: int | None = None


class WebhookAnswer(Answer):
    """`POST` and `GET /webhooks`. The secret is shown once; without it we cannot verify the webhook's deliveries."""

    id: Text | int | None = None
    url: TextOrNone = None
    enabled: bool | None = None
    signing_secret: Secret | None = None

    @property
    def secret(self) -> str:
        """The signing secret as text; empty if the answer has none."""
        return "" if self.signing_secret is None else self.signing_secret.get_secret_value()


class TimestampsAnswer(Answer):
    """`GET /transcriptions/:id/timestamps`."""

    format: Text
    style: TextOrNone = None
    text: TextOrEmpty
    ok_to_paste: IsTrue = False
    warnings: Texts = Field(default_factory=list)

    def timestamps(self) -> Timestamps:
        """Return the timestamps in our common shape."""
        return Timestamps(self.format, self.style or "", self.text, tuple(self.warnings), self.ok_to_paste)


def parse(model: type[Model], answer: bytes) -> Model:
    """Return an answer's body as `model`.

    Raises:
        ProviderUnavailable: the answer does not follow the specification (code `malformed_answer`).
    """
    try:
        try:
            return model.model_validate_json(answer)
        except ValidationError as exc:
            if exc.errors(include_input=False)[0]["type"] != "json_invalid":
                raise
            return model.model_validate_json(_repaired(answer))
    except ValidationError as exc:
        places = ", ".join(".".join(map(str, e["loc"])) or "its top level" for e in exc.errors(include_input=False)[:3])
        raise ProviderUnavailable(f"the answer makes no sense at {places}", code="malformed_answer") from exc


def _repaired(answer: bytes) -> bytes:
    """Return JSON in which invalid characters, such as half a surrogate pair, are replaced; other bytes unchanged."""
    try:
        whole = json.loads(answer.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return answer
    return json.dumps(whole, ensure_ascii=False).encode(errors="replace")

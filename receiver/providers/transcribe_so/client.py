"""A typed client for the transcribe.so API.

Names are the provider's. Answers are pydantic models that keep fields they do not know; errors are raised by code,
see `receiver.errors`. Every call has a total deadline (httpx's timeouts are per read, and a server that sends a byte
a second never trips them), a bound on the answer's size, and follows no redirect. The key is in no repr and no log.

Source: the API reference v1 of transcribe.so, and its published command-line client 0.1.0.
"""

import asyncio
import re
from types import TracebackType
from typing import Annotated, Any, Self, TypeVar

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from receiver.errors import InvalidRequest, ProviderUnavailable, Unauthenticated
from receiver.providers.envelope import error_from
from receiver.transcripts import Chapter, QnA, Section, Segment, Timestamps, Transcript

SOURCE = "transcribe.so"
SECONDS = 30.0
ANSWER_BYTES = 64 * 1024 * 1024
RETRY_SECONDS = (1, 2, 4, 8)

Model = TypeVar("Model", bound=BaseModel)
# What could steer a terminal or reorder a line, and NUL, which PostgreSQL stores not; tab and line ends are text.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
Text = Annotated[str, AfterValidator(lambda text: _UNPRINTABLE.sub("", text))]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


class Account(_Answer):
    """`GET /me`."""

    email: str | None = None
    wallet_balance_usd: float | None = None


class Webhook(_Answer):
    """`POST /webhooks`. The secret is shown once; an answer without it leaves us unable to verify."""

    id: str | int | None = None
    signing_secret: SecretStr | None = None


class TranscriptionStatus(_Answer):
    """`GET /transcriptions/:id` and the 202 of `POST /transcriptions`."""

    id: int
    status: str
    stage: str | None = None
    title: str | None = None
    completed_at: str | None = None


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

    id: int
    status: str
    segments: list[_Segment] = Field(default_factory=list)
    chapters: list[_Chapter] = Field(default_factory=list)
    sections: list[_Section] = Field(default_factory=list)
    qna: list[_QnA] = Field(default_factory=list)

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
    warnings: list[Text] = Field(default_factory=list)

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


class TranscribeSo:
    """The API of transcribe.so for one key.

    Args:
        api_url: such as `https://transcribe.so`, without `/api/v1`.
        key: the API key; None makes every call raise `Unauthenticated`.
        retries: seconds to wait before each further try after a 5xx, a timeout or a lost connection. None in a job,
            whose own backoff retries; `RETRY_SECONDS` where a person waits.
    """

    source = SOURCE

    def __init__(
        self,
        api_url: str,
        key: SecretStr | None,
        *,
        retries: tuple[float, ...] = (),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.api_url = api_url
        self._key = key
        self._retries = retries
        self._http = httpx.AsyncClient(
            base_url=f"{api_url}/api/v1/", follow_redirects=False, timeout=SECONDS, transport=transport
        )

    def __repr__(self) -> str:
        return f"TranscribeSo({self.api_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def me(self) -> Account:
        """Return who the key belongs to."""
        return parse(Account, await self._call("GET", "me"))

    async def transcribe(
        self, url: str, *, source: str = "youtube", pipeline_code: str, language: str = "auto", idempotency_key: str
    ) -> TranscriptionStatus:
        """Submit a recording at a public address (`youtube` or `external_url`); it is charged."""
        body = {"source": source, "url": url, "pipeline_code": pipeline_code, "language": language}
        answer = await self._call("POST", "transcriptions", json=body, idempotency_key=idempotency_key)
        return parse(TranscriptionStatus, answer)

    async def get(self, transcription_id: str | int) -> TranscriptionStatus:
        """Return a transcription's metadata and status."""
        return parse(TranscriptionStatus, await self._call("GET", f"transcriptions/{_checked(transcription_id)}"))

    async def result(self, transcription_id: str | int) -> bytes:
        """Return the full result as the provider wrote it; `parse(Result, …)` reads it."""
        return await self._call("GET", f"transcriptions/{_checked(transcription_id)}/result")

    async def timestamps(self, transcription_id: str | int, format: str, *, style: str = "balanced") -> bytes:  # noqa: A002 - the provider's word
        """Return paste-ready timestamps as the provider wrote them; `parse(TimestampsAnswer, …)` reads them.

        Raises:
            NotReady: this style was never made; `available_styles` can be read for nothing.
        """
        path = f"transcriptions/{_checked(transcription_id)}/timestamps"
        return await self._call("GET", path, params={"format": format, "style": style})

    async def register_webhook(self, url: str, *, idempotency_key: str) -> Webhook:
        """Register `url`; the answer to the first request with this key within 24 h is repeated for every later one."""
        answer = await self._call("POST", "webhooks", json={"url": url}, idempotency_key=idempotency_key)
        return parse(Webhook, answer)

    async def test_webhook(self, *, idempotency_key: str) -> None:
        """Ask for a `webhook.test` delivery."""
        await self._call("POST", "webhooks/test", json={}, idempotency_key=idempotency_key)

    async def _call(
        self, method: str, path: str, *, json: Any = None, params: dict[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> bytes:  # fmt: skip
        """Send one request, again after the pauses of `retries`; returns the body of a 2xx answer."""
        key = "" if self._key is None else self._key.get_secret_value()
        # A header that cannot be sent is shown by httpx in its error, so it is never handed one.
        if not (key.isascii() and key.isprintable() and key):
            said = "cannot be sent in a header" if key else "is not set"
            raise Unauthenticated(f"TRANSCRIBE_API_KEY {said}", code="unauthenticated")
        headers = {"Authorization": f"Bearer {key}"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        request = self._http.build_request(method, path, json=json, params=params, headers=headers)
        for pause in self._retries:
            try:
                return await self._send(request)
            except ProviderUnavailable:
                await asyncio.sleep(pause)
        return await self._send(request)

    async def _send(self, request: httpx.Request) -> bytes:
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._http.send(request, stream=True)
                try:
                    body = await _read(answer)
                finally:
                    await answer.aclose()
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as exc:
            said = f"no answer in {SECONDS:g} s" if isinstance(exc, TimeoutError) else type(exc).__name__
            raise ProviderUnavailable(f"{self.api_url} does not answer: {said}", code="transport") from exc
        if answer.is_success:
            return body
        raise error_from(answer.status_code, answer.headers, body)


async def _read(answer: httpx.Response) -> bytes:
    """Return the body, bounded by its decompressed size."""
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > ANSWER_BYTES:
            raise ProviderUnavailable(f"the answer is larger than {ANSWER_BYTES} bytes", code="malformed_answer")
    return bytes(body)


def _checked(transcription_id: str | int) -> int:
    """Return the id, which goes into a path, as the positive integer that this source uses.

    Raises:
        InvalidRequest: it is none.
    """
    text = str(transcription_id)
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) < 2**63):  # noqa: PLR2004
        raise InvalidRequest("a transcription id of transcribe.so is a positive integer", code="invalid_id")
    return int(text)

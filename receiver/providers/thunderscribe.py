"""ThunderScribe: the answer to the request that is paid for is the transcript.

A file is sent before: whole, or in pieces above 10 MB. A piece does not say where it belongs: the provider adds it to
those that it has. Nothing tells what it has. So after a piece without an answer the upload begins anew, which is free:

    notes of n pieces ──▶ no notes ──piece──▶ answered: notes of n + 1 pieces
                                         ├──▶ surely not taken: notes of n pieces again
                                         └──▶ lost: no notes

Source: https://thunderscribe.ai/docs. It has two path versions for transcriptions, and uploads have the first alone.
"""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, Field, SecretStr, ValidationError, model_validator

from receiver.errors import ProviderError, ProviderUnavailable, RateLimited
from receiver.providers import bodies
from receiver.providers.budget import Budget
from receiver.providers.exchange import UNREACHABLE
from receiver.providers.openai import OpenAI, Speech
from receiver.providers.orders import Answered, KeepNotes, Limits, Media, Notes, Order, Sent, Uploaded
from receiver.providers.tokens import Tokens
from receiver.providers.tries import NO_TURN
from receiver.settings.accounts import THUNDERSCRIBE, Account

PIECE_BYTES = 8 * 1024**2
WHOLE_BYTES = 10 * 1024**2

_Name = Annotated[str, Field(pattern=r"^[!-~]{1,500}$")]  # it goes into a header
_Some = Annotated[str, Field(min_length=1)]


class Transcribe(Speech):
    """The options of ThunderScribe. Its table requires `language`, and its example does not."""

    language: _Some
    diarization: bool | None = None
    split_segments_by_speaker: bool | None = None
    min_speakers: int | None = Field(None, ge=1)
    max_speakers: int | None = Field(None, ge=1)
    num_speakers: int | None = Field(None, ge=1)
    folder_id: _Some | None = None

    @model_validator(mode="after")
    def _range(self) -> Self:
        least, most = self.min_speakers, self.max_speakers
        if least is not None and most is not None and least > most:
            raise ValueError("min_speakers must not be more than max_speakers")
        return self


class _UploadAnswer(BaseModel):
    file_id: _Name | None = None
    file_hash: _Name | None = None


class ThunderScribe(OpenAI):
    """The API of ThunderScribe.

    Args:
        path_version: which of the two paths transcriptions have.
    """

    name, variables, api_path = THUNDERSCRIBE.source, THUNDERSCRIBE, "/api"
    operations: ClassVar = {"transcription": Transcribe}
    uploads = True
    limits = Limits(most_bytes=5 * 1024**3, most_seconds=2 * 3600)

    def __init__(
        self, api_url: str, key: SecretStr | None, *, path_version: Literal["v3", "v1"] = "v3", **options: Any
    ) -> None:
        super().__init__(api_url, key, **options)
        self._path = f"{path_version}/audio/transcriptions"

    @classmethod
    def of(cls, account: Account, *, retries: tuple[float, ...], budget: Budget, tokens: Tokens) -> Self:  # noqa: ARG003 - it issues none
        """Return the client of an account, with the path version that its address names."""
        version: Literal["v3", "v1"] = "v1" if account.api_path.endswith("/v1") else "v3"
        return cls(
            account.api_url, account.key, path_version=version, account=account.name, retries=retries, budget=budget
        )

    async def upload(self, file: Media, notes: Notes, keep: KeepNotes, sent: Sent) -> Uploaded:
        """See `Source`."""
        in_pieces = file.size > WHOLE_BYTES
        at, begun = _noted(notes, file.size)
        pieces = file.pieces(PIECE_BYTES if in_pieces else WHOLE_BYTES, start=at)
        async for piece in bodies.read_apart(pieces):
            headers = {"chunked": "true"} if in_pieces else {}
            headers |= {} if begun is None else {"file-hash": begun}
            is_last = at + len(piece) >= file.size
            headers |= {"last-chunk": "true"} if in_pieces and is_last else {}
            await keep({})
            try:
                answer = await self._send(file.name, piece, headers)
            except ProviderError as exc:
                if isinstance(exc, RateLimited) or exc.code in (UNREACHABLE, NO_TURN):
                    await keep(_notes(at, begun))
                raise
            at, begun = at + len(piece), answer.file_hash
            if is_last and answer.file_id is not None:
                sent(at)
                return Uploaded(answer.file_id)
            if is_last or begun is None:
                raise ProviderUnavailable("the answer to an upload names no file", code="malformed_answer")
            await keep(_notes(at, begun))
            sent(at)
        raise AssertionError("the last piece returns or raises")

    async def _send(self, name: str, piece: bytes, headers: dict[str, str]) -> _UploadAnswer:
        raw = await self._calls.form("v1/upload", (), file=(name, piece), headers=headers)
        try:
            return _UploadAnswer.model_validate_json(raw)
        except ValidationError:  # not chained: it shows the answer
            raise ProviderUnavailable("the answer to an upload is malformed", code="malformed_answer") from None

    async def start(self, order: Order) -> Answered:
        """See `Source`."""
        fields = [*order.wishes.to_form(), ("file_id", order.file_id or "")]
        return Answered(await self._calls.form(self._path, fields, seconds=order.patience))


def _noted(notes: Notes, size: int) -> tuple[int, str | None]:
    """Return how many bytes the provider has for certain, and what it calls the upload."""
    at, begun = notes.get("sent"), notes.get("file_hash")
    return (at, begun) if isinstance(at, int) and isinstance(begun, str) and 0 < at < size else (0, None)


def _notes(at: int, begun: str | None) -> Notes:
    return {} if begun is None else {"sent": at, "file_hash": begun}

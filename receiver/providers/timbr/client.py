"""The client of Timbr's API: uploads, tasks, credit and tokens."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import replace
from pathlib import PurePath
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, SecretStr

from receiver.errors import ImpossibleError, NotFound, ProviderError, ProviderUnavailable, Unauthenticated
from receiver.providers import files, refusals
from receiver.providers.budget import Budget
from receiver.providers.calls import Calls
from receiver.providers.orders import Accepted, KeepNotes, Media, Notes, Order, Seen, Sent, Uploaded
from receiver.providers.seam import Source
from receiver.providers.timbr import answers, envelope
from receiver.providers.timbr.answers import (
    CreditAnswer,
    DeletedAnswer,
    FilesAnswer,
    TaskAnswer,
    TaskStarted,
    TokenAnswer,
    TokensAnswer,
)
from receiver.providers.timbr.wishes import Separate, Transcribe, Translate
from receiver.providers.tokens import Bearer, Issued, OwnTokens, Tokens
from receiver.settings import Account
from receiver.settings.accounts import TIMBR
from receiver.transcripts import Transcript

Model = TypeVar("Model", bound=BaseModel)

START_SECONDS = 300.0  # the longest wait for the answer to a start: the work itself comes after it
SRT = ".srt"
# The types of files that the documents name; for the others httpx has one.
TYPES = {SRT: "application/x-subrip", ".wav": "audio/wav"}
PATHS = {"transcription": "v1/transcription/", "translation": "v1/translation/", "separation": "v1/audio-separation/"}
WITH_TEXT = frozenset({"transcription", "translation"})


class Timbr(Source):
    """The API of Timbr.

    Args:
        client_id: what tokens are asked for with, beside or instead of a key; empty if the key itself is sent.
        client_secret: the client's secret, if it has one.
        tokens: keeps the token; by default for this client alone.
    """

    name, variables, api_path = TIMBR.source, TIMBR, TIMBR.api_path
    operations: ClassVar = {"transcription": Transcribe, "translation": Translate, "separation": Separate}
    takes: ClassVar = frozenset({"file"})
    refusal = staticmethod(envelope.refusal)

    def __init__(
        self, api_url: str, key: SecretStr | None, *, client_id: str = "", client_secret: SecretStr | None = None,
        tokens: Tokens | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(api_url, key, **options)
        self.has_key = key is not None or bool(client_id)
        self.has_client = bool(client_id)
        self._client_id, self._client_secret = client_id, client_secret
        self._bearer = Bearer(tokens or OwnTokens(), self._issue)

    @classmethod
    def of(cls, account: Account, *, retries: tuple[float, ...], budget: Budget, tokens: Tokens) -> Self:
        """See `Source`."""
        return cls(
            account.api_url, account.key, client_id=account.client_id, client_secret=account.client_secret,
            tokens=tokens, account=account.name, retries=retries, budget=budget,
        )  # fmt: skip

    @classmethod
    def check(cls, operation: str, file: Media | None, seconds: float | None) -> None:  # noqa: ARG003 - no length is documented
        """See `Source`."""
        of_subtitles = cls.operations[operation].of_subtitles
        if file is not None and of_subtitles != file.name.lower().endswith(SRT):
            wanted = "subtitles, a file that ends with .srt" if of_subtitles else "a recording"
            raise ImpossibleError(f"a {operation} of Timbr is made of {wanted}; {file.name} is none")

    async def upload(self, file: Media, notes: Notes, keep: KeepNotes, sent: Sent) -> Uploaded:  # noqa: ARG002 - it goes whole
        """See `Source`."""

        async def send(calls: Calls) -> bytes:
            with closing(await asyncio.to_thread(file.path.open, "rb")) as content:
                kind = TYPES.get(PurePath(file.name).suffix.lower())
                return await calls.form("v1/upload/file/", (), file=(file.name, content, kind))

        (uploaded, *_) = (await self._ask(FilesAnswer, send)).files
        sent(file.size)
        return Uploaded(uploaded.file_id, answers.moment(uploaded.expires_at))

    async def start(self, order: Order) -> Accepted:
        """See `Source`. A 401 says that nothing was done, so the same order can go with the next token."""
        fields = [("file_id", order.file_id or ""), *order.wishes.to_form()]
        seconds = min(order.patience, START_SECONDS)
        try:
            started = await self._form(TaskStarted, PATHS[order.operation], fields, is_paid=True, seconds=seconds)
        except ProviderError as exc:
            # In an answer with HTTP 200 only a number is certain to be a refusal: words about credits can praise too.
            if exc.code.startswith(envelope.GUESSED):
                unclear = ProviderUnavailable(f"the answer makes no sense: {exc.message}", code="malformed_answer")
                unclear.answer = exc.answer
                raise unclear from exc
            raise
        return Accepted(started.task_id)

    async def look(self, ids: Sequence[str]) -> Mapping[str, Seen]:
        """See `Source`."""
        seen = dict[str, Seen]()
        for task_id in ids:
            with suppress(NotFound):
                seen[task_id] = (await self._form(TaskAnswer, "v1/task/", [("task_id", task_id)])).seen()
        return seen

    @classmethod
    def text_in(cls, operation: str, names: Collection[str]) -> str | None:
        """See `Source`."""
        if operation not in WITH_TEXT:
            return None
        return next((name for name in names if name.lower().endswith(SRT)), None)

    @classmethod
    def transcript(cls, operation: str, raw: bytes) -> Transcript:  # noqa: ARG003 - all texts are SubRip
        """See `Source`."""
        return files.transcript(raw)

    async def balance(self) -> float:
        """See `Source`."""
        return (await self._ask(CreditAnswer, lambda calls: calls.send("GET", "v1/credit/"))).credit

    # --- tokens ------------------------------------------------------------------------------------------------------

    async def tokens(self) -> list[TokenAnswer]:
        """Return the tokens of the account."""
        return (await self._ask(TokensAnswer, lambda calls: calls.send("GET", "auth/token/"))).tokens

    async def renew_token(self) -> Issued:
        """Issue a token, and send it from now on.

        Raises:
            ImpossibleError: there is no client to issue it to.
        """
        if not self.has_client:
            raise ImpossibleError("a token is issued to a client: set TIMBR_CLIENT_ID and TIMBR_CLIENT_SECRET")
        return await self._bearer.renew()

    async def delete_tokens(self, tokens: Sequence[SecretStr]) -> int:
        """Delete tokens. Return how many there were."""
        body = {"api_tokens": [token.get_secret_value() for token in tokens]}
        deleted = await self._ask(DeletedAnswer, lambda calls: calls.send("POST", "auth/token/delete/", json=body))
        return deleted.deleted_count

    async def _issue(self) -> Issued:
        """Ask for a token, with the key if there is one."""
        body = {"grant_type": "client_credentials", "client_id": self._client_id}
        if self._client_secret is not None:
            body["client_secret"] = self._client_secret.get_secret_value()
        calls = replace(self._calls, needs_key=False, refusal=self._refusal_of_a_token)
        raw = await calls.send("POST", "auth/token/", json=body)
        try:
            answer = envelope.read(TokenAnswer, raw, _text(calls.key), _text(self._client_secret))
        except ProviderError as exc:
            if exc.code.startswith(envelope.GUESSED):  # nothing is paid here
                exc.code = f"http_{exc.status}"
            raise
        return Issued(answer.access_token, answer.life)

    def _refusal_of_a_token(self, status: int, headers: Mapping[str, str], body: bytes, key: str) -> ProviderError:
        return envelope.refusal(status, headers, body, key, _text(self._client_secret))

    # --- requests ----------------------------------------------------------------------------------------------------

    async def _form(
        self, kind: type[Model], path: str, fields: Sequence[tuple[str, str]], *, is_paid: bool = False, **options: Any
    ) -> Model:
        return await self._ask(kind, lambda calls: calls.form(path, fields, multipart=True, **options), is_paid=is_paid)

    async def _ask(
        self, kind: type[Model], send: Callable[[Calls], Awaitable[bytes]], *, is_paid: bool = False
    ) -> Model:
        """Send a request with the key or with a token; once more, with the next token, if that one is refused.

        What is paid for is sent once more only if the refusal is certain.
        """

        async def answer(calls: Calls) -> Model:
            raw = await send(calls)
            with refusals.carrying(raw) if is_paid else nullcontext():  # the other answers can have tokens in them
                return envelope.read(kind, raw, _text(calls.key))

        if not self.has_client:
            return await answer(self._calls)
        token = await self._bearer.token()
        try:
            return await answer(replace(self._calls, key=token))
        except Unauthenticated as exc:
            if is_paid and exc.code.startswith(envelope.GUESSED):
                raise
            token = await self._bearer.token(refused=token)
        return await answer(replace(self._calls, key=token))


def _text(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()

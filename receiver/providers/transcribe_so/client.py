"""The methods of the client: one for each endpoint of transcribe.so, under its name there."""

import asyncio
import copy
import time
from collections.abc import AsyncIterable, AsyncIterator, Collection
from dataclasses import replace
from types import TracebackType
from typing import Literal, Self

import httpx
from pydantic import SecretStr

from receiver.errors import InvalidRequest, ProviderError, ProviderUnavailable
from receiver.providers import destinations, egress, tus
from receiver.providers.budget import Budget, OwnBudget
from receiver.providers.transcribe_so.answers import (
    NEVER_STARTED,
    Include,
    MeAnswer,
    Page,
    PipelineAnswer,
    Pipelines,
    QuoteAnswer,
    TranscriptionStatus,
    TusUploadAnswer,
    UploadAnswer,
    WebhookAnswer,
    parse,
)
from receiver.providers.transcribe_so.calls import (
    ANSWER_BYTES,
    PATIENCE_IN_A_JOB,
    PATIENCE_OF_A_PERSON,
    SECONDS,
    Calls,
    answer_to,
)
from receiver.providers.transcribe_so.reading import read
from receiver.providers.transcribe_so.recording import Recording
from receiver.providers.transcribe_so.wire import a_moment_later, given, path
from receiver.settings import addresses

SOURCE = "transcribe.so"
# Without `include` the reference and the published client disagree on whether segments come along.
RESULT: tuple[Include, ...] = ("segments", "chapters", "sections", "qna")
WINDOW_SECONDS = 45  # the longest that the server holds a `/wait`
ROUND_TRIP_SECONDS = 15.0
REGENERATE_SECONDS = 150.0  # documented: 30 to 90; cut off it would be used up all the same
UPLOAD_BYTES_A_SECOND = 100_000.0  # slower than that counts as broken
PAGE_LENGTH = 200
IDLE_PAGES = 3  # that bring nothing new; then a server is holding us for ever
EARLY_SECONDS = 1.0
AFTER_EARLY_SECONDS = 5.0


class TranscribeSo:
    """The API of transcribe.so for one key.

    Every call raises a `ProviderError` where it gets no answer that it can use: see `receiver.errors`. A POST that
    starts or creates something takes an `idempotency_key` of at most 128 characters: the same for the same intention,
    however often it is tried within 24 hours. The key is in no repr and no log.

    Args:
        api_url: such as `https://transcribe.so`, with or without `/api/v1`.
        key: the API key; None makes every call raise `Unauthenticated`.
        retries: seconds to wait before each further try after a 5xx, a timeout or a lost connection. None in a job,
            whose own backoff retries; `RETRY_SECONDS` where a person waits.
        budget: what keeps us under 60 requests a minute; by default this client shares it with nobody.
        answer_bytes: how large an answer may be.
    """

    source = SOURCE

    def __init__(
        self,
        api_url: str,
        key: SecretStr | None,
        *,
        retries: tuple[float, ...] = (),
        budget: Budget | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        answer_bytes: int = ANSWER_BYTES,
    ) -> None:
        self.api_url = addresses.base(api_url, without="/api/v1")
        self.has_key = key is not None
        http = egress.client(
            base_url=f"{self.api_url}/api/v1/",
            follow_redirects=False,
            timeout=SECONDS,
            transport=transport,
            headers={"Accept-Encoding": "gzip"},
        )
        patience = PATIENCE_OF_A_PERSON if retries else PATIENCE_IN_A_JOB
        self._calls = Calls(http, key, retries, patience, budget or OwnBudget(), answer_bytes=answer_bytes)

    def __repr__(self) -> str:
        return f"TranscribeSo({self.api_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._calls.http.aclose()

    @property
    def http(self) -> httpx.AsyncClient:
        """The connections to the API, for uploads; nothing of the key is in it."""
        return self._calls.http

    def behind(self) -> "TranscribeSo":
        """Return this client for work that can wait: its requests let everybody else's go first."""
        view = copy.copy(self)
        view._calls = replace(self._calls, live=False)  # noqa: SLF001 - of our own class
        return view

    # --- the account ---------------------------------------------------------------------------------------------

    async def me(self) -> MeAnswer:
        """Return who the key belongs to, and what is left to spend."""
        return await read(MeAnswer, await self._calls.send("GET", "me"))

    async def pipelines(self) -> list[PipelineAnswer]:
        """Return the models that can be asked for, with their prices."""
        return (await read(Pipelines, await self._calls.send("GET", "pipelines"))).pipelines

    # --- uploads -------------------------------------------------------------------------------------------------

    async def create_upload(
        self, filename: str, *, content_type: str, file_size: int, idempotency_key: str | None = None
    ) -> UploadAnswer:
        """Ask for a URL to PUT a file of at most 500 MB to."""
        body = {"filename": filename, "content_type": content_type, "file_size": file_size}
        return await read(
            UploadAnswer, await self._calls.send("POST", "uploads", json=body, idempotency_key=idempotency_key)
        )

    async def put_upload(
        self, upload: UploadAnswer, content: AsyncIterable[bytes], *, content_type: str, file_size: int
    ) -> None:
        """Send a file's bytes to where `create_upload` said; neither the key nor a turn goes with it."""
        headers = {"Content-Type": content_type, "Content-Length": str(file_size)}
        url = tus.address(upload.upload_url.get_secret_value())
        api = self._calls.http.base_url
        destinations.require_allowed(url, api=api)
        request = httpx.Request("PUT", url, headers=headers, content=content)
        destinations.guard(request, api=api)
        try:
            seconds = SECONDS + file_size / UPLOAD_BYTES_A_SECOND
            await answer_to(self._calls.http, request, seconds=seconds, most=self._calls.answer_bytes)
        except ProviderError as exc:
            if exc.status is None:
                raise
            # Its own words may repeat the ticket, and are not the provider's.
            kind = InvalidRequest if 400 <= exc.status < 500 else ProviderUnavailable  # noqa: PLR2004 - client errors
            said = f"the upload server answered {exc.status}"
            raise kind(said, code=f"http_{exc.status}", status=exc.status) from None

    async def create_tus_upload(
        self, filename: str, *, file_size: int, idempotency_key: str | None = None
    ) -> TusUploadAnswer:
        """Ask for a ticket for a resumable upload of a file of at most 500 MB."""
        body = {"filename": filename, "file_size": file_size}
        answer = await self._calls.send("POST", "uploads/tus", json=body, idempotency_key=idempotency_key)
        return await read(TusUploadAnswer, answer)

    # --- transcriptions ------------------------------------------------------------------------------------------

    async def transcribe(
        self, recording: Recording, *, idempotency_key: str, callback_url: str | None = None,
        max_charge_usd: float | None = None,
        asked_before: bool = False,
    ) -> TranscriptionStatus:  # fmt: skip
        """Submit a recording; it is charged.

        Args:
            recording: what to transcribe.
            idempotency_key: the same for the same recording, so that it is charged once.
            callback_url: where this transcription's own deliveries go; the answer's `callback.secret` signs them.
            max_charge_usd: refuse with `PaymentRequired` (code `max_charge_exceeded`) rather than charge more.
            asked_before: an earlier request under this key may have been carried out, though its answer was lost.
        """
        body = recording.to_json() | given(callback_url=callback_url, max_charge_usd=max_charge_usd)
        answer = await self._calls.send(
            "POST", "transcriptions", json=body, idempotency_key=idempotency_key, asked_before=asked_before
        )
        return await read(TranscriptionStatus, answer)

    async def quote(self, recording: Recording, *, idempotency_key: str) -> QuoteAnswer:
        """Return what a recording would cost, without starting anything."""
        answer = await self._calls.send("POST", "quotes", json=recording.to_json(), idempotency_key=idempotency_key)
        return await read(QuoteAnswer, answer)

    async def list(self, *, api_only: bool = False, patiently: bool = True) -> AsyncIterator[TranscriptionStatus]:
        """Yield every transcription, newest first, none twice; without patience no page is tried for again.

        The cursor is the time of a page's last item, and several items may share it: the next page is asked for from a
        moment later, so that it overlaps, and what was seen is left out.
        """
        params = given(limit=str(PAGE_LENGTH), api_only="true" if api_only else None)
        calls = self._calls if patiently else replace(self._calls, retries=())
        seen, asked, idle = set[int](), set[str](), 0
        while True:
            page = await read(Page, await calls.send("GET", "transcriptions", params=params))
            fresh = [item for item in page.data if item.id not in seen]
            for item in fresh:
                if item.id not in seen:
                    seen.add(item.id)
                    yield item
            idle = 0 if fresh else idle + 1
            # The second is for where the overlap alone fills a page; none twice, or a server could hold us for ever.
            ahead = () if page.next_cursor is None else (a_moment_later(page.next_cursor), page.next_cursor)
            cursor = next((one for one in ahead if one not in asked), None)
            if cursor is None or idle > IDLE_PAGES:
                return
            asked.add(cursor)
            params["cursor"] = cursor

    async def get(self, transcription_id: str | int) -> TranscriptionStatus:
        """Return a transcription's metadata and status."""
        return await read(TranscriptionStatus, await self._calls.send("GET", path(transcription_id)))

    async def wait(
        self, transcription_id: str | int, *, seconds: float, include: Collection[Include] = ()
    ) -> TranscriptionStatus:
        """Return a transcription once it is terminal, or as it is when `seconds` have passed.

        The server holds each request for at most 45 s. With `include` the answer's extra fields hold those parts.

        Raises:
            InvalidRequest: it is a quote, which never starts (code `not_a_job`).
        """
        deadline, early = time.monotonic() + seconds, 0
        while True:
            began = time.monotonic()
            window = max(1, min(WINDOW_SECONDS, round(deadline - began)))
            params = given(timeout=str(window), include=",".join(include) or None)
            answer = await self._calls.send(
                "GET", path(transcription_id, "wait"), params=params, seconds=window + ROUND_TRIP_SECONDS
            )
            # What was asked to come along is not known to the model, and would be left out.
            status = parse(TranscriptionStatus, answer) if include else await read(TranscriptionStatus, answer)
            if status.status == NEVER_STARTED:
                raise InvalidRequest(f"{status.id} is a quote, not a job", code="not_a_job")
            if status.is_terminal or time.monotonic() >= deadline:
                return status
            early = early + 1 if time.monotonic() - began < EARLY_SECONDS else 0
            if early:  # a server that does not hold the request must not get all our turns
                pause = min(AFTER_EARLY_SECONDS, 0.01 * 2.0 ** min(early, 60), deadline - time.monotonic())
                await asyncio.sleep(pause)

    async def result(self, transcription_id: str | int, *, include: Collection[Include] = RESULT) -> bytes:
        """Return the full result as the provider wrote it; `read_result` reads it, or `parse(Result, …)`."""
        params = {"include": ",".join(include)}
        return await self._calls.send("GET", path(transcription_id, "result"), params=params)

    async def delete(self, transcription_id: str | int) -> None:
        """Delete a transcription, its result and its media, for ever."""
        await self._calls.send("DELETE", path(transcription_id))

    async def retry(self, transcription_id: str | int, *, idempotency_key: str) -> TranscriptionStatus:
        """Start a failed transcription again; it is charged again, from scratch."""
        answer = await self._calls.send(
            "POST", path(transcription_id, "retry"), json={}, idempotency_key=idempotency_key
        )
        return await read(TranscriptionStatus, answer)

    # --- what is made of a result --------------------------------------------------------------------------------

    async def timestamps(self, transcription_id: str | int, format: str, *, style: str = "balanced") -> bytes:  # noqa: A002 - the provider's word
        """Return paste-ready timestamps as the provider wrote them; `parse(TimestampsAnswer, …)` reads them.

        Raises:
            NotReady: this style was never made; `available_styles` can be read for nothing.
        """
        params = {"format": format, "style": style}
        return await self._calls.send("GET", path(transcription_id, "timestamps"), params=params)

    async def regenerate_timestamps(
        self, transcription_id: str | int, *, style: str = "balanced", refine_prompt: str | None = None,
        idempotency_key: str,
    ) -> bytes:  # fmt: skip
        """Make the chapters of a style anew, in 30 to 90 s; at most ten times for each transcription.

        It is asked once whatever `retries` say: an attempt whose answer is lost has been used up all the same.
        `receiver.providers.archive` counts them.
        """
        body = {"style": style} | given(refine_prompt=refine_prompt)
        return await replace(self._calls, retries=()).send(
            "POST", path(transcription_id, "timestamps/regenerate"), json=body, idempotency_key=idempotency_key,
            seconds=REGENERATE_SECONDS,
        )  # fmt: skip

    async def subtitles(
        self, transcription_id: str | int, format: Literal["srt", "vtt", "vtt-karaoke", "json"] = "srt"  # noqa: A002 - the provider's word
    ) -> bytes:  # fmt: skip
        """Return subtitles that the provider made, as it wrote them."""
        return await self._calls.send("GET", path(transcription_id, "subtitles"), params={"format": format})

    # --- webhooks ------------------------------------------------------------------------------------------------

    async def register_webhook(self, url: str, *, idempotency_key: str, asked_before: bool = False) -> WebhookAnswer:
        """Register `url`; the answer to the first request with this key within 24 h is repeated for every later one."""
        answer = await self._calls.send(
            "POST", "webhooks", json={"url": url}, idempotency_key=idempotency_key, asked_before=asked_before
        )
        return await read(WebhookAnswer, answer)

    async def get_webhook(self) -> WebhookAnswer:
        """Return this key's webhook, without its secret; not in the reference, so a 404 or 405 says nothing."""
        return await read(WebhookAnswer, await self._calls.send("GET", "webhooks"))

    async def delete_webhook(self) -> None:
        """Delete this key's webhook; not in the reference, so it may not exist."""
        await self._calls.send("DELETE", "webhooks")

    async def test_webhook(self, *, idempotency_key: str) -> None:
        """Ask for a `webhook.test` delivery."""
        await self._calls.send("POST", "webhooks/test", json={}, idempotency_key=idempotency_key)

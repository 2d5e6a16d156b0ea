"""The client of transcribe.so: one method for each endpoint, under the provider's name."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator
from typing import Literal

import httpx

from receiver.errors import InvalidRequest
from receiver.providers import refusals
from receiver.providers.bodies import Body
from receiver.providers.seam import Source
from receiver.providers.transcribe_so.answers import (
    NEVER_STARTED,
    MeAnswer,
    PipelineAnswer,
    Pipelines,
    QuoteAnswer,
    TranscriptionStatus,
    TusUploadAnswer,
    UploadAnswer,
    WebhookAnswer,
)
from receiver.providers.transcribe_so.pages import Listed, read_page
from receiver.providers.transcribe_so.reading import read
from receiver.providers.transcribe_so.recording import Recording
from receiver.providers.transcribe_so.wire import a_moment_later, given, path

# Always sent: the reference and the published client disagree on whether a result without `include` has segments.
RESULT = "segments,chapters,sections,qna"
WINDOW_SECONDS = 45  # the longest that the server holds a `/wait`
ROUND_TRIP_SECONDS = 15.0
REGENERATE_SECONDS = 150.0  # documented: 30 to 90; generous, because an interrupted regeneration is used up too
PAGE_LENGTH = 200
IDLE_PAGES = 3  # after more pages without a new item the list ends, so that a server cannot keep us here forever
EARLY_SECONDS = 1.0
AFTER_EARLY_SECONDS = 5.0


class Client(Source):
    """The API of transcribe.so, endpoint by endpoint.

    A call without a usable answer raises a `ProviderError`: see `receiver.errors`. A POST that starts or creates
    something takes an `idempotency_key` of at most 128 characters. Use the same key for every try of one intention; the
    provider remembers the key for 24 hours.
    """

    @property
    def http(self) -> httpx.AsyncClient:
        """The HTTP client for uploads, with the API's base address and without the key."""
        return self._calls.http

    # --- the account ---------------------------------------------------------------------------------------------

    async def me(self) -> MeAnswer:
        """Return the key's owner and the money that is left."""
        return await read(MeAnswer, await self._calls.send("GET", "me"))

    async def pipelines(self) -> list[PipelineAnswer]:
        """Return the speech models, with their prices."""
        return (await read(Pipelines, await self._calls.send("GET", "pipelines"))).pipelines

    # --- uploads -------------------------------------------------------------------------------------------------

    async def create_upload(
        self, filename: str, *, content_type: str, file_size: int, idempotency_key: str | None = None
    ) -> UploadAnswer:
        """Request a URL for a PUT of a file of at most 500 MB."""
        body = {"filename": filename, "content_type": content_type, "file_size": file_size}
        return await read(
            UploadAnswer, await self._calls.send("POST", "uploads", json=body, idempotency_key=idempotency_key)
        )

    async def put_upload(
        self, upload: UploadAnswer, content: AsyncIterable[bytes], *, content_type: str, file_size: int
    ) -> None:
        """Send a file's bytes to the URL of `create_upload`, without the key and without a turn of the budget."""
        headers = {"Content-Type": content_type}
        await self._calls.put(upload.upload_url, Body(content, file_size), headers=headers)

    async def create_tus_upload(
        self, filename: str, *, file_size: int, idempotency_key: str | None = None
    ) -> TusUploadAnswer:
        """Request a ticket for a resumable upload of a file of at most 500 MB."""
        body = {"filename": filename, "file_size": file_size}
        answer = await self._calls.send("POST", "uploads/tus", json=body, idempotency_key=idempotency_key)
        return await read(TusUploadAnswer, answer)

    # --- transcriptions ------------------------------------------------------------------------------------------

    async def transcribe(
        self, recording: Recording, *, idempotency_key: str, callback_url: str | None = None,
        max_charge_usd: float | None = None,
        asked_before: bool = False,
    ) -> TranscriptionStatus:  # fmt: skip
        """Submit a recording. The provider charges for it.

        Args:
            recording: what to transcribe.
            idempotency_key: the same for the same recording, so that it is charged once.
            callback_url: the address for deliveries of this transcription; the answer's `callback.secret` signs them.
            max_charge_usd: make the provider refuse a higher charge (`PaymentRequired`, code `max_charge_exceeded`).
            asked_before: an earlier request under this key might have been carried out, and its answer was lost.
        """
        body = recording.to_json() | given(callback_url=callback_url, max_charge_usd=max_charge_usd)
        answer = await self._calls.send(
            "POST", "transcriptions", json=body, idempotency_key=idempotency_key, asked_before=asked_before
        )
        with refusals.carrying(answer):
            return await read(TranscriptionStatus, answer)

    async def quote(self, recording: Recording, *, idempotency_key: str) -> QuoteAnswer:
        """Return the price of a recording, without starting a transcription."""
        answer = await self._calls.send("POST", "quotes", json=recording.to_json(), idempotency_key=idempotency_key)
        return await read(QuoteAnswer, answer)

    async def list(
        self, *, api_only: bool = False, patiently: bool = True, most: int | None = None
    ) -> AsyncIterator[TranscriptionStatus]:
        """Yield every transcription once, newest first. With `patiently=False` no page is requested a second time.

        With `most` yield only so many, which must be one at least.
        """
        number = 0
        async for item in self.listed(api_only=api_only, patiently=patiently, strict=True):
            yield item.status
            number += 1
            if number == most:
                return

    async def listed(
        self, *, api_only: bool = False, patiently: bool = True, strict: bool = False
    ) -> AsyncIterator[Listed]:
        """Yield every transcription once, newest first, each also as the provider's bytes.

        Unless it is `strict`, an item that does not follow the specification is left out.

        Several items can share the time that is a page's cursor. So the next page is requested from a moment later: it
        overlaps the page before, and items that were seen are skipped.
        """
        params = given(limit=str(PAGE_LENGTH), api_only="true" if api_only else None)
        asking = self._calls if patiently else self._calls.once
        seen, asked, idle = set[int](), set[str](), 0
        while True:
            asked_at = time.monotonic()
            answer = await asking.send("GET", "transcriptions", params=params)
            items, next_cursor = await read_page(answer, asked_at, strict=strict)
            idle += 1
            for item in items:
                if item.status.id not in seen:
                    seen.add(item.status.id)
                    idle = 0
                    yield item
            # The bare cursor is for an overlap that fills a page. No cursor is used twice, so the list must end.
            choices = () if next_cursor is None else (a_moment_later(next_cursor), next_cursor)
            cursor = next((choice for choice in choices if choice not in asked), None)
            if cursor is None or idle > IDLE_PAGES:
                return
            asked.add(cursor)
            params["cursor"] = cursor

    async def get(self, transcription_id: str | int) -> TranscriptionStatus:
        """Return a transcription's metadata and status."""
        return (await self.one(transcription_id)).status

    async def one(self, transcription_id: str | int) -> Listed:
        """Return a transcription, also as the provider's bytes."""
        asked_at = time.monotonic()
        answer = await self._calls.send("GET", path(transcription_id))
        return Listed(await read(TranscriptionStatus, answer), answer, asked_at)

    async def wait(self, transcription_id: str | int, *, seconds: float) -> TranscriptionStatus:
        """Return a transcription when it has ended, or in its state after `seconds`.

        The server holds each request for at most 45 s.

        Raises:
            InvalidRequest: the id is that of a quote, which never starts (code `not_a_job`).
        """
        deadline, early = time.monotonic() + seconds, 0
        while True:
            began = time.monotonic()
            window = max(1, min(WINDOW_SECONDS, round(deadline - began)))
            answer = await self._calls.send(
                "GET", path(transcription_id, "wait"), params={"timeout": str(window)},
                seconds=window + ROUND_TRIP_SECONDS,
            )  # fmt: skip
            status = await read(TranscriptionStatus, answer)
            if status.status == NEVER_STARTED:
                raise InvalidRequest(f"{status.id} is a quote, not a job", code="not_a_job")
            if status.is_terminal or time.monotonic() >= deadline:
                return status
            early = early + 1 if time.monotonic() - began < EARLY_SECONDS else 0
            if early:  # a server that does not hold the request must not use up all our turns
                pause = min(AFTER_EARLY_SECONDS, 0.01 * 2.0 ** min(early, 60), deadline - time.monotonic())
                await asyncio.sleep(pause)

    async def result(self, transcription_id: str | int) -> bytes:
        """Return the full result as the provider's bytes; parse them with `read_result` or `parse(Result, …)`."""
        return await self._calls.send("GET", path(transcription_id, "result"), params={"include": RESULT})

    async def delete(self, transcription_id: str | int) -> None:
        """Delete a transcription, its result and its media permanently."""
        await self._calls.send("DELETE", path(transcription_id))

    async def retry(self, transcription_id: str | int, *, idempotency_key: str) -> TranscriptionStatus:
        """Start a failed transcription again, from scratch. The provider charges for it again."""
        answer = await self._calls.send(
            "POST", path(transcription_id, "retry"), json={}, idempotency_key=idempotency_key
        )
        return await read(TranscriptionStatus, answer)

    # --- texts made of a result ----------------------------------------------------------------------------------

    async def timestamps(self, transcription_id: str | int, format: str, *, style: str = "balanced") -> bytes:  # noqa: A002 - the provider's word
        """Return paste-ready timestamps as the provider's bytes; parse them with `parse(TimestampsAnswer, …)`.

        Raises:
            NotReady: this style does not exist yet; the styles in `available_styles` are free.
        """
        params = {"format": format, "style": style}
        return await self._calls.send("GET", path(transcription_id, "timestamps"), params=params)

    async def regenerate_timestamps(
        self, transcription_id: str | int, *, style: str = "balanced", refine_prompt: str | None = None,
        idempotency_key: str,
    ) -> bytes:  # fmt: skip
        """Regenerate the chapters of a style, in 30 to 90 s; at most ten times for each transcription (see `archive`).

        The request is sent only once, even with `retries`: a regeneration is used up even if its answer is lost.
        """
        body = {"style": style} | given(refine_prompt=refine_prompt)
        return await self._calls.once.send(
            "POST", path(transcription_id, "timestamps/regenerate"), json=body, idempotency_key=idempotency_key,
            seconds=REGENERATE_SECONDS,
        )  # fmt: skip

    async def subtitles(
        self, transcription_id: str | int, format: Literal["srt", "vtt", "vtt-karaoke", "json"] = "srt"  # noqa: A002 - the provider's word
    ) -> bytes:  # fmt: skip
        """Return the provider's subtitles as its bytes."""
        return await self._calls.send("GET", path(transcription_id, "subtitles"), params={"format": format})

    # --- webhooks ------------------------------------------------------------------------------------------------

    async def register_webhook(self, url: str, *, idempotency_key: str, asked_before: bool = False) -> WebhookAnswer:
        """Register `url`. For 24 h the provider repeats its first answer to every request with this key."""
        answer = await self._calls.send(
            "POST", "webhooks", json={"url": url}, idempotency_key=idempotency_key, asked_before=asked_before
        )
        return await read(WebhookAnswer, answer)

    async def get_webhook(self) -> WebhookAnswer:
        """Return this key's webhook without its secret. The reference lacks this endpoint, so a 404 proves nothing."""
        return await read(WebhookAnswer, await self._calls.send("GET", "webhooks"))

    async def delete_webhook(self) -> None:
        """Delete this key's webhook. The reference lacks this endpoint, so the provider might not have it."""
        await self._calls.send("DELETE", "webhooks")

    async def test_webhook(self, *, idempotency_key: str) -> None:
        """Request a `webhook.test` delivery."""
        await self._calls.send("POST", "webhooks/test", json={}, idempotency_key=idempotency_key)

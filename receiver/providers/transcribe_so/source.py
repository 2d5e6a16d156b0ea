"""transcribe.so as a source: it sends webhooks, and it takes submissions like every other source.

An order's key makes the provider repeat its answer for 24 hours. So a lost answer is asked for again, for 23 hours, and
nothing is charged twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, cast
from urllib.parse import urlsplit

from pydantic import Field

from receiver.errors import ImpossibleError, InvalidRequest, NotFound
from receiver.providers.orders import (
    UNKNOWN_CONTENT,
    Accepted,
    Candidate,
    KeepNotes,
    Limits,
    Media,
    Notes,
    Order,
    Seen,
    Sent,
    Uploaded,
    Wishes,
)
from receiver.providers.transcribe_so import payload, uploading, wire
from receiver.providers.transcribe_so.answers import NEVER_STARTED, TranscriptionStatus, told
from receiver.providers.transcribe_so.client import Client
from receiver.providers.transcribe_so.envelope import error_from
from receiver.providers.transcribe_so.recording import Recording, source_of
from receiver.settings.accounts import TRANSCRIBE

LIMIT_BYTES = 500 * 1024 * 1024
FORBIDDEN = 403
LISTED = 200  # transcriptions, which one request lists


class Transcribe(Wishes):
    """The options of a transcription. `duration_seconds` is for a recording whose length cannot be read."""

    length_option: ClassVar[str | None] = "duration_seconds"

    language: str = "auto"
    pipeline_code: str | None = None
    duration_seconds: float | None = Field(default=None, ge=0.01, allow_inf_nan=False)


class TranscribeSo(Client):
    """transcribe.so, with what every source has."""

    name, variables, api_path = TRANSCRIBE.source, TRANSCRIBE, TRANSCRIBE.api_path
    operations: ClassVar[Mapping[str, type[Wishes]]] = {"transcription": Transcribe}
    unit = "USD"
    limits = Limits(most_bytes=LIMIT_BYTES)
    repeats = announces = heeds_ceiling = True
    read = staticmethod(partial(payload.read, TRANSCRIBE.source))
    read_item = staticmethod(partial(payload.read_item, TRANSCRIBE.source))
    refusal = staticmethod(error_from)

    @classmethod
    def check(cls, operation: str, file: Media | None, seconds: float | None) -> None:
        """See `Source`. The length of a file decides its price, so it must be known."""
        super().check(operation, file, seconds)
        if file is not None and file.content_type == UNKNOWN_CONTENT:
            raise ImpossibleError(f"{file.name} has no extension of a media file that {cls.name} accepts")
        if file is not None and seconds is None:
            raise ImpossibleError(
                f"the length of {file.name} is unknown and decides its price: give it as the option duration_seconds",
                code="length_unknown",
            )

    async def upload(self, file: Media, notes: Notes, keep: KeepNotes, sent: Sent) -> Uploaded:
        """See `Source`."""
        return Uploaded(await uploading.upload(self, file, notes, keep, sent))

    async def start(self, order: Order) -> Accepted:
        """See `Source`."""
        submitted = await self.transcribe(
            _ordered(order), idempotency_key=order.idempotency_key, callback_url=order.callback_url,
            max_charge_usd=order.max_charge, asked_before=order.asked_before,
        )  # fmt: skip
        return Accepted(str(submitted.id), submitted.retail_usd, submitted.callback_secret)

    async def look(self, ids: Sequence[str]) -> Mapping[str, Seen]:
        """See `Source`."""
        try:
            return {one: _seen(await self.get(one)) for one in ids}  # one id at a time (`per_look`)
        except InvalidRequest as exc:  # no such transcription, or no possible id
            if exc.status == FORBIDDEN:  # of a firewall, for example, which knows no transcription
                raise
            return {}

    async def about(self, remote_id: str) -> Mapping[str, Any]:
        """See `Source`."""
        try:
            return told(await self.get(remote_id))
        except NotFound:  # it was deleted there
            return {"id": int(remote_id)}
        except InvalidRequest as exc:
            if exc.status is not None:
                raise
            return {}  # a person has named what is no id

    @classmethod
    def work_id(cls, typed: str) -> str:
        """See `Source`."""
        try:
            return wire.number(typed.strip())
        except InvalidRequest as exc:
            raise ImpossibleError(f"{typed} is no work: {exc.message}") from None

    async def find(self, order: Order, since: datetime) -> list[Candidate]:
        """See `Source`. What is listed names no file, so its title, address and length are compared."""
        wanted, found = _ordered(order), list[Candidate]()
        async for one in self.list(patiently=False, most=LISTED):
            if one.began is not None and one.began < since:
                break
            if one.status != NEVER_STARTED and is_of(one, wanted):  # a quote has the same name
                found.append(Candidate(str(one.id), None, one.began, one.duration_seconds, one.charge_usd, one.status))
        return found

    async def balance(self) -> float | None:
        """See `Source`."""
        return (await self.me()).wallet_balance_usd


def recording_of(wishes: Wishes, url: str | None, name: str, seconds: float | None) -> Recording:
    """Return a recording in the provider's words: at a `url`, or a file called `name` without its upload id."""
    wished = cast("Transcribe", wishes)
    return Recording(
        source="upload" if url is None else source_of(url), url=url, original_filename=name if url is None else None,
        duration_seconds=seconds, pipeline_code=wished.pipeline_code, language=wished.language,
    )  # fmt: skip


def _ordered(order: Order) -> Recording:
    found = recording_of(order.wishes, order.url, order.name, order.seconds)
    return found if order.url is not None else replace(found, upload_id=order.file_id)


def is_of(listed: TranscriptionStatus, recording: Recording) -> bool:
    """Return whether a transcription seems to be of this recording.

    By the source, the length within a second, and the address or the title.
    """
    listed_seconds, seconds = listed.duration_seconds, recording.duration_seconds
    differ = listed_seconds is not None and seconds is not None and abs(listed_seconds - seconds) > 1
    if differ or listed.source not in (None, recording.source):
        return False
    if recording.url is not None and listed.url is not None:
        return listed.url == recording.url
    name = recording.original_filename or recording.url or ""
    return listed.title in (name, name.rstrip("/").rpartition("/")[2], urlsplit(name).path.rpartition("/")[2])


def _seen(status: TranscriptionStatus) -> Seen:
    progress = None if status.progress is None else status.progress / 100
    if status.status == "completed":
        return Seen("completed", status.status, progress=progress, charged=status.charge_usd)
    if status.is_terminal:
        return Seen("failed", status.status, status.reason or status.status, progress, status.charge_usd)
    return Seen("waiting", status.so_far, progress=progress)

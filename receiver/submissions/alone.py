"""Without a database: hand a recording to transcribe.so, once.

    submitted already? ─▶ price by the list ─▶ upload ─▶ the provider's price ─▶ noted: asked ─▶ POST /transcriptions
          │                      │                             │                                        │
          └── nothing is charged ┴───── above the ceiling ─────┘         refused for good: another key ─┘

The submission is noted before its first byte is sent. So after a lost answer the same key asks for it again.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from receiver.errors import ImpossibleError, InvalidRequest, PaymentRequired, ProviderUnavailable, RateLimited
from receiver.providers import Recording, TranscribeSo
from receiver.providers.orders import Media, Notes
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.providers.tries import NOTHING_SENT
from receiver.submissions import price, progress, recordings
from receiver.submissions.progress import Notebook
from receiver.webhooks import callbacks
from receiver.webhooks.callbacks import Callbacks

Uploaded: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class LoneOrder:
    """A recording to transcribe, and the terms.

    Attributes:
        recording: the recording; for a file, without its upload id.
        file: the file to upload; None for a URL.
        idempotency_key: the person's own key; None means the notebook's.
        max_charge: the ceiling, in US dollars.
        callbacks: gives the transcription a callback of its own; None leaves its deliveries to the webhook.
        again: whether to submit and pay even if the provider is transcribing the same recording already.

    Raises:
        ImpossibleError: the ceiling is no amount.
    """

    recording: Recording
    file: Media | None = None
    idempotency_key: str | None = None
    max_charge: float | None = None
    callbacks: Callbacks | None = None
    again: bool = False

    @property
    def about(self) -> str | Path:
        """What its notes are kept under."""
        return progress.about(self.recording, None if self.file is None else self.file.path)

    def __post_init__(self) -> None:
        # Every comparison with NaN is false, so no price would be above it.
        if self.max_charge is not None and not (math.isfinite(self.max_charge) and self.max_charge >= 0):
            raise ImpossibleError(f"{self.max_charge:g} US dollars cannot be a ceiling: it is a number of at least 0")


async def submit(
    provider: TranscribeSo, order: LoneOrder, notes: Notebook, *, uploaded: Uploaded
) -> TranscriptionStatus:
    """Submit a recording. It is charged.

    Args:
        provider: the provider's client.
        order: the recording, and the terms.
        notes: the notes of earlier runs; the caller removes them at the end.
        uploaded: called with the bytes of the file that have arrived, and with all bytes of the file.

    Raises:
        ImpossibleError: nothing was sent or charged, and never will be on these terms.
        ProviderError: the provider refused, or no answer came. The same order cannot be charged twice later.
    """
    asked_before = notes.progress.asked is not None
    if not (asked_before or order.again or order.idempotency_key is not None):
        await recordings.require_no_other(provider, order.recording)
    # An earlier submission might have been carried out under this ceiling; a quote now would say nothing about it.
    ceiling = None if asked_before else order.max_charge
    recording = await _reachable(provider, order, notes, ceiling=ceiling, uploaded=uploaded)
    try:
        if ceiling is not None:
            price.require_within((await price.quoted(provider, recording)).retail_usd, ceiling)
        return await _send(provider, order, recording, notes)
    except (InvalidRequest, PaymentRequired, RateLimited) as exc:
        # A refusal under another key says nothing about an earlier submission whose answer was lost. Nor does a 429.
        is_about_it = order.idempotency_key is None and not isinstance(exc, RateLimited)
        if exc.status is not None and (is_about_it or not (asked_before or exc.maybe_done)):
            notes.refused(exc)
        raise


async def _reachable(
    provider: TranscribeSo, order: LoneOrder, notes: Notebook, *, ceiling: float | None, uploaded: Uploaded
) -> Recording:
    """Upload the file, if there is one. Return the recording with its upload id."""
    recording, file = order.recording, order.file
    if file is None:
        return recording
    if ceiling is not None:  # before the upload, which the provider's own quote needs
        price.require_within((await price.listed(provider, recording, cheapest=True)).retail_usd, ceiling)
    return replace(recording, upload_id=await _upload(provider, file, notes, uploaded))


async def _upload(provider: TranscribeSo, file: Media, notes: Notebook, uploaded: Uploaded) -> str:
    """Upload a file, from where an earlier run stopped. Return its upload id."""

    async def keep(kept: Notes) -> None:
        notes.note(location=kept.get("location"))

    uploaded(0, file.size)
    if notes.progress.upload_id is None:
        before: Notes = {} if notes.progress.location is None else {"location": notes.progress.location}
        arrived = await provider.upload(file, before, keep, lambda sent: uploaded(sent, file.size))
        notes.note(upload_id=arrived.file_id)
    uploaded(file.size, file.size)
    assert notes.progress.upload_id is not None
    return notes.progress.upload_id


async def _send(provider: TranscribeSo, order: LoneOrder, recording: Recording, notes: Notebook) -> TranscriptionStatus:
    """Send a submission under the person's key or the notebook's, with a callback if the order asks for one."""
    key, asked_before = order.idempotency_key, True
    if key is None:
        # The names are those of notes that are there already.
        wishes = {"max_usd": order.max_charge, "callback": order.callbacks is not None}
        key, asked_before = notes.ask(recording.to_json() | wishes)
    transcribe = partial(
        provider.transcribe, recording, idempotency_key=key, max_charge_usd=order.max_charge, asked_before=asked_before
    )
    try:
        if order.callbacks is None:
            return await transcribe()
        address = await order.callbacks.intend(key)
        submitted = await transcribe(callback_url=address)
    except ProviderUnavailable as exc:
        if exc.code not in NOTHING_SENT or exc.maybe_done:
            exc.add_note(
                "It might have been submitted: run the same command again (this cannot pay twice), "
                f"or from elsewhere with --idempotency-key {key}"
            )
        raise
    await callbacks.keep(order.callbacks.db, address, str(submitted.id), submitted.callback_secret)
    return submitted

"""Hand a recording to the provider, once.

    is it at it already? ─▶ price by the list ─▶ upload ─▶ the provider's price ─▶ noted: asked ─▶ POST /transcriptions
          │                        │                             │                                        │
          └──── nothing is charged ┴──── above the ceiling ──────┘         refused for good: another key ─┘

What was sent is noted before its first byte, so that a lost answer is asked for again under the same key.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from receiver.errors import InvalidRequest, PaymentRequired, ProviderUnavailable, RateLimited
from receiver.providers import Recording, TranscribeSo
from receiver.providers.transcribe_so import NOTHING_SENT, TranscriptionStatus
from receiver.submissions import price, recordings, uploads
from receiver.submissions.progress import Notebook
from receiver.submissions.uploads import MediaFile
from receiver.webhooks.callbacks import Callbacks

Uploaded: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be transcribed, and on what terms.

    Attributes:
        recording: of a file, without its upload id.
        file: what is uploaded before.
        idempotency_key: a person's own; None takes the notebook's.
        max_usd: the ceiling, in US dollars.
        callbacks: where its own deliveries shall come to; None leaves them to the webhook.
        again: whether it is paid for although the provider is at the same recording already.
    """

    recording: Recording
    file: MediaFile | None = None
    idempotency_key: str | None = None
    max_usd: float | None = None
    callbacks: Callbacks | None = None
    again: bool = False


async def submit(provider: TranscribeSo, order: Order, notes: Notebook, *, uploaded: Uploaded) -> TranscriptionStatus:
    """Submit a recording; it is charged.

    Args:
        provider: its client.
        order: what, and on what terms.
        notes: what is known of earlier runs; kept until the caller forgets it.
        uploaded: called with how many of how many bytes of the file are there, from none to all.

    Raises:
        ImpossibleError: nothing was sent or charged, and never will be on these terms.
        ProviderError: it was refused, or no answer came; the same order later cannot be charged twice.
    """
    asked_before = notes.progress.asked is not None
    if not (asked_before or order.again or order.idempotency_key is not None):
        await recordings.require_no_other(provider, order.recording)
    # What may have been submitted already went with its ceiling; a quote refused now would say nothing about that.
    ceiling = None if asked_before else order.max_usd
    recording = await _reachable(provider, order, notes, ceiling=ceiling, uploaded=uploaded)
    try:
        if ceiling is not None:
            price.require_within((await price.quoted(provider, recording)).retail_usd, ceiling)
        return await _send(provider, order, recording, notes)
    except (InvalidRequest, PaymentRequired, RateLimited) as exc:
        # Of an earlier submission, whose answer was lost, a refusal under another key says nothing, nor does a 429.
        is_about_it = order.idempotency_key is None and not isinstance(exc, RateLimited)
        if exc.status is not None and (is_about_it or not (asked_before or exc.maybe_done)):
            notes.refused(exc)
        raise


async def _reachable(
    provider: TranscribeSo, order: Order, notes: Notebook, *, ceiling: float | None, uploaded: Uploaded
) -> Recording:
    """Return the recording as the provider can reach it: a file with its upload id."""
    recording, file = order.recording, order.file
    if file is None:
        return recording
    if ceiling is not None:  # before the file is sent; the provider's own quote needs it there
        price.require_within((await price.listed(provider, recording, cheapest=True)).retail_usd, ceiling)
    size = file.size
    uploaded(0, size)
    upload_id = await uploads.upload(provider, file, notes, progressed=lambda there: uploaded(there, size))
    return replace(recording, upload_id=upload_id)


async def _send(provider: TranscribeSo, order: Order, recording: Recording, notes: Notebook) -> TranscriptionStatus:
    """Send it under the person's key or the notebook's, with an address of its own for its deliveries where asked."""
    key, asked_before = order.idempotency_key, True
    if key is None:
        wishes = {"max_usd": order.max_usd, "callback": order.callbacks is not None}
        key, asked_before = notes.ask(recording.to_json() | wishes)
    transcribe = partial(
        provider.transcribe, recording, idempotency_key=key, max_charge_usd=order.max_usd, asked_before=asked_before
    )
    try:
        if order.callbacks is None:
            return await transcribe()
        address = await order.callbacks.intend(provider.api_url, key)
        submitted = await transcribe(callback_url=address)
    except ProviderUnavailable as exc:
        if exc.code not in NOTHING_SENT or exc.maybe_done:
            exc.add_note(
                "It may have been submitted all the same: run the same command again, which cannot pay twice, "
                f"or from elsewhere with --idempotency-key {key}"
            )
        raise
    await order.callbacks.keep(address, submitted)
    return submitted

"""What only transcribe.so can tell before a new submission: that it works on the recording already, and the price."""

from typing import NamedTuple

from receiver.errors import ImpossibleError
from receiver.providers import Recording, Source, TranscribeSo
from receiver.providers.orders import Media
from receiver.providers.transcribe_so import Transcribe, recording_of
from receiver.settings import Account
from receiver.submissions import price, recordings
from receiver.submissions.asking import Asked, Terms, Work
from receiver.submissions.price import Price


def asked_of(recording: Recording, file: Media | None, account: Account, terms: Terms) -> Asked:
    """Return the submission of a recording that was read already."""
    wishes = Transcribe(language=recording.language, pipeline_code=recording.pipeline_code)
    return Asked(
        TranscribeSo, account, Work("transcription", wishes), file, recording.url, recording.duration_seconds, terms
    )


class Foreseen(NamedTuple):
    """What is foreseen of a new submission: its price in words, and why that is refused; empty if it is not."""

    price: str
    refused: str = ""


def is_quoted(source: type[Source]) -> bool:
    """Whether a source is asked for the price of a web address, and so is told it."""
    return issubclass(source, TranscribeSo)


async def price_of(client: Source, asked: Asked) -> Foreseen:
    """Return what a new submission will cost: the provider's price, or else what it probably is.

    Nothing is started or charged.

    Raises:
        ImpossibleError: the list has no price for the model.
        ProviderError: the price cannot be had.
    """
    if not isinstance(client, TranscribeSo):
        return Foreseen(asked.price)
    found = await price.of(client, _recording(asked))
    try:
        await _require_within(client, asked, quoted=found if found.quote is not None else None)
    except ImpossibleError as exc:
        return Foreseen(found.said, str(exc))
    return Foreseen(found.said)


async def require_wanted(client: Source, asked: Asked) -> None:
    """Refuse a new submission that the provider works on already, or that costs more than its ceiling.

    Raises:
        ImpossibleError: it would be paid for twice, or is too expensive. Nothing was sent.
        ProviderError: the price or the list cannot be had.
    """
    if not isinstance(client, TranscribeSo):
        return
    if not (asked.terms.again or asked.terms.idempotency_key is not None):
        await recordings.require_no_other(client, _recording(asked))
    await _require_within(client, asked)


async def _require_within(client: TranscribeSo, asked: Asked, *, quoted: Price | None = None) -> None:
    """Refuse what costs more than its ceiling; `quoted` is the provider's quote, if it is known already."""
    if asked.terms.max_charge is None:
        return
    if asked.file is not None:  # a quote needs the upload
        quoted = await price.listed(client, _recording(asked), cheapest=True)
    found = quoted or await price.quoted(client, _recording(asked))
    price.require_within(found.retail_usd, asked.terms.max_charge)


def _recording(asked: Asked) -> Recording:
    return recording_of(asked.work.wishes, asked.url, asked.recording, asked.duration_seconds)

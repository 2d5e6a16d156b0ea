"""What only transcribe.so can tell before a new submission: that it works on the recording already, and the price."""

from receiver.providers import Recording, Source, TranscribeSo
from receiver.providers.orders import Media
from receiver.providers.transcribe_so import Transcribe, recording_of
from receiver.settings import Account
from receiver.submissions import price, recordings
from receiver.submissions.asking import Asked, Terms, Work


def asked_of(recording: Recording, file: Media | None, account: Account, terms: Terms) -> Asked:
    """Return the submission of a recording that was read already."""
    wishes = Transcribe(language=recording.language, pipeline_code=recording.pipeline_code)
    return Asked(
        TranscribeSo, account, Work("transcription", wishes), file, recording.url, recording.duration_seconds, terms
    )


async def price_of(client: Source, asked: Asked) -> str:
    """Return what a new submission will cost, in words: the provider's price, or else what it probably is.

    Nothing is started or charged.

    Raises:
        ImpossibleError: the list has no price for the model.
        ProviderError: the price cannot be had.
    """
    if not isinstance(client, TranscribeSo):
        return asked.price
    recording = recording_of(asked.work.wishes, asked.url, asked.recording, asked.duration_seconds)
    return (await price.of(client, recording)).said


async def require_wanted(client: Source, asked: Asked) -> None:
    """Refuse a new submission that the provider works on already, or that costs more than its ceiling.

    Raises:
        ImpossibleError: it would be paid for twice, or is too expensive. Nothing was sent.
        ProviderError: the price or the list cannot be had.
    """
    if not isinstance(client, TranscribeSo):
        return
    recording, terms = recording_of(asked.work.wishes, asked.url, asked.recording, asked.duration_seconds), asked.terms
    if not (terms.again or terms.idempotency_key is not None):
        await recordings.require_no_other(client, recording)
    if terms.max_charge is None:
        return
    if asked.file is None:
        found = await price.quoted(client, recording)
    else:  # a quote needs the upload
        found = await price.listed(client, recording, cheapest=True)
    price.require_within(found.retail_usd, terms.max_charge)

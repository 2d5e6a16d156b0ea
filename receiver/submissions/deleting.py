"""Delete a transcription at the provider, with its result and its media. That cannot be undone."""

from collections.abc import Callable

from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import TranscriptionStatus


async def delete(
    provider: TranscribeSo, transcription_id: str, *, confirm: Callable[[TranscriptionStatus], None] | None
) -> TranscriptionStatus:
    """Delete a transcription, and return its last status. Copies stored here stay.

    Args:
        provider: the provider's client.
        transcription_id: the transcription.
        confirm: called with its status before it is deleted; it raises to stop. None asks nobody.
    """
    status = await provider.get(transcription_id)
    if confirm is not None:
        confirm(status)
    await provider.delete(transcription_id)
    return status

"""Start a failed transcription again. The provider begins from scratch and charges again."""

import secrets

from receiver.errors import ImpossibleError
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import TranscriptionStatus


async def failed(provider: TranscribeSo, transcription_id: str) -> TranscriptionStatus:
    """Return the status of a failed transcription, which can be started again.

    Raises:
        ImpossibleError: it did not fail.
    """
    status = await provider.get(transcription_id)
    if status.status != "failed":
        raise ImpossibleError(f"transcription {status.id} is {status.status}; only a failed one is started again")
    return status


async def start(provider: TranscribeSo, transcription_id: str) -> TranscriptionStatus:
    """Start a transcription again. Every call is a new start, and is charged."""
    return await provider.retry(transcription_id, idempotency_key=f"retry-{secrets.token_hex(16)}")

"""Start a failed transcription again, which is charged again, from scratch."""

import secrets

from receiver.errors import ImpossibleError
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import TranscriptionStatus


async def failed(provider: TranscribeSo, transcription_id: str) -> TranscriptionStatus:
    """Return a transcription that can be started again.

    Raises:
        ImpossibleError: it did not fail.
    """
    status = await provider.get(transcription_id)
    if status.status != "failed":
        raise ImpossibleError(f"transcription {status.id} is {status.status}; only a failed one is started again")
    return status


async def start(provider: TranscribeSo, transcription_id: str) -> TranscriptionStatus:
    """Start it; every call is a start of its own, and charged."""
    return await provider.retry(transcription_id, idempotency_key=f"retry-{secrets.token_hex(16)}")

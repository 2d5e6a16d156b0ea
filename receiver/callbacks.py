"""Submit a transcription whose deliveries come to a path of their own, signed with a secret of their own.

    row with its token and Idempotency-Key ▶ POST /transcriptions ▶ secret into that row ▶ tell the web processes

The secret is shown once, in the answer. Whoever submits again with the same key after a crash sends the same callback
URL and so gets the same answer. A delivery at that path is verified with that secret alone.
"""

import logging
import secrets
from dataclasses import dataclass

from receiver.database import Connection, query
from receiver.providers import Recording, TranscribeSo
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.registration import CHANNEL
from receiver.settings import CALLBACK_PATH

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Submission:
    """A recording, and under which key it is submitted, however often."""

    recording: Recording
    idempotency_key: str
    max_charge_usd: float | None = None
    asked_before: bool = False


async def submit(
    connection: Connection, provider: TranscribeSo, submission: Submission, *, public_url: str
) -> TranscriptionStatus:
    """Submit a recording with a callback of its own, and keep the callback's secret.

    Raises:
        ProviderError: it was not submitted, or the answer was lost; submit again with the same key.
    """
    token = await connection.fetchval(
        query("intend_callback"), secrets.token_urlsafe(24), provider.api_url, submission.idempotency_key
    )
    submitted = await provider.transcribe(
        submission.recording, idempotency_key=submission.idempotency_key,
        max_charge_usd=submission.max_charge_usd, asked_before=submission.asked_before,
        callback_url=f"{public_url}{CALLBACK_PATH}/{token}",
    )  # fmt: skip
    if not submitted.callback_secret:
        log.warning("the provider gave no secret for the callback of %d: its deliveries will be refused", submitted.id)
        return submitted
    await connection.execute(query("complete_callback"), token, str(submitted.id), submitted.callback_secret, CHANNEL)
    return submitted

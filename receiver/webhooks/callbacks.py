"""Transcriptions whose deliveries come to a path of their own, signed with a secret of their own.

    intend: a row, its token and Idempotency-Key ▶ POST /transcriptions ▶ keep: the secret ▶ tell the web processes

The secret is shown once, in the answer. Whoever submits again with the same key after a crash sends the same callback
URL and so gets the same answer. A delivery at that path is verified with that secret alone.
"""

import logging
import secrets
from dataclasses import dataclass

from receiver.database import Database, query
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.settings import CALLBACK_PATH
from receiver.webhooks.registration import CHANNEL

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Where submissions' own deliveries come to: below the receiver's public URL; what proves them is in `db`."""

    db: Database
    public_url: str

    async def intend(self, api_url: str, idempotency_key: str) -> str:
        """Return the address for a submission that is about to be sent: the same for the same key, however often."""
        token = await self.db.fetchval(
            query("webhooks/intend_callback"), secrets.token_urlsafe(24), api_url, idempotency_key
        )
        return f"{self.public_url}{CALLBACK_PATH}/{token}"

    async def keep(self, address: str, submitted: TranscriptionStatus) -> None:
        """Keep the secret that came in the answer to a submission with this address."""
        secret = submitted.callback_secret
        if not secret:
            number = submitted.id
            log.warning("the provider gave no secret for the callback of %d: its deliveries will be refused", number)
            return
        token = address.rpartition("/")[2]
        await self.db.execute(query("webhooks/complete_callback"), token, str(submitted.id), secret, CHANNEL)

"""The callback of a single transcription: its deliveries come to their own path, signed with their own secret.

    intend: a row, its token and Idempotency-Key ▶ POST /transcriptions ▶ keep: the secret ▶ notify the web processes

The provider shows the secret once, in its answer. After a crash the same key gets the same callback address, and for
both the provider repeats its answer. Only that secret verifies a delivery at that path.
"""

import logging
import secrets
from dataclasses import dataclass

from receiver.database import Database, Pool, query
from receiver.errors import ImpossibleError
from receiver.events import AccountId
from receiver.settings import CALLBACK_PATH, Settings
from receiver.webhooks.registration import CHANNEL

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """An account's callbacks below a receiver's public URL; their secrets are in `db`."""

    db: Database
    public_url: str
    account: AccountId

    async def intend(self, idempotency_key: str) -> str:
        """Store and return a submission's callback address before it is sent; the same key gets the same address."""
        token = await self.db.fetchval(
            query("webhooks/intend_callback"), secrets.token_urlsafe(24), *self.account, idempotency_key
        )
        return f"{self.public_url}{CALLBACK_PATH}/{token}"


async def keep(db: Database, address: str, transcription_id: str, secret: str) -> None:
    """Store the secret from the provider's answer to a submission with this address."""
    if not secret:
        log.warning(
            "the provider gave no secret for the callback of %s: its deliveries will be refused", transcription_id
        )
        return
    token = address.rpartition("/")[2]
    await db.execute(query("webhooks/complete_callback"), token, transcription_id, secret, CHANNEL)


def public_url(configured: Settings) -> str:
    """Return the public URL below which callbacks come.

    Raises:
        ImpossibleError: there is none.
    """
    if configured.public_url is None:
        raise ImpossibleError("a callback needs PUBLIC_URL: where the provider reaches this receiver", code="callback")
    return configured.public_url


def of(configured: Settings, db: "Pool | None") -> Callbacks:
    """Return the callbacks of the chosen account at this receiver.

    Raises:
        ImpossibleError: it has no public URL, or no database.
    """
    address = public_url(configured)
    if db is None:
        raise ImpossibleError(
            "a callback needs the receiver's database: run `receiver up`, or set DATABASE_URL",
            code="callback",
        )
    return Callbacks(db, address, configured.chosen.id)

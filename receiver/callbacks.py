"""Submit a transcription whose deliveries come to a path of their own, signed with a secret of their own.

    row with its token and Idempotency-Key ▶ POST /transcriptions ▶ secret into that row ▶ tell the web processes

The secret is shown once, in the answer. Whoever submits again with the same key after a crash sends the same callback
URL and so gets the same answer. A delivery at that path is verified with that secret alone.
"""

import logging
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from receiver.database import Connection, Database, query
from receiver.providers import Recording, TranscribeSo
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.registration import CHANNEL
from receiver.settings import CALLBACK_PATH

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Callback:
    """A transcription's own secret, which proves deliveries about that transcription alone."""

    secret: bytes = field(repr=False)
    transcription_id: str


@dataclass(frozen=True, slots=True)
class Known:
    """What was read: the webhook's secrets, newest first, and callbacks by their tokens."""

    webhook: tuple[bytes, ...] = field(default=(), repr=False)
    callbacks: Mapping[str, Callback] = field(default_factory=dict, repr=False)


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
    given = None if submitted.callback is None else submitted.callback.secret
    secret = "" if given is None else given.get_secret_value()
    if not secret:
        log.warning("the provider gave no secret for the callback of %d: its deliveries will be refused", submitted.id)
        return submitted
    await connection.execute(query("complete_callback"), token, str(submitted.id), secret, CHANNEL)
    return submitted


async def verifying(db: Database, api_url: str, tokens: Collection[str] = ()) -> Known:
    """Return the secrets that verify deliveries of an API, in one statement.

    Of the callbacks these are the newest 1,000, which are enough to remember for an outage, and those with `tokens`:
    however many there are, a reading costs the same. No delivery comes later than a week after its submission.
    """
    rows = await db.fetch(query("verifying_secrets"), api_url, list(tokens))
    return Known(
        tuple(row["secret"].encode() for row in rows if row["token"] is None),
        {row["token"]: Callback(row["secret"].encode(), row["transcription_id"]) for row in rows if row["token"]},
    )

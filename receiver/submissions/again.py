"""Start a failed transcription of transcribe.so again. The provider begins from scratch and charges again.

failed ─▶ the price ─▶ confirm ─▶ following.begin ─▶ started ─▶ until_ended ─▶ it must have completed
"""

import secrets
from collections.abc import Callable
from typing import TypeAlias

from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.events import AccountId
from receiver.providers import TranscribeSo
from receiver.providers.content import require_completed
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.settings import Settings
from receiver.submissions import following, ledger, price
from receiver.submissions.following import SERVICE, Pauses, Progressed

Confirm: TypeAlias = Callable[[TranscriptionStatus, float | None], None]


async def failed(provider: TranscribeSo, transcription_id: str) -> TranscriptionStatus:
    """Return the status of a failed transcription, which can be started again.

    Raises:
        ImpossibleError: it did not fail.
    """
    status = await provider.get(transcription_id)
    if status.status != "failed":
        raise ImpossibleError(f"transcription {status.id} is {status.status}; only a failed one is started again")
    return status


async def start(
    provider: TranscribeSo, db: "Pool | None", configured: Settings, transcription_id: str,
    *, confirm: Confirm | None, wait: bool, started: Progressed, progressed: Progressed | None = None,
    pauses: Pauses = SERVICE,
) -> TranscriptionStatus:  # fmt: skip
    """Start a failed transcription again, and with `wait` follow it. Every call is a new start, and is charged.

    Args:
        provider: the provider's client.
        db: the database, if there is one.
        configured: the settings.
        transcription_id: the transcription.
        confirm: called with the status and the price, as `price.of_starting_again` tells it, before anything is
            charged; it raises to stop. None asks nobody.
        wait: whether to wait for the end.
        started: called with the answer to the start.
        progressed: called with each status before the end; None if nobody watches.
        pauses: between two questions, and after an outage.

    Raises:
        ImpossibleError: it did not fail, or it was waited for and did not complete this time either.
    """
    status = await failed(provider, transcription_id)
    if confirm is not None:
        confirm(status, await price.of_starting_again(provider, status))
    followed = await following.begin(provider, db, configured, pauses=pauses) if wait else None
    before = status
    status = await provider.retry(transcription_id, idempotency_key=f"retry-{secrets.token_hex(16)}")
    started(status)
    if db is not None:
        whose = AccountId(provider.name, provider.api_url, provider.account)
        await ledger.started_again(db, whose, before, status)
    if followed is not None:
        status = await followed.until_ended(status.id, progressed=progressed)
        require_completed(status)
    return status

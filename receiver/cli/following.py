"""Follow a transcription to its end: by its webhook where one is registered, else by long-poll."""

import asyncio
import logging
import time

from receiver import inbox, registration
from receiver.cli import progress
from receiver.cli.progress import Show
from receiver.database import AWAY, Pool
from receiver.errors import ImpossibleError, ProviderUnavailable, RateLimited
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.providers.transcribe_so.answers import NEVER_STARTED
from receiver.settings import Settings

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 0.25
ASK_AGAIN_SECONDS = 60.0
SHOWN_SECONDS = 10.0  # how often somebody who looks on is told more, for a turn of the sixty a minute
WINDOWS_SECONDS = 3600.0
AFTER_OUTAGE_SECONDS = 5.0


async def until_ended(
    provider: TranscribeSo, db: "Pool | None", configured: Settings, transcription_id: int, *, since: int
) -> TranscriptionStatus:
    """Return a transcription once it is terminal.

    Args:
        provider: its client.
        db: where deliveries are stored; None where there is no database.
        configured: says which registration is ours.
        transcription_id: which one.
        since: the key of the newest event before it was started.

    Raises:
        InvalidRequest: it is a quote, which never starts.
    """
    registered = db is not None and await _is_registered(db, configured)
    with progress.line(f"transcription {transcription_id}") as show:
        while True:
            try:
                if db is not None and registered:
                    return await _by_webhook(provider, db, transcription_id, since, show)
                seconds = SHOWN_SECONDS if progress.is_shown() else WINDOWS_SECONDS
                status = await provider.wait(transcription_id, seconds=seconds)
                if status.is_terminal:
                    return status
                show(_so_far(status))
            except (ProviderUnavailable, RateLimited, *AWAY) as exc:
                # It is paid for and goes on without us, so an outage is no reason to give up.
                log.warning("still waiting for transcription %d: %s", transcription_id, exc)
                await asyncio.sleep(AFTER_OUTAGE_SECONDS)


async def _is_registered(db: Pool, configured: Settings) -> bool:
    return registration.current(await registration.find(db, registration.account(configured))) is not None


async def _by_webhook(
    provider: TranscribeSo, db: Pool, transcription_id: int, since: int, show: Show
) -> TranscriptionStatus:
    """Wait for the event; ask all the same now and then, because the web process may be down.

    It is asked at once too: one that was submitted under a key before may have ended long ago.
    """
    asked, pause = float("-inf"), SHOWN_SECONDS if progress.is_shown() else ASK_AGAIN_SECONDS
    while True:
        told = await inbox.has_ended(db, provider.api_url, str(transcription_id), since=since)
        if told or time.monotonic() - asked > pause:
            asked = time.monotonic()
            status = await provider.get(transcription_id)
            if status.is_terminal or status.status == NEVER_STARTED:
                return status
            show(_so_far(status))
            if told:
                # It has ended since, or was started again: the next event will say.
                since = await inbox.newest_key(db)
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


def _so_far(status: TranscriptionStatus) -> str:
    done = "" if status.progress is None else f", {status.progress:.0f}%"
    return f"{status.stage or status.status}{done}"


def require_completed(status: TranscriptionStatus) -> None:
    """Raise what a person reads where a transcription did not complete.

    Raises:
        ImpossibleError: it failed or was cancelled.
    """
    if status.status == "failed":
        said = (status.model_extra or {}).get("error")
        reason = f": {said.rstrip('.')}" if isinstance(said, str) else ""
        raise ImpossibleError(f"transcription {status.id} failed{reason}; `receiver retry {status.id}` starts it again")
    if status.status != "completed":  # and only a failed one can be started again
        raise ImpossibleError(f"transcription {status.id} is {status.status}, so it has no transcript{_yet(status)}")


def _yet(status: TranscriptionStatus) -> str:
    return "" if status.is_terminal or status.status == NEVER_STARTED else " yet: try again when it has ended"

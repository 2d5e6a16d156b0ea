"""Follow a transcription to its end: by its webhook where one is registered, else by long-poll."""

import asyncio
import logging
import time
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds.

    Attributes:
        look: between two looks for the event.
        ask: how long the provider is not asked while an event is awaited.
        hold: how long the provider is asked to hold its answer, window after window.
        shown: how often somebody who looks on is told more, for a turn of the sixty a minute.
        after_outage: before the next try.
    """

    look: float = 0.25
    ask: float = 60.0
    hold: float = 3600.0
    shown: float = 10.0
    after_outage: float = 5.0


SERVICE = Pauses()


async def until_ended(
    provider: TranscribeSo,
    db: "Pool | None",
    configured: Settings,
    transcription_id: int,
    *,
    since: int,
    pauses: Pauses = SERVICE,
) -> TranscriptionStatus:
    """Return a transcription once it is terminal.

    Args:
        provider: its client.
        db: where deliveries are stored; None where there is no database.
        configured: says which registration is ours.
        transcription_id: which one.
        since: the key of the newest event before it was started.
        pauses: between two questions, and after an outage.

    Raises:
        InvalidRequest: it is a quote, which never starts.
    """
    registered = db is not None and await _is_registered(db, configured)
    with progress.line(f"transcription {transcription_id}") as show:
        while True:
            try:
                if db is not None and registered:
                    return await _by_webhook(provider, db, transcription_id, since, show, pauses=pauses)
                seconds = pauses.shown if progress.is_shown() else pauses.hold
                status = await provider.wait(transcription_id, seconds=seconds)
                if status.is_terminal:
                    return status
                show(_so_far(status))
            except (ProviderUnavailable, RateLimited, *AWAY) as exc:
                # It is paid for and goes on without us, so an outage is no reason to give up.
                log.warning("still waiting for transcription %d: %s", transcription_id, exc)
                await asyncio.sleep(pauses.after_outage)


async def _is_registered(db: Pool, configured: Settings) -> bool:
    return registration.current(await registration.find(db, configured.account())) is not None


async def _by_webhook(
    provider: TranscribeSo, db: Pool, transcription_id: int, since: int, show: Show, *, pauses: Pauses
) -> TranscriptionStatus:
    """Wait for the event; ask all the same now and then, because the web process may be down.

    It is asked at once too: one that was submitted under a key before may have ended long ago.
    """
    asked, pause = float("-inf"), pauses.shown if progress.is_shown() else pauses.ask
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
        await asyncio.sleep(pauses.look)


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

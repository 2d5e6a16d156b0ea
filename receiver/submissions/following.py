"""Follow a transcription to its end: by its webhook where one is registered, else by long-poll.

    begin ──▶ (it is started) ──▶ until_ended ─┬─ registered: look for its event; ask now and then ─┬─▶ as it ended
                                               └─ else: the provider holds its answer ──────────────┘

An outage ends no waiting: it is paid for and goes on without us.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from receiver.database import AWAY, Pool
from receiver.errors import ProviderUnavailable, RateLimited
from receiver.inbox import deliveries
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.providers.transcribe_so.answers import NEVER_STARTED
from receiver.settings import Settings
from receiver.webhooks import registration

log = logging.getLogger(__name__)

Told: TypeAlias = Callable[[TranscriptionStatus], None]


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


@dataclass(frozen=True, slots=True)
class Following:
    """How the end of what is started now will be learned of.

    Attributes:
        provider: its client.
        db: where its deliveries are stored; None where there is no database, or where no webhook is registered.
        since: the key of the newest event before it was started.
        pauses: between two questions, and after an outage.
    """

    provider: TranscribeSo
    db: "Pool | None"
    since: int
    pauses: Pauses

    async def until_ended(self, transcription_id: int, *, told: Told | None = None) -> TranscriptionStatus:
        """Return a transcription once it is terminal.

        Args:
            transcription_id: which one.
            told: called with what the provider says of it meanwhile; None where nobody looks on.

        Raises:
            InvalidRequest: it is a quote, which never starts.
        """
        while True:
            try:
                if self.db is None:
                    return await self._by_asking(transcription_id, told)
                return await self._by_webhook(self.db, transcription_id, told)
            except (ProviderUnavailable, RateLimited, *AWAY) as exc:
                log.warning("still waiting for transcription %d: %s", transcription_id, exc)
                await asyncio.sleep(self.pauses.after_outage)

    async def _by_asking(self, transcription_id: int, told: Told | None) -> TranscriptionStatus:
        seconds = self.pauses.hold if told is None else self.pauses.shown
        while True:
            status = await self.provider.wait(transcription_id, seconds=seconds)
            if status.is_terminal:
                return status
            if told is not None:
                told(status)

    async def _by_webhook(self, db: Pool, transcription_id: int, told: Told | None) -> TranscriptionStatus:
        """Wait for the event; ask all the same now and then, because the web process may be down.

        It is asked at once too: one that was submitted under a key before may have ended long ago.
        """
        since, asked, pause = self.since, float("-inf"), self.pauses.ask if told is None else self.pauses.shown
        while True:
            has_ended = await deliveries.has_ended(db, self.provider.api_url, str(transcription_id), since=since)
            if has_ended or time.monotonic() - asked > pause:
                asked = time.monotonic()
                status = await self.provider.get(transcription_id)
                if status.is_terminal or status.status == NEVER_STARTED:
                    return status
                if told is not None:
                    told(status)
                if has_ended:
                    # It has ended since, or was started again: the next event will say.
                    since = await deliveries.newest_key(db)
            await asyncio.sleep(self.pauses.look)


async def begin(
    provider: TranscribeSo, db: "Pool | None", configured: Settings, *, pauses: Pauses = SERVICE
) -> Following:
    """Note where the events stand, before something is started whose end is waited for."""
    whose = configured.account()
    if db is None or registration.current(await registration.find(db, whose)) is None:
        return Following(provider, None, 0, pauses)
    return Following(provider, db, await deliveries.newest_key(db), pauses)

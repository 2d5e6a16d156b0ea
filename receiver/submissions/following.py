"""Follow a transcription to its end: by the webhook if one is registered, else by long-poll.

    begin ──▶ (a start) ──▶ until_ended ─┬─ webhook: look for its event; sometimes ask the provider ─┬─▶ its last status
                                         └─ no webhook: the provider holds its answer ───────────────┘

An outage does not end the waiting: the transcription is paid for, and continues without us.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from receiver.database import AWAY, Pool
from receiver.errors import ProviderUnavailable, RateLimited
from receiver.inbox import listing
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.providers.transcribe_so.answers import NEVER_STARTED
from receiver.settings import Settings
from receiver.webhooks import registration

log = logging.getLogger(__name__)

Progressed: TypeAlias = Callable[[TranscriptionStatus], None]


@dataclass(frozen=True, slots=True)
class Pauses:
    """Pauses, in seconds.

    Attributes:
        look: between two looks for the event.
        ask: between two questions to the provider while we wait for the event.
        hold: how long the provider holds its answer at most.
        shown: used instead of `ask` and `hold` when a person watches. Each question costs one of the 60 requests
            a minute.
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
    """How we learn of the end of a transcription that is started now.

    Attributes:
        provider: the provider's client.
        db: the database with the deliveries; None if there is no database, or no webhook is registered.
        since: the key of the newest event before the start.
        pauses: between two questions, and after an outage.
    """

    provider: TranscribeSo
    db: "Pool | None"
    since: int
    pauses: Pauses

    async def until_ended(self, transcription_id: int, *, progressed: Progressed | None = None) -> TranscriptionStatus:
        """Wait until a transcription has ended, and return its status.

        Args:
            transcription_id: the transcription.
            progressed: called with each status before that; None if progress is not shown.

        Raises:
            InvalidRequest: the transcription is a quote, which never starts.
        """
        while True:
            try:
                if self.db is None:
                    return await self._by_asking(transcription_id, progressed)
                return await self._by_webhook(self.db, transcription_id, progressed)
            except (ProviderUnavailable, RateLimited, *AWAY) as exc:
                log.warning("still waiting for transcription %d: %s", transcription_id, exc)
                await asyncio.sleep(self.pauses.after_outage)

    async def _by_asking(self, transcription_id: int, progressed: Progressed | None) -> TranscriptionStatus:
        seconds = self.pauses.hold if progressed is None else self.pauses.shown
        while True:
            status = await self.provider.wait(transcription_id, seconds=seconds)
            if status.is_terminal:
                return status
            if progressed is not None:
                progressed(status)

    async def _by_webhook(self, db: Pool, transcription_id: int, progressed: Progressed | None) -> TranscriptionStatus:
        """Wait for the event. Also ask the provider now and then, because the web process might be down.

        The first question comes at once: a transcription of an earlier submission might have ended long ago.
        """
        since, asked, pause = self.since, float("-inf"), self.pauses.ask if progressed is None else self.pauses.shown
        while True:
            has_ended = await listing.has_ended(db, self.provider.api_url, str(transcription_id), since=since)
            if has_ended or time.monotonic() - asked > pause:
                asked = time.monotonic()
                status = await self.provider.get(transcription_id)
                if status.is_terminal or status.status == NEVER_STARTED:
                    return status
                if progressed is not None:
                    progressed(status)
                if has_ended:
                    # The event is of an earlier start: the next event will announce the end.
                    since = await listing.newest_key(db)
            await asyncio.sleep(self.pauses.look)


async def begin(
    provider: TranscribeSo, db: "Pool | None", configured: Settings, *, pauses: Pauses = SERVICE
) -> Following:
    """Note the newest event, before a transcription is started."""
    account = configured.account()
    if db is None or registration.current(await registration.find(db, account)) is None:
        return Following(provider, None, 0, pauses)
    return Following(provider, db, await listing.newest_key(db), pauses)

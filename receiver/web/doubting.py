"""Keep authentic deliveries that were refused for their time, until they are written down for a look-up.

After its answer a refused delivery is put into a dictionary, which costs no statement. An organ reads the bodies and
writes them down, in one transaction a second at most. What is kept is bounded: a thousand equal deliveries are one, and
what does not fit is dropped and counted.

Nothing is kept on disk. While the database is away, what was refused is forgotten; a comparison finds its end later.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial

from receiver import events, providers
from receiver.database import Connections
from receiver.database.hint import Hint
from receiver.errors import ReceiverError
from receiver.events import AccountId, Event
from receiver.logs.seldom import Heard, Seldom
from receiver.webhooks import doubts
from receiver.webhooks.doubts import Doubt
from receiver.webhooks.keyring import Stale

log = logging.getLogger(__name__)

MOST = 256
MOST_BYTES = 1024 * 1024
BETWEEN_SECONDS = 1.0
FORGET_SECONDS = 3600.0
BETWEEN_LINES_SECONDS = 60.0


class Doubting:
    """The doubts of one web process.

    Args:
        connections: the database.
        seconds: how long a transaction can take.
        between: seconds between two transactions.
    """

    def __init__(self, connections: Connections, *, seconds: float, between: float = BETWEEN_SECONDS) -> None:
        self._connections = connections
        self._seconds = seconds
        self._between = between
        self._kept: dict[tuple[AccountId, str | None, bytes], tuple[Stale, int]] = {}
        self._bytes = 0
        self._dropped = 0
        self._hint = Hint()
        self._seldom = Seldom(_say, seconds=BETWEEN_LINES_SECONDS)

    def doubt(self, stale: Stale, times: int = 1) -> None:
        """Keep a refused delivery, or count it if it is kept already. What does not fit is dropped."""
        key = (stale.account, stale.callback_for, stale.mac)
        found = self._kept.get(key)
        if found is None and (len(self._kept) >= MOST or self._bytes + len(stale.body) > MOST_BYTES):
            self._dropped += times
            return
        self._kept[key] = (stale, times if found is None else found[1] + times)
        self._bytes += len(stale.body) if found is None else 0
        self._hint.give()

    async def keep(self) -> None:
        """Write down what comes, and remove what is old every hour, until cancelled."""
        forgotten = float("-inf")
        while True:
            if time.monotonic() - forgotten >= FORGET_SECONDS:
                forgotten = time.monotonic()
                await self._forget()
            await self._hint.within(forgotten + FORGET_SECONDS - time.monotonic())
            self._hint.take()
            await self.write()
            await asyncio.sleep(self._between)

    def close(self) -> None:
        """Log what was not logged yet."""
        self._seldom.close()

    async def write(self) -> None:
        """Write down what is kept, and keep it no longer."""
        kept, dropped = self._kept, self._dropped
        self._kept, self._bytes, self._dropped = {}, 0, 0
        if dropped:
            self._seldom.note("too many at once", count=dropped)
        found = [doubt for stale, times in kept.values() if (doubt := await _read(stale, times)) is not None]
        if not found:
            return
        try:
            beyond = await self._connections.run(partial(doubts.note, doubts=found), seconds=self._seconds)
        except ReceiverError as exc:
            self._seldom.note(f"not written down: {exc}", count=len(found))
            return
        if beyond is None:
            for stale, times in kept.values():
                self.doubt(stale, times)
        elif beyond:
            self._seldom.note(f"more than {doubts.MOST_AN_HOUR} new ones in an hour", count=beyond)

    async def _forget(self) -> None:
        try:
            await self._connections.run(doubts.forget, seconds=self._seconds)
        except ReceiverError as exc:
            log.debug("old doubts were not removed: %s", exc)


async def _read(stale: Stale, times: int) -> Doubt | None:
    """Return what a delivery announces; None if it announces nothing about a transcription. Let others work before."""
    await asyncio.sleep(0)
    content = providers.read(stale.account.source, stale.body)
    if stale.callback_for is not None:
        content = events.about(content, stale.callback_for)
    if not isinstance(content, Event) or content.transcription.id is None:
        return None
    return Doubt(stale.account, content.transcription.id, content.type, content.id, stale.seconds_off, times)


def _say(heard: Sequence[Heard]) -> None:
    shown = ", ".join(f"{kind.count} x {kind.what}" for kind in heard)
    log.warning("refused authentic deliveries that are not looked up: %s", shown)

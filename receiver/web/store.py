"""Make an authentic delivery durable: in the database, else in the spool, which drains by itself.

append ──▶ database, 2 s ──▶ stored | duplicate | quarantined
              │ away, hung, full, read-only: from now on deliveries go straight to the spool
              ▼
           spool, 0.9 s ──▶ stored          full, or a disk that fails ──▶ StoreUnavailableError, 503
              │
drain  ◀──────┘ twice a second, oldest first; once one drain went through, deliveries go to the database again
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from receiver import events, inbox, signature
from receiver.database import Connection, Connections, query
from receiver.errors import StoreRefusedError, StoreUnavailableError
from receiver.events import Event, Unreadable
from receiver.failpoints import Failpoint, reach
from receiver.handling import Handler
from receiver.health import Finding
from receiver.inbox import Delivery, Status
from receiver.registry import interested
from receiver.spool import Spool

log = logging.getLogger(__name__)

# Together below the 3 s that a delivery is promised, and that is far below the 10 s that the provider waits.
DATABASE_SECONDS = 2.0
SPOOL_SECONDS = 0.9
BETWEEN_DRAINS_SECONDS = 0.5
LOOK_SECONDS = 5.0  # for what a killed process left


@dataclass(frozen=True, slots=True)
class Spooled:
    """A delivery as it lies in the spool: the bytes as they were signed, and what they do not tell.

    What was judged unreadable stays so: why may have to do with where it came to.
    """

    source: str
    api_url: str
    secret_fingerprint: str
    unreadable: str | None
    raw: bytes

    def to_bytes(self) -> bytes:
        """Return it as one record: a line of JSON, then the body."""
        head = [self.source, self.api_url, self.secret_fingerprint, self.unreadable]
        return json.dumps(head).encode() + b"\n" + self.raw

    def delivery(self) -> Delivery:
        """Return the delivery that was spooled."""
        content = (
            events.read(self.source, self.raw)
            if self.unreadable is None
            else events.unreadable(self.source, self.raw, self.unreadable)
        )
        return Delivery(content, self.api_url, self.secret_fingerprint)


def read_spooled(record: bytes) -> Spooled:
    """Return the delivery in a record."""
    head, _, raw = record.partition(b"\n")
    source, api_url, secret_fingerprint, unreadable = json.loads(head)
    return Spooled(source, api_url, secret_fingerprint, unreadable, raw)


class Store:
    """Where deliveries go.

    Args:
        connections: the answer path's own.
        spool: takes what the database does not.
        handlers: each delivery gets a job for every one that is interested.
        api_url: whose deliveries these are.
        stored: called when there are new jobs.
    """

    def __init__(
        self,
        *,
        connections: Connections,
        spool: Spool,
        handlers: Mapping[str, Handler],
        api_url: str,
        stored: Callable[[], None],
    ) -> None:
        self._connections = connections
        self._spool = spool
        self._handlers = handlers
        self._api_url = api_url
        self._stored = stored
        self._away_since: float | None = None
        self._hurry = asyncio.Event()
        self._looking: asyncio.Task[tuple[bool, str]] | None = None

    async def append(self, content: Event | Unreadable, secret: bytes) -> Status:
        """Return when a delivery is on disk; what is spooled counts as stored, whatever it turns out to be.

        Raises:
            StoreUnavailableError: neither the database nor the spool takes it now.
        """
        delivery = Delivery(content, self._api_url, signature.fingerprint(secret))
        tried = self._away_since is None
        if tried:
            try:
                return await self._append(delivery, seconds=DATABASE_SECONDS)
            except StoreRefusedError as exc:
                log.error("%s; it is kept aside in the spool", exc)
            except StoreUnavailableError as exc:
                self._leave(exc)
        reason = content.reason if isinstance(content, Unreadable) else None
        spooled = Spooled(content.source, self._api_url, delivery.secret_fingerprint, reason, content.raw)
        try:
            await self._spool.append(spooled.to_bytes(), seconds=SPOOL_SECONDS)
        except StoreUnavailableError as refusal:
            if tried:
                raise
            try:
                return await self._append(delivery, seconds=DATABASE_SECONDS)  # it may be back, unnoticed
            except StoreUnavailableError:
                raise refusal from None
        return "stored"

    async def check(self) -> Finding:
        """Return whether the spool takes deliveries, and how full it is; anyone may ask, so one looks at a time."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(asyncio.to_thread(self._spool.check))
        await asyncio.wait({self._looking}, timeout=SPOOL_SECONDS)
        holds, seen = self._looking.result() if self._looking.done() else (False, "its disk does not answer")
        return Finding("spool", holds=holds, seen=seen)

    async def keep_drained(self) -> None:
        """Drain the spool whenever it holds anything, first of all what an earlier process left; until cancelled."""
        while True:
            self._hurry.clear()
            await self.drain()
            await asyncio.sleep(BETWEEN_DRAINS_SECONDS)
            if self._away_since is None:
                # Not wait_for: in Python 3.11 it loses a cancellation that comes at the same moment as the hurry.
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._hurry.wait()

    async def drain(self) -> None:
        """Bring what is in the spool into the database, if that is there."""
        try:
            if self._away_since is not None:
                await self._connections.run(_probe, seconds=DATABASE_SECONDS)
            taken = await self._spool.drain(self._take)
        except (StoreUnavailableError, OSError) as exc:
            log.debug("the spool is not drained: %s", exc)
            return
        if self._away_since is not None:
            log.warning("the database is back after %.0f s", time.monotonic() - self._away_since)
            self._away_since = None
        if taken:
            log.warning("brought %d spooled deliveries into the database", taken)

    async def _take(self, record: bytes) -> None:
        try:
            delivery = read_spooled(record).delivery()
        except (ValueError, TypeError, RecursionError) as exc:
            raise StoreRefusedError("another version of the receiver has spooled it") from exc
        await self._append(delivery, seconds=DATABASE_SECONDS)

    async def _append(self, delivery: Delivery, *, seconds: float) -> Status:
        content = delivery.content
        wanted = interested(self._handlers.values(), content.type) if isinstance(content, Event) else []
        reach(Failpoint.BEFORE_COMMIT)
        status = await self._connections.run(lambda c: inbox.append(c, delivery, wanted), seconds=seconds)
        reach(Failpoint.AFTER_COMMIT)
        if wanted and status == "stored":
            self._stored()
        return status

    def _leave(self, error: StoreUnavailableError) -> None:
        """Let the following deliveries go straight to the spool, so that an outage costs only the first ones a wait."""
        if self._away_since is None:
            log.error("%s; deliveries go to the spool until it is back", error)
            self._away_since = time.monotonic()
        self._hurry.set()


async def _probe(connection: Connection) -> None:
    await connection.fetchval(query("backend_pid"))

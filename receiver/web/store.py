"""Make an authentic delivery durable: in the database, else in the spool; and drain the spool into the database.

commit ──▶ database, 2 s, with what else waits ──▶ stored | duplicate | quarantined
              │ refuses this delivery, or has no free connection: only this delivery goes to the spool
              │ away, hung, full, read-only: from now on deliveries go straight to the spool
              ▼
           spool, 0.9 s ──▶ stored          full, or a disk that fails ──▶ the database once more, else 503
              │
drain  ◀──────┘ at once, and twice a second while the database is away; oldest first, many together
                after the first success deliveries go to the database

If the database refuses a spooled record, the fault is the database's or the record's. Error codes do not show which: a
missing right and a row-level policy share one code. So a record that is refused while others are stored is kept aside.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Literal, TypeAlias

from receiver import providers, signature
from receiver.database import Connection, Connections, database_id
from receiver.database.hint import Hint
from receiver.errors import StoreBusyError, StoreRefusedError, StoreUnavailableError
from receiver.events import Event, Unreadable
from receiver.handling import Handler
from receiver.handling.discovery import interested
from receiver.health import Finding, checks
from receiver.inbox import deliveries as inbox
from receiver.inbox import spooled
from receiver.inbox.commit import Commits
from receiver.inbox.deliveries import Delivery, Status
from receiver.inbox.spool import Condition, Fate, Spool
from receiver.logs import traces
from receiver.logs.seldom import Heard, Seldom
from receiver.webhooks.keyring import Proven

log = logging.getLogger(__name__)

BETWEEN_LINES_SECONDS = 10.0
REASONS = 3  # in a line
TYPES = 1000  # of events, whose handlers are remembered; to look them up takes 2 µs
PROBE = Event("receiver", "probe", "receiver.probe", raw=b'{"id": "probe", "event": "receiver.probe"}')


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Times in seconds. `database` and `spool` together are below the promised 3 s; the provider waits for 10.

    Attributes:
        database, spool: how long each of them has to make a delivery durable.
        statement: when the server ends a stuck statement; the fault is then the delivery's, not the database's.
        between_drains: between two drains while the database is away.
        look: between two looks for records of a killed process, and at the spool's own free space.
        question: how long readiness and the reading of secrets wait for the database. A delivery that no known secret
            proves waits up to a second before that.
    """

    database: float = 2.0
    statement: float = 1.5
    spool: float = 0.9
    between_drains: float = 0.5
    look: float = 5.0
    question: float = 1.9


SERVICE = Deadlines()
Kept: TypeAlias = Status | Literal["spooled"]


class _RollBackError(Exception):
    """Ends a transaction that was only a trial."""


class Store:
    """The place where deliveries become durable.

    Args:
        connections: the answer path's own.
        spool: keeps the deliveries that the database does not store.
        database: the id of the database; None if it is not known yet.
        address: a fingerprint of the database's address, which names the database until its id is known.
        handlers: each delivery gets a job for every interested one.
        stored: called when there are new jobs.
        met: awaited with the database's id whenever the database has returned it.
        takes_over: whether to store deliveries in this database that were spooled for another one.
    """

    def __init__(
        self,
        *,
        connections: Connections,
        spool: Spool,
        database: str | None,
        address: str | None = None,
        handlers: Mapping[str, Handler],
        stored: Callable[[], None],
        met: Callable[[str], Awaitable[None]] | None = None,
        deadlines: Deadlines = SERVICE,
        takes_over: bool = False,
    ) -> None:
        self._takes_over = takes_over
        self._connections = connections
        self._spool = spool
        self._database = database
        self._address = address
        self._is_met = False
        known = list(handlers.values())
        self._interested = lru_cache(TYPES)(lambda kind, source: tuple(interested(known, kind, source)))
        self._met = met
        self._deadlines = deadlines
        self._commits = Commits(connections, seconds=deadlines.database, stored=stored, away=self.leave)
        self._away_since: float | None = None
        self._why = ""
        self._hurry = Hint()
        self._alone = Seldom(_say_alone, seconds=BETWEEN_LINES_SECONDS)
        self._looking: asyncio.Task[Condition] | None = None
        self.looked: Condition | None = None  # the spool's state at the last look

    def delivery(self, content: Event | Unreadable, proven: Proven) -> Delivery:
        """Return an authentic delivery, with the handlers that want it."""
        return Delivery(
            content, proven.account.api_url, signature.fingerprint(proven.secret), self._wanted(content),
            account=proven.account.account, callback_for=proven.callback_for, seconds_off=proven.seconds_off,
        )  # fmt: skip

    def commit(self, delivery: Delivery) -> "asyncio.Future[Status] | None":
        """Begin to store a delivery in the database; return None while that is away. Then call `save`."""
        if self._away_since is not None:
            return None
        return traces.stored(self._commits.add(delivery), delivery.traceparent)

    async def save(self, delivery: Delivery, tried: "asyncio.Future[Status] | None") -> Kept:
        """Return the status of a delivery once it is on disk.

        Args:
            delivery: the delivery.
            tried: what `commit` has returned for it.

        Raises:
            StoreUnavailableError: neither the database nor the spool can store the delivery now.
        """
        if tried is not None:
            try:
                return await tried
            except (StoreBusyError, StoreRefusedError) as exc:
                self._alone.note(str(exc))
            except StoreUnavailableError as exc:
                log.debug("a delivery goes to the spool: %s", exc)
            except Exception:
                log.exception("a bug in receiver; this one delivery goes to the spool")
        record = spooled.spooled(delivery, self._database, self._address, at=time.time()).to_bytes()
        try:
            await traces.spooled(self._spool.append(record, seconds=self._deadlines.spool), delivery.traceparent)
        except StoreUnavailableError as refusal:
            if tried is not None:
                raise
            try:  # the database might be back, unnoticed
                status = await traces.stored(self._commits.add(delivery), delivery.traceparent)
            except StoreUnavailableError:
                raise refusal from None
            self._return()
            return status
        self._hurry.give()  # not earlier: the drain might end before this record is there
        return "spooled"

    async def check(self) -> Finding:
        """Return whether the spool can keep deliveries, and how full it is. Anyone can ask; one look runs at a time."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._spool.condition())
        await asyncio.wait({self._looking}, timeout=self._deadlines.spool)
        if not self._looking.done():
            return Finding("spool", holds=False, seen="its disk does not answer")
        try:
            self.looked = self._looking.result()
            found = checks.spool(self.looked, database_answers=self._away_since is None)
        except (OSError, RuntimeError) as exc:
            return Finding("spool", holds=False, seen=f"its state cannot be read ({exc})")
        if self._away_since is None:
            return found
        # The database might answer questions but store nothing, for example on a full disk.
        since = f"deliveries have waited here for {time.monotonic() - self._away_since:.0f} s, because {self._why}"
        return replace(found, holds=False, todo="; ".join(filter(None, (since, found.todo))))

    async def make_ready(self) -> None:
        """Prepare and test the spool before an outage needs it, and log a warning about its problems."""
        making = asyncio.create_task(self._spool.make_ready())
        await asyncio.wait({making}, timeout=self._deadlines.question)  # a disk that hangs must not stop the start
        if (found := await self.check()).holds and found.todo:
            log.warning("the spool: %s", found.todo)

    async def close(self) -> None:
        """Close the spool. Its records wait for the next process."""
        self._alone.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._spool.close(), self._deadlines.question)

    async def keep_drained(self) -> None:
        """Drain the spool whenever it holds records, until cancelled. Begin with the records of earlier processes."""
        while True:
            self._hurry.take()
            await self._spool.make_ready()
            await self.drain()
            await asyncio.sleep(self._deadlines.between_drains)
            if self._away_since is None:
                await self._hurry.within(self._deadlines.look)

    async def drain(self) -> None:
        """Bring the spooled deliveries into the database, unless it is away."""
        try:
            stored = await self.bring_in()
        except (StoreUnavailableError, OSError) as exc:
            log.debug("the spool is not drained: %s", exc)
            return
        if stored:
            log.warning("stored %d spooled deliveries in the database", stored)

    async def bring_in(self) -> int:
        """Bring the spooled deliveries into the database, and return how many it has stored.

        Raises:
            StoreUnavailableError: the database is away, or stores nothing at all.
        """
        if self._away_since is not None or not self._is_met:
            await self._meet()
        stored = await self._spool.drain(self._take)
        self._return()
        return stored

    async def _meet(self) -> None:
        """Ask the database for its id."""
        before = self._database
        self._database = await self._connections.run(database_id, seconds=self._deadlines.database)
        if self._database != before:
            self._spool.look_again()
        self._is_met = True
        if self._met is not None:
            await self._met(self._database)

    async def _take(self, records: Sequence[bytes]) -> list[Fate]:
        """Store spooled records, and return the fate of each.

        Raises:
            StoreUnavailableError: the database is away, or stores nothing at all.
        """
        fates = [Fate.FOREIGN] * len(records)
        deliveries: dict[int, Delivery] = {}
        for place, record in enumerate(records):
            try:
                entry = spooled.read(record)
                if self._takes_over or entry.is_for(self._database, self._address):
                    delivery = entry.delivery(providers.read)
                    deliveries[place] = replace(delivery, handlers=self._wanted(delivery.content))
            except Exception as exc:  # noqa: BLE001 - one bad record must not stop the others
                log.error("a spooled record cannot be read, and is kept in a separate file: %s", exc)
                fates[place] = Fate.REFUSED
        if deliveries:
            stored = await self._store_spooled(list(deliveries.values()))
            fates = [stored.pop(0) if place in deliveries else fate for place, fate in enumerate(fates)]
        if Fate.STORED in fates:
            self._return()  # new deliveries need not wait until the spool is empty
        return fates

    async def _store_spooled(self, deliveries: Sequence[Delivery]) -> list[Fate]:
        """Store deliveries together, or one by one if the database refuses one of them; return the fate of each."""
        fates: list[Fate] = []
        for result in await self._commits.together(deliveries):
            if isinstance(result, StoreRefusedError):
                log.error("the database did not store a spooled delivery: %s", result)
                fates.append(Fate.LATER if result.passing else Fate.REFUSED)
            else:
                fates.append(Fate.LATER if isinstance(result, StoreUnavailableError) else Fate.STORED)
        if Fate.REFUSED in fates and Fate.STORED not in fates:
            wanted = {name for delivery in deliveries for name in delivery.handlers}
            probe = partial(self._probe, handlers=tuple(sorted(wanted)))
            await self._connections.run(probe, seconds=self._deadlines.database)
        return fates

    async def _probe(self, connection: Connection, *, handlers: tuple[str, ...]) -> None:
        """Store a made-up delivery with jobs for these handlers, and roll it back.

        Raises:
            StoreUnavailableError: the database stores no delivery at all, so the refused ones are not at fault.
        """
        with suppress(_RollBackError):
            async with connection.transaction():
                await inbox.append(connection, [Delivery(PROBE, "probe", "probe", handlers)])
                raise _RollBackError

    def _wanted(self, content: Event | Unreadable) -> tuple[str, ...]:
        return self._interested(content.type, content.source) if isinstance(content, Event) else ()

    def leave(self, error: StoreUnavailableError) -> None:
        """Send the next deliveries straight to the spool: only the first ones of an outage have to wait.

        A lock on a whole table is no outage, because the database answers. While it lasts, each delivery waits before
        it is spooled: 0.3 s if it is alone, 2 s beside many.
        """
        is_new, self._away_since = self._away_since is None, self._away_since or time.monotonic()
        self._why = str(error)
        self._hurry.give()
        if is_new:
            log.error("%s; deliveries go to the spool until the database is back", error)

    def _return(self) -> None:
        """Send deliveries to the database again."""
        since, self._away_since = self._away_since, None
        if since is not None:
            log.warning("the database is back after %.0f s", time.monotonic() - since)


def _say_alone(heard: Sequence[Heard]) -> None:
    """Log why deliveries went to the spool although the database is there for others."""
    reasons = ", ".join(f"{kind.count} x {kind.what}" for kind in heard[:REASONS])
    log.error("deliveries went to the spool: %s", reasons)

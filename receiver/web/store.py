"""Make an authentic delivery durable: in the database, else in the spool, which drains by itself.

append ──▶ database, 2 s ──▶ stored | duplicate | quarantined
              │ does not take this one, or has no connection free: the others are none of its trouble
              │ away, hung, full, read-only: from now on deliveries go straight to the spool
              ▼
           spool, 0.9 s ──▶ stored          full, or a disk that fails ──▶ StoreUnavailableError, 503
              │
drain  ◀──────┘ twice a second, oldest first, many at once; once the database has taken some, it is asked again

Which of its records the database cannot take now and which never, only the others tell: one that fails for its own
sake, while others go through, is kept aside. No list of error codes could tell: a row-level policy that refuses one
delivery and a missing right that refuses all have the same code.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from receiver import events, signature
from receiver.database import Connection, Connections, query
from receiver.database.apart import together
from receiver.database.hint import Hint
from receiver.errors import StoreBusyError, StoreRefusedError, StoreUnavailableError
from receiver.events import Event, Unreadable
from receiver.failpoints import Failpoint, reach
from receiver.handling import Handler
from receiver.handling.discovery import interested
from receiver.health import Finding, checks
from receiver.inbox import deliveries as inbox
from receiver.inbox import spooled
from receiver.inbox.deliveries import Delivery, Status
from receiver.inbox.spool import Condition, Fate, Spool
from receiver.logs.seldom import Heard, Seldom
from receiver.webhooks.keyring import Proven

log = logging.getLogger(__name__)

BETWEEN_LINES_SECONDS = 10.0
PROBE = b'{"id": "probe", "event": "receiver.probe"}'


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. The first two together are below the 3 s that a delivery is promised; the provider waits for 10.

    Attributes:
        database, spool: how long each may take to make a delivery durable.
        statement: when the server ends a statement that is stuck, as that delivery's own trouble.
        between_drains: between two drains while the database is away.
        look: between two looks for what a killed process left, and for the spool's own room.
        question: how long readiness and the reading of secrets wait for the database.
    """

    database: float = 2.0
    statement: float = 1.5
    spool: float = 0.9
    between_drains: float = 0.5
    look: float = 5.0
    question: float = 3.0


SERVICE = Deadlines()


class _RollBackError(Exception):
    """Ends a transaction that was only a trial."""


class Store:
    """Where deliveries go.

    Args:
        connections: the answer path's own.
        spool: takes what the database does not.
        database: the id of the database, as far as it is known.
        address: a fingerprint of where that is, by which it is known until it has told its id.
        handlers: each delivery gets a job for every one that is interested.
        api_url: whose deliveries these are.
        stored: called when there are new jobs.
        met: awaited with the id that the database has told.
        takes_over: whether what was spooled for another database is stored in this one too.
    """

    def __init__(
        self,
        *,
        connections: Connections,
        spool: Spool,
        database: str | None,
        address: str | None = None,
        handlers: Mapping[str, Handler],
        api_url: str,
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
        self._handlers = handlers
        self._api_url = api_url
        self._stored = stored
        self._met = met
        self._deadlines = deadlines
        self._away_since: float | None = None
        self._why = ""
        self._hurry = Hint()
        self._crowded = Seldom(_say_crowded, seconds=BETWEEN_LINES_SECONDS)
        self._looking: asyncio.Task[Condition] | None = None

    async def append(self, content: Event | Unreadable, proven: Proven) -> Status:
        """Return when a delivery is on disk; what is spooled counts as stored, whatever it turns out to be.

        Raises:
            StoreUnavailableError: neither the database nor the spool takes it now.
        """
        secret, wanted = signature.fingerprint(proven.secret), self._wanted(content)
        delivery = Delivery(content, self._api_url, secret, wanted, callback_for=proven.callback_for)
        tried = self._away_since is None
        if tried:
            try:
                return await self._append(delivery)
            except StoreBusyError as exc:
                self._crowded.note(str(exc))
            except StoreRefusedError as exc:
                log.error("%s; this one delivery goes to the spool", exc)
            except StoreUnavailableError as exc:
                self._leave(exc)
            except Exception:
                log.exception("a bug of ours; this one delivery goes to the spool")
            self._hurry.give()
        record = spooled.spooled(delivery, self._database, self._address).to_bytes()
        try:
            await self._spool.append(record, seconds=self._deadlines.spool)
        except StoreUnavailableError as refusal:
            if tried:
                raise
            try:
                status = await self._append(delivery)  # it may be back, unnoticed
            except StoreUnavailableError:
                raise refusal from None
            self._return()
            return status
        return "stored"

    async def check(self) -> Finding:
        """Return whether the spool takes deliveries, and how full it is; anyone may ask, so one looks at a time."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._spool.condition())
        await asyncio.wait({self._looking}, timeout=self._deadlines.spool)
        if not self._looking.done():
            return Finding("spool", holds=False, seen="its disk does not answer")
        try:
            found = checks.spool(self._looking.result(), database_answers=self._away_since is None)
        except (OSError, RuntimeError) as exc:
            return Finding("spool", holds=False, seen=f"it cannot be looked at ({exc})")
        if self._away_since is None:
            return found
        # The database may answer questions while it takes nothing, on a full disk say.
        since = f"deliveries wait here since {time.monotonic() - self._away_since:.0f} s, because {self._why}"
        return replace(found, holds=False, todo="; ".join(filter(None, (since, found.todo))))

    async def make_ready(self) -> None:
        """Try what only an outage needs; what of it is missing is said loudly."""
        making = asyncio.create_task(self._spool.make_ready())
        await asyncio.wait({making}, timeout=self._deadlines.question)  # a disk that hangs keeps nobody from starting
        if (found := await self.check()).holds and found.todo:
            log.warning("the spool: %s", found.todo)

    async def close(self) -> None:
        """Let go of the spool; what is in it waits for the next process."""
        self._crowded.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._spool.close(), self._deadlines.question)

    async def keep_drained(self) -> None:
        """Drain the spool whenever it holds anything, first of all what an earlier process left; until cancelled."""
        while True:
            self._hurry.take()
            await self._spool.make_ready()
            await self.drain()
            await asyncio.sleep(self._deadlines.between_drains)
            if self._away_since is None:
                await self._hurry.within(self._deadlines.look)

    async def drain(self) -> None:
        """Bring what is in the spool into the database, if that is there."""
        try:
            taken = await self.bring_in()
        except (StoreUnavailableError, OSError) as exc:
            log.debug("the spool is not drained: %s", exc)
            return
        if taken:
            log.warning("brought %d spooled deliveries into the database", taken)

    async def bring_in(self) -> int:
        """Bring what is in the spool into the database; returns how many deliveries that has taken.

        Raises:
            StoreUnavailableError: it is not there, or takes nothing at all.
        """
        if self._away_since is not None or not self._is_met:
            await self._meet()
        taken = await self._spool.drain(self._take)
        self._return()
        return taken

    async def _meet(self) -> None:
        """Ask the database who it is."""
        before = self._database
        self._database = await self._connections.run(_name, seconds=self._deadlines.database)
        if self._database != before:
            self._spool.look_again()
        self._is_met = True
        if self._met is not None:
            await self._met(self._database)

    async def _take(self, records: Sequence[bytes]) -> list[Fate]:
        """Store records, and say what became of each.

        Raises:
            StoreUnavailableError: the database is away, or takes nothing at all.
        """
        fates = [Fate.FOREIGN] * len(records)
        deliveries: dict[int, Delivery] = {}
        for place, record in enumerate(records):
            try:
                one = spooled.read(record)
                if self._takes_over or one.is_for(self._database, self._address):
                    delivery = one.delivery()
                    deliveries[place] = replace(delivery, handlers=self._wanted(delivery.content))
            except Exception as exc:  # noqa: BLE001 - whatever is wrong with one, the others go on
                log.error("a spooled record is kept aside: %s", exc)
                fates[place] = Fate.REFUSED
        if deliveries:
            fates_of = await self._take_apart(list(deliveries.values()))
            fates = [fates_of.pop(0) if place in deliveries else fate for place, fate in enumerate(fates)]
        if Fate.TAKEN in fates:
            self._return()  # new deliveries need not wait for all the old ones
        return fates

    async def _take_apart(self, deliveries: Sequence[Delivery]) -> list[Fate]:
        """Store deliveries together, or one by one where one of them cannot be."""
        fates: list[Fate] = []
        reach(Failpoint.BEFORE_COMMIT)
        for some, came in await together(self._connections, deliveries, inbox.append, seconds=self._deadlines.database):
            if isinstance(came, StoreRefusedError):
                log.error("a spooled delivery is not taken: %s", came)
                fates.append(Fate.LATER if came.passing else Fate.REFUSED)
            else:
                self._tell(some, came)
                fates += [Fate.TAKEN] * len(some)
        reach(Failpoint.AFTER_COMMIT)
        if Fate.REFUSED in fates and Fate.TAKEN not in fates:
            wanted = {name for delivery in deliveries for name in delivery.handlers}
            probe = partial(self._probe, handlers=tuple(sorted(wanted)))
            await self._connections.run(probe, seconds=self._deadlines.database)
        return fates

    async def _probe(self, connection: Connection, *, handlers: tuple[str, ...]) -> None:
        """Try whether the database takes any delivery at all, with jobs for these handlers, and take that back.

        Raises:
            StoreUnavailableError: it does not, so that it is not the deliveries' own trouble.
        """
        content = events.read("receiver", PROBE)
        with suppress(_RollBackError):
            async with connection.transaction():
                await inbox.append(connection, [Delivery(content, self._api_url, "probe", handlers)])
                raise _RollBackError

    def _wanted(self, content: Event | Unreadable) -> tuple[str, ...]:
        return tuple(interested(self._handlers.values(), content.type)) if isinstance(content, Event) else ()

    async def _append(self, delivery: Delivery) -> Status:
        reach(Failpoint.BEFORE_COMMIT)
        answers = await self._connections.run(
            lambda connection: inbox.append(connection, [delivery]), seconds=self._deadlines.database
        )
        reach(Failpoint.AFTER_COMMIT)
        self._tell([delivery], answers)
        return answers[0]

    def _tell(self, deliveries: Sequence[Delivery], answers: Sequence[Status]) -> None:
        """Say that there are new jobs, where there are."""
        if any(one.handlers and status == "stored" for one, status in zip(deliveries, answers, strict=True)):
            self._stored()

    def _leave(self, error: StoreUnavailableError) -> None:
        """Let the following deliveries go straight to the spool, so that an outage costs only the first ones a wait."""
        was_there, self._away_since = self._away_since is None, self._away_since or time.monotonic()
        self._why = str(error)
        self._hurry.give()
        if was_there:
            log.error("%s; deliveries go to the spool until it is back", error)

    def _return(self) -> None:
        """Let deliveries go to the database again."""
        since, self._away_since = self._away_since, None
        if since is not None:
            log.warning("the database is back after %.0f s", time.monotonic() - since)


def _say_crowded(heard: Sequence[Heard]) -> None:
    said = ", ".join(f"{one.count} x {one.what}" for one in heard)
    log.error("deliveries went to the spool: %s", said)


async def _name(connection: Connection) -> str:
    name: str = await connection.fetchval(query("database/database_id"))
    return name

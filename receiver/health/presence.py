"""Record which processes run: each web process and worker notes in the database every few seconds that it runs."""

import asyncio
import json
import logging
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib import metadata
from typing import Literal

from receiver.database import Connection, Connections, Database, query
from receiver.errors import StoreRefusedError, StoreUnavailableError
from receiver.health.counts import Counts
from receiver.health.organs import Organs
from receiver.health.telling import UNSEEN, Teller, Told
from receiver.inbox.attempts import this_host
from receiver.logs.seldom import Seldom

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Times, in seconds.

    Attributes:
        between: the pause between two notes that the process runs.
        telling: the pause between two notes of what it knows.
        statement: how long the statement of a note can take.
        leaving: how long each of the last two statements can take.
        forget: the pause between two removals of what is old.
    """

    between: float = 1.5
    telling: float = 3.0
    statement: float = 1.5
    leaving: float = 1.0
    forget: float = 600.0


@dataclass(frozen=True, slots=True)
class Workers:
    """What is known about the workers of an API.

    Attributes:
        api_url: the API.
        ago: how long ago a worker was last seen; None if no worker is recorded.
        jobs_wait: whether no worker was seen lately although jobs are due.
        trouble: why one of the running workers cannot claim jobs; None if all can.
    """

    api_url: str
    ago: timedelta | None
    jobs_wait: bool
    trouble: str | None = None


class Presence:
    """The row of this process in the database. A clean end removes it.

    Args:
        connections: runs the statements.
        kind: what the process is.
        api_url: the API whose events it takes.
        trouble: returns why the process cannot do its work; None if it can. Everyone can read this text.
        counts: what the process counts.
        told: returns what else it knows.
        deadlines: how often, and for how long.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        kind: Literal["web", "worker"],
        api_url: str,
        trouble: Callable[[], str | None] = lambda: None,
        counts: Counts | None = None,
        told: Callable[[], Awaitable[Told]] | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._connections = connections
        self._trouble = trouble
        self._teller = Teller(counts or Counts())
        self._refused = Seldom.warning(log, "what this process knows is not written down")
        self._told = told
        self._deadlines = deadlines or Deadlines()
        self._began = time.monotonic()
        self._id = uuid.uuid4()
        self._who = (kind, api_url, this_host(), os.getpid(), version())

    def add_to(self, organs: Organs) -> None:
        """Add what keeps the row. Whether the process is seen does not depend on what it tells."""
        organs.add("presence", self.keep)
        organs.add("telling", self.tell)

    async def keep(self) -> None:
        """Note every few seconds that this process runs, until cancelled. An outage of the database is ignored."""
        forgotten = float("-inf")
        while True:
            if time.monotonic() - forgotten >= self._deadlines.forget:
                forgotten = time.monotonic()
                await self._try(_forget_old, self._deadlines.statement)
            await self._try(self._see, self._deadlines.statement)
            await asyncio.sleep(self._deadlines.between)

    async def tell(self) -> None:
        """Write down every few seconds what this process knows, until cancelled."""
        while True:
            if self._told is not None:
                await self._try(partial(self._note, await self._told()), self._deadlines.statement)
            await self._try(self._count, self._deadlines.statement)
            await asyncio.sleep(self._deadlines.telling)

    async def leave(self) -> None:
        """Write down the last counts, and remove the row, so that this process is not reported as missing.

        If they are not written down, the row stays: it knows which were.
        """
        if await self._try(self._count, self._deadlines.leaving):
            await self._try(self._leave, self._deadlines.leaving)

    async def _try(self, work: Callable[[Connection], Awaitable[None]], seconds: float) -> bool:
        """Return whether it was done."""
        try:
            await self._connections.run(work, seconds=seconds)
        except StoreRefusedError as exc:
            self._refused.note(str(exc))
        except StoreUnavailableError as exc:
            log.debug("not written down: %s", exc)
        else:
            return True
        return False

    async def _count(self, connection: Connection) -> None:
        await self._teller.tell(connection, self._id)

    async def _note(self, told: Told, connection: Connection) -> None:
        await connection.execute(query("health/note_told"), self._id, json.dumps(told.to_json()))

    async def _see(self, connection: Connection) -> None:
        age = timedelta(seconds=time.monotonic() - self._began)
        await connection.execute(query("health/see_process"), self._id, *self._who, age, self._trouble())

    async def _leave(self, connection: Connection) -> None:
        await connection.execute(query("health/leave_process"), self._id)


async def missing_worker(
    db: Database, *, handlers: Iterable[str], api_url: str, waiting: timedelta = timedelta(0)
) -> Workers:
    """Check whether a worker runs for an API. If not, check whether jobs of `handlers` have been due for `waiting`."""
    row = await db.fetchrow(query("health/missing_worker"), list(handlers), api_url, UNSEEN, waiting)
    assert row is not None, "an aggregate always returns a row"
    return Workers(api_url, **dict(row))


def version() -> str:
    """Return the version of this process."""
    try:
        return metadata.version("receiver")
    except metadata.PackageNotFoundError:  # run from a checkout
        return "unknown"


async def _forget_old(connection: Connection) -> None:
    await connection.execute(query("health/forget_processes"))
    await connection.execute(query("health/forget_minutes"))

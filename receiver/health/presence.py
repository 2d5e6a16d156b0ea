"""Record which processes run: each web process and worker notes in the database every few seconds that it runs."""

import asyncio
import os
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib import metadata
from typing import Literal

from receiver.database import Connection, Connections, Database, query
from receiver.errors import StoreUnavailableError
from receiver.inbox.attempts import this_host


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Times, in seconds.

    Attributes:
        between: the pause between two notes that the process runs.
        statement: how long the statement of a note can take.
        leaving: how long the statement can take that removes the row.
    """

    between: float = 3.0
    statement: float = 3.0
    leaving: float = 1.0


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


@dataclass(frozen=True, slots=True)
class Running:
    """How many processes of an API were seen lately."""

    web: int
    workers: int


UNSEEN = timedelta(seconds=10)  # one note can get lost, even if its statement takes all its time


class Presence:
    """The row of this process in the database. A clean end removes it.

    `trouble` returns why the process cannot do its work; None if it can. Everyone can read this text.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        kind: Literal["web", "worker"],
        api_url: str,
        trouble: Callable[[], str | None] = lambda: None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._connections = connections
        self._trouble = trouble
        self._deadlines = deadlines or Deadlines()
        self._began = time.monotonic()
        self._id = uuid.uuid4()
        self._who = (kind, api_url, this_host(), os.getpid(), _version())

    async def keep(self) -> None:
        """Note every few seconds that this process runs, until cancelled. An outage of the database is ignored."""
        with suppress(StoreUnavailableError):
            await self._connections.run(_forget_old, seconds=self._deadlines.statement)
        while True:
            with suppress(StoreUnavailableError):
                await self._connections.run(self._see, seconds=self._deadlines.statement)
            await asyncio.sleep(self._deadlines.between)

    async def leave(self) -> None:
        """Remove the row, so that this process is not reported as missing."""
        with suppress(StoreUnavailableError):
            await self._connections.run(self._leave, seconds=self._deadlines.leaving)

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


async def running(db: Database, api_url: str) -> Running:
    """Return how many processes run for an API."""
    row = await db.fetchrow(query("health/count_processes"), api_url, UNSEEN)
    assert row is not None, "an aggregate always returns a row"
    return Running(**dict(row))


def _version() -> str:
    try:
        return metadata.version("receiver")
    except metadata.PackageNotFoundError:  # run from a checkout
        return "unknown"


async def _forget_old(connection: Connection) -> None:
    await connection.execute(query("health/forget_processes"))

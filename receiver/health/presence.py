"""Who runs: web processes and workers say so in the database every few seconds, and one that is gone is missed."""

import asyncio
import os
import socket
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


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How often a process is seen, and how long its statements may take, in seconds."""

    between: float = 3.0
    statement: float = 3.0
    leaving: float = 1.0


@dataclass(frozen=True, slots=True)
class Missing:
    """How long ago a worker of an API was seen (None: there is none), and whether jobs wait for a new one.

    `trouble` is what keeps one that runs from claiming jobs.
    """

    api_url: str
    ago: timedelta | None
    jobs_wait: bool
    trouble: str | None = None


UNSEEN = timedelta(seconds=8)  # two beats may get lost, and one that is gone shows within ten seconds


class Presence:
    """The row of this process, which a clean end takes away.

    `trouble` says what keeps the process from its work, for strangers too; None where nothing does.
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
        host = socket.gethostname().encode("ascii", "replace").decode("ascii")
        self._who = (kind, api_url, host, os.getpid(), _version())

    async def keep(self) -> None:
        """Be seen again and again, until cancelled; while the database is away that is nobody's trouble."""
        with suppress(StoreUnavailableError):
            await self._connections.run(_forget_old, seconds=self._deadlines.statement)
        while True:
            with suppress(StoreUnavailableError):
                await self._connections.run(self._see, seconds=self._deadlines.statement)
            await asyncio.sleep(self._deadlines.between)

    async def leave(self) -> None:
        """Be missed by nobody."""
        with suppress(StoreUnavailableError):
            await self._connections.run(self._leave, seconds=self._deadlines.leaving)

    async def _see(self, connection: Connection) -> None:
        age = timedelta(seconds=time.monotonic() - self._began)
        await connection.execute(query("health/see_process"), self._id, *self._who, age, self._trouble())

    async def _leave(self, connection: Connection) -> None:
        await connection.execute(query("health/leave_process"), self._id)


async def missing_worker(
    db: Database, *, handlers: Iterable[str], api_url: str, waiting: timedelta = timedelta(0)
) -> Missing:
    """Look whether a worker runs for an API, and whether jobs of these handlers have been due for `waiting` without."""
    row = await db.fetchrow(query("health/missing_worker"), list(handlers), api_url, UNSEEN, waiting)
    assert row is not None, "an aggregate has a row"
    return Missing(api_url, **dict(row))


def _version() -> str:
    try:
        return metadata.version("receiver")
    except metadata.PackageNotFoundError:  # run from a checkout
        return "unknown"


async def _forget_old(connection: Connection) -> None:
    await connection.execute(query("health/forget_processes"))

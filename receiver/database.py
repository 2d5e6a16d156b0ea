"""Connections to PostgreSQL, and the statements we send over them.

The answer path and the worker's own statements have connections to themselves (`Connections`): a hung server holds
asyncpg past every timeout that goes through the protocol, and only ending the connection from our side gives a
delivery its answer in time.
"""

import asyncio
import functools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast
from urllib.parse import urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from receiver.errors import BusyError, ConfigError, StoreRefusedError, StoreUnavailableError

log = logging.getLogger(__name__)

T = TypeVar("T")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Lent: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"  # a connection of a pool in somebody's hands
Database: TypeAlias = "Connection | Pool"

# What ends with the connection, not with the statement: worth one more try on a new one.
# asyncpg's own InternalClientError is what it raises when the server's last word and the end arrive apart.
BROKEN = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError,
          asyncpg.OperatorInterventionError, OSError, EOFError)  # fmt: skip
# What a database does that is away, full, read-only or restarting: not our fault and not the sender's.
AWAY = (*BROKEN, asyncpg.InsufficientResourcesError, asyncpg.PostgresSystemError, asyncpg.ReadOnlySQLTransactionError,
        asyncpg.ObjectNotInPrerequisiteStateError, asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError, TimeoutError)  # fmt: skip

IDLE_SECONDS = 60.0
LOCK_SECONDS = 60.0

# A commit that has returned is on disk, whatever the server's default. Whoever falls silent in a transaction would hold
# its locks for ever, a job's row among them; the server ends the transaction instead.
SESSION = {
    "synchronous_commit": "on", "application_name": "receiver", "idle_in_transaction_session_timeout": "60s",
}  # fmt: skip

HERE = Path(__file__).parent
SQL = HERE / "sql" if (HERE / "sql").is_dir() else HERE.parent / "sql"  # inside the wheel, or beside us in a checkout


@functools.cache
def query(name: str) -> str:
    """Return the statement in `sql/queries/<name>.sql`."""
    return (SQL / "queries" / f"{name}.sql").read_text(encoding="utf-8")


async def connect(url: str, **options: Any) -> "asyncpg.Connection[asyncpg.Record]":
    """Open one connection whose commits are on disk when they return, whatever the server's default.

    Raises:
        ConfigError: the URL itself is wrong.
    """
    try:
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
            url, timeout=10, server_settings=SESSION, **options
        )
    except OSError:
        raise  # a wrong certificate is one, and a ValueError too
    except (ValueError, OverflowError, asyncpg.ClientConfigurationError) as exc:
        # Its text shows parts of the URL, which may be parts of a password that was not escaped.
        raise ConfigError(f"DATABASE_URL: cannot be used ({type(exc).__name__})") from None
    return connection


@asynccontextmanager
async def pool(url: str, *, size: int, lent: "Callable[[Lent], Awaitable[None]] | None" = None) -> AsyncIterator[Pool]:
    """Open a pool of at most `size` connections for everything but the answer path; it connects when it is used.

    `lent` is awaited with every connection that somebody gets.
    """
    connections: Pool = asyncpg.create_pool(
        url, min_size=0, max_size=size, connect=cast("Any", connect), setup=cast("Any", lent),
        max_inactive_connection_lifetime=60,
    )  # fmt: skip
    await connections
    try:
        yield connections
    finally:
        try:
            await asyncio.wait_for(connections.close(), timeout=3)
        except (TimeoutError, *BROKEN):
            connections.terminate()


@asynccontextmanager
async def session_lock(connection: Connection, number: int) -> AsyncIterator[None]:
    """Hold an advisory lock. Polled: *waiting* for one deadlocks with `create index concurrently`.

    Raises:
        BusyError: another session has held it for a minute.
    """
    for _ in range(int(LOCK_SECONDS * 10)):
        if await connection.fetchval(query("try_lock"), number):
            break
        await asyncio.sleep(0.1)
    else:
        raise BusyError("another process has been doing this for a minute; try again when it has ended")
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.fetchval(query("unlock"), number)


async def listen(url: str, channel: str, heard: Callable[[], None]) -> None:
    """Call `heard` at every notification on `channel`, and after every new connection; runs until cancelled.

    Notifications are nudges: what is sent while the connection is lost is not repeated, so `heard` is also called
    when it is back.
    """
    while True:
        connection = None
        try:
            connection = await connect(url)
            lost = asyncio.Event()
            connection.add_termination_listener(lambda *_, lost=lost: lost.set())
            await connection.add_listener(channel, lambda *_: heard())
            heard()
            await lost.wait()
        except AWAY as exc:
            log.debug("cannot listen: %s", type(exc).__name__)
        finally:
            if connection is not None:
                connection.terminate()
        await asyncio.sleep(1)


def where(url: str) -> str:
    """Return what may be shown of a connection URL: host, port and database; never user, password or options."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:  # several hosts, or a mistake
        return "the configured database"
    if parts.fragment or "@" in parts.path + parts.query:  # a password that was not escaped
        return "the configured database"
    return f"{parts.hostname or 'a local socket'}{port}{parts.path}"


class Connections:
    """A few connections whose every use has a deadline that holds: for the answer path, and for the worker's claims.

    `run` returns or raises within its deadline even when the server has stopped in the middle of a word: the work
    runs in a task of its own, and what is late is left behind with its connection terminated.
    """

    def __init__(self, url: str, *, size: int = 4) -> None:
        self._url = url
        self._idle: list[tuple[asyncpg.Connection[asyncpg.Record], float]] = []
        self._free = asyncio.Semaphore(size)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Callable[[Connection], Awaitable[T]], *, seconds: float) -> T:
        """Do `work` on a connection; once more on a new one when the first breaks, so that it may be done twice.

        Raises:
            StoreRefusedError: the database refuses what it was given.
            StoreUnavailableError: the database is away, or did not answer within `seconds`.
        """
        task = asyncio.create_task(self._work(work))
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        try:
            await asyncio.wait({task}, timeout=seconds)
        finally:
            if not task.done():
                task.cancel()
                self._drop_idle()  # where one hangs the others will
        if not task.done():
            raise StoreUnavailableError(f"the database did not answer in {seconds:g} s")
        try:
            return task.result()
        except AWAY as exc:
            raise StoreUnavailableError(f"the database is away: {type(exc).__name__}") from exc
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as exc:
            raise StoreRefusedError(f"the database refuses it: {type(exc).__name__}") from exc
        except asyncpg.PostgresError as exc:  # such as a schema that is not there (yet)
            raise StoreUnavailableError(f"the database cannot: {type(exc).__name__}") from exc

    async def _work(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async with self._free:
            try:
                return await self._on_a_connection(work)
            except BROKEN as exc:
                log.debug("a database connection broke (%s); once more on a new one", type(exc).__name__)
                self._drop_idle()
                return await self._on_a_connection(work)

    async def _on_a_connection(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        connection = self._take() or await connect(self._url)
        statement = asyncio.ensure_future(work(connection))
        try:
            # Shielded: cancelling a statement makes asyncpg wait for the server, which is what we must not do.
            result = await asyncio.shield(statement)
        except BaseException:
            connection.terminate()  # which also ends the statement
            statement.add_done_callback(lambda done: done.exception())
            raise
        self._idle.append((connection, time.monotonic()))
        return result

    def _take(self) -> "asyncpg.Connection[asyncpg.Record] | None":
        """Return the connection used last, unless it has idled so long that a NAT on the way may have forgotten it."""
        while self._idle:
            connection, since = self._idle.pop()
            if time.monotonic() - since < IDLE_SECONDS:
                return connection
            connection.terminate()
        return None

    def _forget(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen; `run` has raised it, or has given up on it

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop()[0].terminate()

    def close(self) -> None:
        """End every connection at once."""
        for task in self._tasks:
            task.cancel()
        self._drop_idle()

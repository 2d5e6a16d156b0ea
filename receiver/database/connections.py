"""What we do on PostgreSQL, and how long we wait for it: pools, locks, listening, and connections with deadlines.

The answer path and the worker's own statements have connections to themselves (`Connections`): a hung server holds
asyncpg past every timeout that goes through the protocol, and only ending the connection from our side gives a
delivery its answer in time. Measured with PostgreSQL stopped in the middle of an answer: asyncpg's own timeouts were
still waiting after 15 s, and ending the connection gave an answer after 3 s.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from receiver.database import outages
from receiver.database.dsn import where
from receiver.database.outages import AWAY, BROKEN, TROUBLE
from receiver.database.session import SQL, Connection, Session, Sessions, connect, query
from receiver.errors import BusyError, StoreBusyError, StoreUnavailableError

__all__ = [
    "AWAY", "BROKEN", "SQL", "TROUBLE", "Connection", "Connections", "Database", "Lent", "Pool", "connect",
    "listen", "pool", "query", "session_lock", "where",
]  # fmt: skip

log = logging.getLogger(__name__)

T = TypeVar("T")
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Lent: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"  # a connection of a pool in somebody's hands
Database: TypeAlias = "Connection | Pool"

IDLE_SECONDS = 60.0
LOCK_SECONDS = 60.0
CONFLICTS = 5  # in a row, before they cost their caller a try
LONG_ENOUGH = 0.75  # of a deadline: a server that had less of it, because there was a line before, is not away


class _Borrowed(asyncpg.Connection):
    """Remembers whether its borrower has changed how values are read, which nothing undoes."""

    is_altered = False

    async def set_type_codec(self, *given: Any, **options: Any) -> None:
        """Read a type in another way from now on."""
        self.is_altered = True
        await super().set_type_codec(*given, **options)

    async def set_builtin_type_codec(self, *given: Any, **options: Any) -> None:
        """Do the same."""
        self.is_altered = True
        await super().set_builtin_type_codec(*given, **options)


@asynccontextmanager
async def pool(url: str, *, size: int, lent: "Callable[[Lent], Awaitable[None]] | None" = None) -> AsyncIterator[Pool]:
    """Open a pool of at most `size` connections for everything but the answer path; it connects when it is used.

    `lent` is awaited with every connection that somebody gets.
    """
    sessions = Sessions(url)

    async def opened(_: object, **options: Any) -> Session:
        return await sessions.open(**options)

    async def reset(session: Session) -> None:
        if isinstance(session, _Borrowed) and session.is_altered:
            session.terminate()
            return
        # First who we are: what comes behind may be allowed to nobody else.
        statements = (
            query("database/reset_authorization"), query("database/reset_role"), query("database/deallocate_prepared"),
            query("database/discard_temporary"), session.get_reset_query(),
        )  # fmt: skip
        await session.execute(";\n".join(statements))
        await sessions.prepare(session)  # which that has undone

    connections: Pool = asyncpg.create_pool(
        min_size=0, max_size=size, connect=cast("Any", opened), setup=cast("Any", lent), reset=cast("Any", reset),
        connection_class=_Borrowed, max_inactive_connection_lifetime=60,
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
        if await connection.fetchval(query("database/try_lock"), number):
            break
        await asyncio.sleep(0.1)
    else:
        raise BusyError("another process has been doing this for a minute; try again when it has ended")
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.fetchval(query("database/unlock"), number)


async def listen(url: str, channel: str, heard: Callable[[], None]) -> None:
    """Call `heard` at every notification on `channel`, and after every new connection; runs until cancelled.

    Notifications are nudges: what is sent while the connection is lost is not repeated, so `heard` is also called
    when it is back.
    """
    sessions = Sessions(url)
    while True:
        connection = None
        try:
            connection = await sessions.open()
            lost = asyncio.Event()
            connection.add_termination_listener(lambda *_, lost=lost: lost.set())
            await connection.add_listener(channel, lambda *_: heard())
            heard()
            await lost.wait()
        except TROUBLE as exc:
            log.debug("cannot listen: %s", exc)
        finally:
            if connection is not None:
                connection.terminate()
        await asyncio.sleep(1)


@dataclass(slots=True)
class _Turn:
    """Since when the server has had a piece of work; None while that stands in line for a connection of ours."""

    since: float | None = None


class Connections:
    """A few connections whose every use has a deadline that holds: for the answer path, and for the worker's claims.

    `run` returns or raises within its deadline even when the server has stopped in the middle of a word: the work
    runs in a task of its own, and what is late is left behind with its connection terminated.

    Args:
        url: the database.
        size: how many at most.
        statement_seconds: see `Sessions`. Shorter than the deadline of `run` it lets one statement that is stuck end as
            that statement's own error, on a connection that lives on.
        idle_seconds: what has idled for so long may be forgotten by a NAT on the way, and is not used again.
    """

    def __init__(
        self,
        url: str,
        *,
        size: int = 4,
        statement_seconds: float | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._sessions = Sessions(url, statement_seconds=statement_seconds)
        self._idle: list[tuple[Session, float]] = []
        self._idle_seconds = idle_seconds
        self._free = asyncio.Semaphore(size)
        self._busy = 0
        self._came_free = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Callable[[Connection], Awaitable[T]], *, seconds: float) -> T:
        """Do `work` on a connection; again where that breaks or others are in the way, so that it may be done twice.

        Raises:
            StoreRefusedError: the database does not do this, for its own sake.
            StoreBusyError: others had our connections for too much of these `seconds`.
            StoreUnavailableError: the database is away, or did not answer within `seconds`.
        """
        turn = _Turn()
        task = asyncio.create_task(self._work(work, time.monotonic() + seconds, turn))
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        try:
            await asyncio.wait({task}, timeout=seconds)
        finally:
            had_time = turn.since is not None and time.monotonic() - turn.since >= seconds * LONG_ENOUGH
            if not task.done():
                task.cancel()
                if had_time:
                    self._drop_idle()  # where one hangs the others will
        if not task.done():
            if not had_time:
                raise StoreBusyError(f"no connection of ours came free in {seconds:g} s")
            raise StoreUnavailableError(f"the database did not answer in {seconds:g} s")
        try:
            return task.result()
        except TROUBLE as exc:
            raise outages.of_work(exc) from exc

    async def _work(self, work: Callable[[Connection], Awaitable[T]], end: float, turn: _Turn) -> T:
        broken, conflicts = 0, 0
        async with self._free:
            turn.since = time.monotonic()
            while True:
                connection = await self._get(end, turn)
                try:
                    return await self._on(connection, work)
                except BROKEN as exc:
                    broken += 1
                    if broken > 1:
                        raise
                    log.debug("a database connection broke (%s); once more on a new one", type(exc).__name__)
                    self._drop_idle()
                except outages.CONFLICT:
                    conflicts += 1
                    if conflicts > CONFLICTS:
                        raise

    async def _on(self, connection: Session, work: Callable[[Connection], Awaitable[T]]) -> T:
        statement = asyncio.ensure_future(work(connection))
        try:
            # Shielded: cancelling a statement makes asyncpg wait for the server, which is what we must not do.
            result = await asyncio.shield(statement)
        except BaseException as exc:
            if isinstance(exc, asyncpg.PostgresError) and not isinstance(exc, AWAY) and _is_well(connection):
                self._idle.append((connection, time.monotonic()))
            else:
                connection.terminate()  # which also ends the statement
            statement.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise
        else:
            self._idle.append((connection, time.monotonic()))
            return result
        finally:
            self._leave()

    async def _get(self, end: float, turn: _Turn) -> Session:
        """Return a connection that is ours until `_leave`: an idle one, a new one, or one that others have done with.

        The last is waited for where there is no room for another: what we have is as good.
        """
        while True:
            connection = self._take()
            self._busy += 1
            if connection is not None:
                return connection
            try:
                return await self._sessions.open(seconds=max(0.0, end - time.monotonic()))
            except BaseException as exc:
                self._leave()
                if not (isinstance(exc, StoreUnavailableError) and exc.no_room and (self._busy or self._idle)):
                    raise
            if not self._idle:  # they may have done with theirs while we were refused one
                self._came_free.clear()
                turn.since = None
                await self._came_free.wait()
                turn.since = time.monotonic()

    def _leave(self) -> None:
        self._busy -= 1
        self._came_free.set()

    def _take(self) -> "Session | None":
        """Return the connection used last, unless all have idled for too long."""
        while self._idle:
            connection, since = self._idle.pop()
            if time.monotonic() - since < self._idle_seconds:
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


def _is_well(connection: Session) -> bool:
    return not connection.is_closed() and not connection.is_in_transaction()

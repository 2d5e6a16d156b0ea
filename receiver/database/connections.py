"""Connections to PostgreSQL: pools, locks, listening, and connections with deadlines.

The answer path and the worker's own statements use separate connections (`Connections`). A hung server blocks asyncpg
beyond every timeout of the protocol. Only terminating the connection from our side gives a delivery its answer in time.
Measured with PostgreSQL stopped in the middle of an answer: asyncpg's own timeouts still waited after 15 s, and
terminating the connection gave an answer after 3 s.
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
from receiver.database.outages import AWAY, BROKEN, TROUBLE
from receiver.database.session import Connection, Session, Sessions, query
from receiver.errors import BusyError, StoreBusyError, StoreUnavailableError

log = logging.getLogger(__name__)

T = TypeVar("T")
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Lent: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"  # a pool's connection that a caller has acquired
Database: TypeAlias = "Connection | Pool"

IDLE_SECONDS = 60.0
LOCK_SECONDS = 60.0
CONFLICTS = 5  # this many conflicts in a row are retried here; the next one is raised
LONG_ENOUGH = 0.75  # share of a deadline: a server that had less time, because we queued for a connection, is not away


class _Borrowed(asyncpg.Connection):
    """A connection that is lent to one user after the other.

    Attributes:
        is_altered: whether a user has changed a type's codec. Such a change cannot be undone.
        settings: the statements that bring our settings back; None until they are known.
    """

    is_altered = False
    settings: str | None = None

    async def set_type_codec(self, *given: Any, **options: Any) -> None:
        """Set a codec, and remember that."""
        self.is_altered = True
        await super().set_type_codec(*given, **options)

    async def set_builtin_type_codec(self, *given: Any, **options: Any) -> None:
        """Set a built-in codec, and remember that."""
        self.is_altered = True
        await super().set_builtin_type_codec(*given, **options)


@asynccontextmanager
async def pool(url: str, *, size: int, lent: "Callable[[Lent], Awaitable[None]] | None" = None) -> AsyncIterator[Pool]:
    """Open a pool of at most `size` connections for everything but the answer path. It connects at its first use.

    `lent` is awaited with every connection that a caller acquires.
    """
    sessions = Sessions(url)

    async def opened(_: object, **options: Any) -> Session:
        return await sessions.open(**options)

    async def reset(session: _Borrowed) -> None:
        if session.is_altered:
            session.terminate()
            return
        # The role is reset first: a changed role might have no right to run the other statements.
        statements = (
            query("database/reset_authorization"), query("database/reset_role"), query("database/deallocate_prepared"),
            query("database/discard_temporary"), session.get_reset_query(), session.settings or "",
        )  # fmt: skip
        await session.execute(";\n".join(statements))
        if session.settings is None:  # later this is part of the statements above, which saves 75 µs each time
            await sessions.prepare(session)
            session.settings = await session.fetchval(query("database/session_settings"))

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
async def acquired(db: Database) -> "AsyncIterator[Connection | Lent]":
    """Yield a connection: `db` itself, or one that is acquired of it for as long."""
    if not isinstance(db, asyncpg.Pool):
        yield db
        return
    async with db.acquire() as connection:
        yield connection


@asynccontextmanager
async def session_lock(connection: Connection, number: int) -> AsyncIterator[None]:
    """Hold an advisory lock. It is polled, because *waiting* for it deadlocks with `create index concurrently`.

    Raises:
        BusyError: another session has held the lock for a minute.
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
    """Call `heard` at every notification on `channel`, and after every new connection. Run until cancelled.

    PostgreSQL does not repeat a notification that was sent while the connection was lost. So `heard` is also called
    when the connection is back.
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
    """The time at which a piece of work reached the server; None while the work waits for one of our connections."""

    since: float | None = None


class Connections:
    """A few connections for the answer path and the worker's claims. Every use has a strict deadline.

    `run` returns or raises within its deadline even if the server stops in the middle of a message. The work runs in a
    separate task; late work is abandoned, and its connection is terminated.

    Args:
        url: the database.
        size: the most connections.
        statement_seconds: see `Sessions`. If it is shorter than the deadline of `run`, a stuck statement ends with its
            own error, and its connection survives.
        idle_seconds: a connection that was idle for longer is not used again, because a NAT might have forgotten it.
    """

    SIZE = 4

    def __init__(
        self,
        url: str,
        *,
        size: int = SIZE,
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
        """Do `work` on a connection. Retry after a broken connection or a conflict, so `work` can be done twice.

        Raises:
            StoreRefusedError: the database refuses this work.
            StoreBusyError: other work used our connections for too much of `seconds`.
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
                    self._drop_idle()  # if one connection hangs, the others will too
        if not task.done():
            if not had_time:
                raise StoreBusyError(f"no database connection was free within {seconds:g} s")
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
                    log.debug("a database connection broke (%s); retrying on a new one", type(exc).__name__)
                    self._drop_idle()
                except outages.CONFLICT:
                    conflicts += 1
                    if conflicts > CONFLICTS:
                        raise

    async def _on(self, connection: Session, work: Callable[[Connection], Awaitable[T]]) -> T:
        statement = asyncio.ensure_future(work(connection))
        try:
            # Shielded: cancelling a statement would make asyncpg wait for the server, and we must not wait.
            result = await asyncio.shield(statement)
        except BaseException as exc:
            if isinstance(exc, asyncpg.PostgresError) and not isinstance(exc, AWAY) and _is_reusable(connection):
                self._idle.append((connection, time.monotonic()))
            else:
                connection.terminate()  # this also ends the statement
            statement.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise
        else:
            self._idle.append((connection, time.monotonic()))
            return result
        finally:
            self._leave()

    async def _get(self, end: float, turn: _Turn) -> Session:
        """Return a connection until `_leave`: an idle one, a new one, or one that other work gives back.

        If the server has no place for a new connection, wait until one of ours is free.
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
            if not self._idle:  # otherwise a connection became free during the refusal
                self._came_free.clear()
                turn.since = None
                await self._came_free.wait()
                turn.since = time.monotonic()

    def _leave(self) -> None:
        self._busy -= 1
        self._came_free.set()

    def _take(self) -> "Session | None":
        """Return the connection that was used last; None if all were idle for too long."""
        while self._idle:
            connection, since = self._idle.pop()
            if time.monotonic() - since < self._idle_seconds:
                return connection
            connection.terminate()
        return None

    def _forget(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # mark it as retrieved: `run` has raised it or has abandoned the task

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop()[0].terminate()

    def close(self) -> None:
        """End every connection now."""
        for task in self._tasks:
            task.cancel()
        self._drop_idle()


def _is_reusable(connection: Session) -> bool:
    return not connection.is_closed() and not connection.is_in_transaction()

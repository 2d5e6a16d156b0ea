"""Do the same with many things so that one with which it cannot be done costs no other.

together ──refused──▶ one by one, none of which waits for others
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from receiver.database.connections import Connections
from receiver.database.outages import TROUBLE
from receiver.database.session import Connection, query
from receiver.errors import StoreRefusedError

log = logging.getLogger(__name__)

Item = TypeVar("Item")
T = TypeVar("T")

# For a lock, which is more than the commits of others take, and for a statement, where it may take that long.
IMPATIENT = ("50ms", 2000)


async def together(
    connections: Connections,
    items: Sequence[Item],
    work: Callable[[Connection, Sequence[Item]], Awaitable[T]],
    *,
    seconds: float,
) -> list[tuple[Sequence[Item], T | StoreRefusedError]]:
    """Do `work` for all items at once; where that is refused, for each by itself.

    Each try has so many seconds. Returns what came of it beside the items that it is about.

    Raises:
        StoreUnavailableError: what `Connections.run` raises, but for refusals.
    """
    came = await _try(connections, lambda connection: work(connection, items), seconds)
    if len(items) == 1 or not isinstance(came, StoreRefusedError):
        return [(items, came)]
    log.debug("not all of %d are done together: %s", len(items), came)
    one_by_one = each(connections, items, lambda connection, item: work(connection, [item]), seconds=seconds)
    return [([item], came) async for item, came in one_by_one]


async def each(
    connections: Connections,
    items: Iterable[Item],
    work: Callable[[Connection, Item], Awaitable[T]],
    *,
    seconds: float,
) -> AsyncIterator[tuple[Item, T | StoreRefusedError]]:
    """Do `work` for one item after the other, impatiently; yields each with what came of it."""
    for item in items:

        async def impatient(connection: Connection, item: Item = item) -> T:
            return await impatiently(lambda opened: work(opened, item), connection)

        yield item, await _try(connections, impatient, seconds)


async def impatiently(work: Callable[[Connection], Awaitable[T]], connection: Connection) -> T:
    """Do `work` in a transaction that waits for no lock: what is held up is left for the next time, others go on."""
    async with connection.transaction():
        await connection.execute(query("database/bound_statements"), *IMPATIENT)
        return await work(connection)


async def _try(
    connections: Connections, work: Callable[[Connection], Awaitable[T]], seconds: float
) -> T | StoreRefusedError:
    """Do `work`; what nobody foresaw in it is the trouble of what it is about."""

    async def foreseen(connection: Connection) -> T:
        try:
            return await work(connection)
        except TROUBLE:
            raise
        except Exception as exc:
            raise StoreRefusedError(f"{type(exc).__name__}: {exc}", passing=True) from exc

    try:
        return await connections.run(foreseen, seconds=seconds)
    except StoreRefusedError as exc:
        return exc

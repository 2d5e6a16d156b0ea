"""Do the same work on many items, so that a failing item does not stop the others.

all together ──refused──▶ one by one; no item waits long for a lock
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

# The lock timeout is longer than the commits of other transactions. The statement timeout (ms) can only become shorter.
IMPATIENT = ("50ms", 2000)


async def together(
    connections: Connections,
    items: Sequence[Item],
    work: Callable[[Connection, Sequence[Item]], Awaitable[T]],
    *,
    seconds: float,
) -> list[tuple[Sequence[Item], T | StoreRefusedError]]:
    """Do `work` for all items together; if that is refused, do it for each item alone.

    Each try has `seconds`. Return pairs of items and their result or refusal.

    Raises:
        StoreUnavailableError: as `Connections.run`, except for refusals.
    """
    result = await _try(connections, lambda connection: work(connection, items), seconds)
    if len(items) == 1 or not isinstance(result, StoreRefusedError):
        return [(items, result)]
    log.debug("not all of %d are done together: %s", len(items), result)
    one_by_one = each(connections, items, lambda connection, item: work(connection, [item]), seconds=seconds)
    return [([item], result) async for item, result in one_by_one]


async def each(
    connections: Connections,
    items: Iterable[Item],
    work: Callable[[Connection, Item], Awaitable[T]],
    *,
    seconds: float,
) -> AsyncIterator[tuple[Item, T | StoreRefusedError]]:
    """Do `work` for one item after the other, without waiting for locks. Yield each item and its result or refusal."""
    for item in items:

        async def impatient(connection: Connection, item: Item = item) -> T:
            return await impatiently(lambda opened: work(opened, item), connection)

        yield item, await _try(connections, impatient, seconds)


async def impatiently(work: Callable[[Connection], Awaitable[T]], connection: Connection) -> T:
    """Do `work` in a transaction that waits for no lock. A locked item fails, and the caller tries it again later."""
    async with connection.transaction():
        await connection.execute(query("database/bound_statements"), *IMPATIENT)
        return await work(connection)


async def _try(
    connections: Connections, work: Callable[[Connection], Awaitable[T]], seconds: float
) -> T | StoreRefusedError:
    """Do `work`, and return its result or refusal. An unexpected exception counts as a refusal of the item."""

    async def refusing(connection: Connection) -> T:
        try:
            return await work(connection)
        except TROUBLE:
            raise
        except Exception as exc:
            raise StoreRefusedError(f"{type(exc).__name__}: {exc}", passing=True) from exc

    try:
        return await connections.run(refusing, seconds=seconds)
    except StoreRefusedError as exc:
        return exc

"""Do the same work on many items, so that a failing item does not stop the others.

all together ──refused──▶ one by one; no item waits long for a lock
                              └──the database goes away──▶ the rest fails; what is done stays done
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from receiver.database.connections import Connections
from receiver.database.outages import TROUBLE
from receiver.database.session import Connection, query
from receiver.errors import StoreRefusedError, StoreUnavailableError

log = logging.getLogger(__name__)

Item = TypeVar("Item")
T = TypeVar("T")

# The lock timeout is longer than the commits of other transactions. The statement timeout (ms) can only become shorter.
IMPATIENT = ("50ms", 2000)


async def together(
    connections: Connections,
    items: Sequence[Item],
    work: Callable[[Connection, Sequence[Item]], Awaitable[Sequence[T]]],
    *,
    seconds: float,
) -> list[T | StoreUnavailableError]:
    """Do `work` for all items together; if that is refused, do it for each item alone.

    `work` returns a result for each of its items. Each try has `seconds`. Return for each item its result or the
    refusal. If the database goes away while they are done one by one, that error is the result of those that are left.

    Raises:
        StoreUnavailableError: as `Connections.run`, except for refusals, while nothing is done.
    """
    found = await _try(connections, lambda connection: work(connection, items), seconds)
    if not isinstance(found, StoreRefusedError):
        return list(found)
    if len(items) == 1:
        return [found]
    log.debug("not all of %d are done together: %s", len(items), found)

    async def alone(connection: Connection, item: Item) -> T:
        (result,) = await work(connection, [item])
        return result

    results = list[T | StoreUnavailableError]()
    try:
        async for _, result in each(connections, items, alone, seconds=seconds):
            results.append(result)
    except StoreUnavailableError as exc:
        results += [exc] * (len(items) - len(results))
    return results


async def each(
    connections: Connections,
    items: Iterable[Item],
    work: Callable[[Connection, Item], Awaitable[T]],
    *,
    seconds: float,
) -> AsyncIterator[tuple[Item, T | StoreRefusedError]]:
    """Do `work` for one item after the other, at most 50 ms for a lock. Yield each item and its result or refusal."""
    for item in items:

        async def impatient(connection: Connection, item: Item = item) -> T:
            return await impatiently(lambda opened: work(opened, item), connection)

        yield item, await _try(connections, impatient, seconds)


async def impatiently(work: Callable[[Connection], Awaitable[T]], connection: Connection) -> T:
    """Do `work` in a transaction that waits at most 50 ms for a lock. If a lock fails it, the caller tries it later."""
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

"""Do the same work for many items in few statements: what waits while statements are under way goes into the next one.

    add ──▶ waiting ──a statement ends, or fewer than `at_once` are under way──▶ one statement, for at most `most` items

There is no timer: a lone item waits for nobody. Under load the statements grow by themselves, and with them the number
of items that share one commit.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from receiver.errors import StoreBusyError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batches(Generic[Item, Result]):
    """Items that wait together, and the statements that take them.

    Args:
        do: does the work for some items; returns a result or an exception for each. An exception that it raises is the
            result of all of them. It has a deadline of its own.
        most: how many items one statement takes at most.
        at_once: how many statements are under way at most. With two, the clients and the database do not wait for each
            other in turn.
    """

    def __init__(
        self,
        do: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        most: int,
        at_once: int,
    ) -> None:
        self._do = do
        self._most = most
        self._left = at_once
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    def add(self, item: Item, *, seconds: float | None = None) -> "asyncio.Future[Result]":
        """Return the future result of an item.

        After `seconds` it is a StoreBusyError, although the work might still be done. If the future is cancelled, or
        has its result, before the item's statement begins, the item is left out; the others are not affected.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        if seconds is not None:
            timer = loop.call_later(seconds, _give_up, future, seconds)
            future.add_done_callback(lambda _: timer.cancel())
        self._waiting.append((item, future))
        if self._left:
            self._left -= 1
            task = loop.create_task(self._run())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return future

    async def _run(self) -> None:
        """Take what waits, statement by statement, until nothing waits."""
        try:
            while self._waiting:
                count = min(self._most, len(self._waiting))
                taken = [self._waiting.popleft() for _ in range(count)]
                batch = [(item, future) for item, future in taken if not future.done()]
                if batch:
                    await self._take(batch)
        finally:
            self._left += 1

    async def _take(self, batch: "Sequence[tuple[Item, asyncio.Future[Result]]]") -> None:
        results: Sequence[Result | BaseException]
        try:
            results = await self._do([item for item, _ in batch])
        except Exception as exc:  # noqa: BLE001 - each item's owner gets it
            results = [exc] * len(batch)
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)


def _give_up(future: "asyncio.Future[Result]", seconds: float) -> None:
    if not future.done():
        future.set_exception(StoreBusyError(f"no statement took it within {seconds:g} s"))

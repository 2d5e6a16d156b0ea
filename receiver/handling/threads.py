"""Run plain functions in their own threads, and let them run coroutines on the event loop."""

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from receiver.errors import LeaseLostError

T = TypeVar("T")


async def run(function: Callable[..., T], *arguments: object) -> T:
    """Call a function in its own thread, and return its result.

    The event loop's own threads are too few: a function that never ends would block one permanently. A thread cannot be
    stopped, so a cancelled call still waits until the thread ends.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[tuple[T | None, BaseException | None]] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: tuple[T | None, BaseException | None]) -> None:
        if not ended.done():
            ended.set_result(result)

    def work() -> None:
        result: tuple[T | None, BaseException | None]
        try:
            result = context.run(function, *arguments), None
        except BaseException as exc:  # noqa: BLE001 - `run` raises it below
            result = None, exc
        with suppress(RuntimeError):  # the loop is closed, so `run` does not wait any more
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=work, daemon=True).start()
    try:
        returned, error = await asyncio.shield(ended)
    except asyncio.CancelledError:
        await ended
        raise
    if error is not None:
        raise error
    return returned  # type: ignore[return-value] # without an error it is the result


class Bridge:
    """Lets functions in threads run coroutines on this event loop, until it is closed."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._waiting: set[concurrent.futures.Future[Any]] = set()
        self._closed = False

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the event loop, and return its result.

        Raises:
            LeaseLostError: the bridge is closed, or was closed while this waited.
            TypeError: called on the event loop itself, which would wait for itself without end.
        """
        with suppress(RuntimeError):
            if asyncio.get_running_loop() is self._loop:
                work.close()
                raise TypeError("an async function awaits; ctx.wait() is for plain ones")
        with self._lock:
            if self._closed:
                work.close()
                raise LeaseLostError("this attempt is over")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
            self._waiting.add(future)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            if self._closed:
                raise LeaseLostError("this attempt is over") from None
            raise
        finally:
            self._waiting.discard(future)

    def close(self) -> None:
        """Stop the coroutines that functions wait for, and refuse new ones."""
        with self._lock:
            self._closed = True
            waiting = list(self._waiting)
        for future in waiting:
            future.cancel()

"""Keep a value that is dear to make, for all who ask at about the same time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

FRESH_SECONDS = 2.0
USABLE_SECONDS = 8.0


class Made(NamedTuple, Generic[T]):
    """A value, and how many seconds ago it was made."""

    value: T
    seconds: float


class Latest(Generic[T]):
    """A value that is made again when it is asked for and not fresh any more. It is made once at a time.

    A value that is still usable is returned at once, while the next one is made. Who asks is told again soon.

    Args:
        make: makes it.
        fresh: for how many seconds it is not made again.
        usable: for how many seconds it is returned without a wait.
        clock: monotonic seconds.
    """

    def __init__(
        self, make: Callable[[], Awaitable[T]], *, fresh: float = FRESH_SECONDS, usable: float = USABLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._make, self._fresh, self._usable, self._clock = make, fresh, usable, clock
        self._made: tuple[float, T] | None = None
        self._making: asyncio.Task[None] | None = None

    async def get(self) -> Made[T]:
        """Return the value."""
        if self._age() >= self._fresh and (self._making is None or self._making.done()):
            self._making = asyncio.create_task(self._make_one())
        if self._age() >= self._usable:
            assert self._making is not None, "it is older than fresh"
            await asyncio.shield(self._making)
        assert self._made is not None, "it is made"
        return Made(self._made[1], self._age())

    def close(self) -> None:
        """Make no more."""
        if self._making is not None:
            self._making.cancel()

    def _age(self) -> float:
        return float("inf") if self._made is None else self._clock() - self._made[0]

    async def _make_one(self) -> None:
        self._made = (self._clock(), await self._make())

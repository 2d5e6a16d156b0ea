"""A wake-up for new work. A hint can get lost, like a NOTIFY, so its users also look now and then without one."""

import asyncio
from contextlib import suppress


class Hint:
    """A flag that wakes one waiting task. Several `give` before a `take` count as one hint."""

    def __init__(self) -> None:
        self._given = asyncio.Event()

    def give(self) -> None:
        """Wake the waiting task, or the next task that waits."""
        self._given.set()

    def take(self) -> None:
        """Clear the hint. Call this before looking for new work, so that no work is missed."""
        self._given.clear()

    async def within(self, seconds: float) -> None:
        """Wait for the hint, at most `seconds`."""
        # Not wait_for: in Python 3.11 it loses a cancellation that comes at the same moment as the hint.
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._given.wait()

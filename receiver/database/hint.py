"""Hear that there is something new, and look now and then without: a hint may get lost, such as a NOTIFY."""

import asyncio
from contextlib import suppress


class Hint:
    """Says to one who waits that there is something new. Given once or often, it is one hint, until it is taken."""

    def __init__(self) -> None:
        self._given = asyncio.Event()

    def give(self) -> None:
        """Wake who waits, or who waits next."""
        self._given.set()

    def take(self) -> None:
        """Forget what was given: whoever looks from here on sees what it spoke of."""
        self._given.clear()

    async def within(self, seconds: float) -> None:
        """Wait until it is given, for so many seconds at most."""
        # Not wait_for: in Python 3.11 it loses a cancellation that comes at the same moment as the hint.
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._given.wait()

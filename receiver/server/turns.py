"""Parse connections in turns, so that many connections delay mostly each other.

All connections share one event loop, and answering a delivery takes about ten of its rounds. A round that parses the
input of a thousand connections lasts as long as a thousand requests. The database's answer, the spool's fsync and the
deadlines wait for every such round. So only a few connections have their turn in each round; the others are queued.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import IntEnum

EACH = 2  # turns of every rank in each round, so that no rank starves another


class Rank(IntEnum):
    """The order of connections, by their last answer.

    A flood of bad signatures over kept connections is refused once on each connection, and then comes after all others.
    """

    KNOWN = 0  # the last answer was to an authentic delivery
    NEW = 1  # there was no answer yet
    OTHER = 2  # the last answer was to any other request


class Turns:
    """A queue for each rank. In each round of the running loop, at most `at_once` turns are called."""

    def __init__(self, *, at_once: int) -> None:
        self._at_once = at_once
        self._lines = [deque[Callable[[], None]]() for _ in Rank]
        self._left = at_once
        self._counting = False

    def take(self, turn: Callable[[], None], rank: Rank) -> None:
        """Call `turn` now, or in a later round if others are queued or this round is full."""
        if not self._counting:
            self._counting = True
            asyncio.get_running_loop().call_soon(self._next_round)
        if self._left == 0 or any(self._lines[: rank + 1]):
            self._lines[rank].append(turn)
        else:
            self._left -= 1
            turn()

    def _next_round(self) -> None:
        loop = asyncio.get_running_loop()
        self._left = self._at_once
        for most in (EACH, self._at_once):
            for line in self._lines:
                for _ in range(min(most, self._left, len(line))):
                    self._left -= 1
                    loop.call_soon(line.popleft())
        self._counting = self._left < self._at_once
        if self._counting:
            loop.call_soon(self._next_round)

"""Take turns, so that a crowd slows nobody down by more than its own queue.

All connections share one event loop, and answering a delivery takes a dozen of its rounds. A round in which a thousand
connections have something to be parsed lasts as long as a thousand requests, and the database's answer, the spool's
fsync and the deadlines wait for it every time. So only a few are let in at each round; the others stand in line.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import IntEnum

from receiver.server.bounds import SERVICE

EACH = 2  # of every rank, so that none keeps another out


class Rank(IntEnum):
    """Who goes first, by the last answer on a connection: to an authentic delivery, none yet, another one.

    A flood of bad signatures over kept connections is refused once for each, and from then on stands behind everybody.
    """

    KNOWN = 0
    NEW = 1
    OTHER = 2


class Turns:
    """A line for each rank, from which a few are let in at each round of the running loop."""

    def __init__(self, *, at_once: int = SERVICE.turns) -> None:
        self._at_once = at_once
        self._lines = [deque[Callable[[], None]]() for _ in Rank]
        self._left = at_once
        self._counting = False

    def take(self, turn: Callable[[], None], rank: Rank) -> None:
        """Call `turn`: now or, where others stand in line or enough were let in, in a later round."""
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

"""At most 60 requests in any minute with one key, kept by not asking: who has no turn waits, or comes back later.

The rule is GCRA (the generic cell rate algorithm) of 54 a minute with a burst of 5, so that no window of a minute sees
more than 59. `full_at` is when everything taken so far is paid for at one turn every 60/54 s; a turn may be taken while
that is less than a burst ahead of now:

    now                    full_at ≤ now + burst: go, and full_at moves on by one step
     ├───────── burst ─────────┤
                                   full_at beyond it: wait until it is not

Live work may use the whole burst, and what can wait (replays, backfills) none of it, so live work always goes first.
Waits beyond a caller's patience are refused with a place in the line: who comes back then finds about one turn free.
A 429 moves `full_at` so far that nobody goes before the provider's pause is over.

A lock or a counter per minute would let two bursts meet at the minute's edge. A caller that would wait for long is told
when to come back instead of sleeping: coming back survives a restart, and shows in the job.
"""

import asyncio
import time
from datetime import timedelta
from typing import Protocol

from receiver.database import Connection, Connections, query
from receiver.errors import RateLimited

MINUTE = timedelta(minutes=1)
REQUESTS_A_MINUTE = 54
BURST = 5
PAUSE = timedelta(seconds=60)  # after a 429 that does not say how long
LONGEST = timedelta(minutes=15)  # no place in the line and no pause is longer; another 429 makes another pause
STATEMENT_SECONDS = 5.0
ZERO = timedelta(0)


class Budget(Protocol):
    """Somebody's requests of the last minute."""

    async def ask(self, *, live: bool, patience: timedelta) -> timedelta:
        """Take a turn and return zero; or return how long to wait, which is a place in the line beyond `patience`."""

    async def pause(self, duration: timedelta) -> None:
        """Let nobody take a turn for so long."""


async def take(budget: Budget, *, live: bool, patience: timedelta) -> None:
    """Wait for a turn.

    Raises:
        RateLimited: it would take longer than `patience`; `retry_after` says when to come back.
    """
    deadline = time.monotonic() + patience.total_seconds()
    while True:
        left = timedelta(seconds=max(0.0, deadline - time.monotonic()))
        wait = await budget.ask(live=live, patience=left)
        if wait <= ZERO:
            return
        if wait > left:
            raise RateLimited(
                f"this key's {REQUESTS_A_MINUTE} requests a minute are in use; the next turn is in "
                f"{wait.total_seconds():.0f} s",
                code="out_of_turns", retry_after=wait,
            )  # fmt: skip
        await asyncio.sleep(wait.total_seconds())


class OwnBudget:
    """The budget of one client that shares it with nobody: a script without a database.

    Args:
        minute: how long a minute is; the sandbox's is shorter.
    """

    def __init__(self, *, minute: timedelta = MINUTE) -> None:
        self._step = minute.total_seconds() / REQUESTS_A_MINUTE
        self._full_at = 0.0
        self._lines = {True: 0.0, False: 0.0}  # the last place of what is live, and of what can wait

    async def ask(self, *, live: bool, patience: timedelta) -> timedelta:
        """See `Budget`."""
        now = time.monotonic()
        self._full_at = min(self._full_at, now + LONGEST.total_seconds() + BURST * self._step)
        wait = self._full_at - _burst(self._step, live=live) - now
        if wait <= 0:
            self._full_at = max(self._full_at, now) + self._step
            return ZERO
        if wait > patience.total_seconds():
            # What is live does not stand behind those that can wait.
            last = self._lines[True] if live else max(self._lines.values())
            place = max(last, self._full_at) + self._step
            self._lines[live] = min(place, now + LONGEST.total_seconds())
            wait = self._lines[live] - now
        return timedelta(seconds=wait)

    async def pause(self, duration: timedelta) -> None:
        """See `Budget`."""
        over = time.monotonic() + duration.total_seconds()
        self._full_at = max(self._full_at, over + _burst(self._step, live=True))


class SharedBudget:
    """The budget of one key over all processes that share the database: one row, one statement, its clock.

    Args:
        connections: a hung database must not hold up more than the request that asks it.
        api_url: whose API.
        key_fingerprint: which key.
        minute: how long a minute is; the sandbox's is shorter.
        statement_seconds: how long to wait for the row, which all processes want.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        api_url: str,
        key_fingerprint: str,
        minute: timedelta = MINUTE,
        statement_seconds: float = STATEMENT_SECONDS,
    ) -> None:
        self._connections = connections
        self._seconds = statement_seconds
        self._whose = (api_url, key_fingerprint)
        self._step = minute.total_seconds() / REQUESTS_A_MINUTE

    async def ask(self, *, live: bool, patience: timedelta) -> timedelta:
        """See `Budget`."""
        step, burst = timedelta(seconds=self._step), timedelta(seconds=_burst(self._step, live=live))

        async def statement(connection: Connection) -> timedelta:
            wait: timedelta = await connection.fetchval(
                query("providers/take_turn"), *self._whose, step, burst, patience, LONGEST, live
            )
            return wait

        return await self._connections.run(statement, seconds=self._seconds)

    async def pause(self, duration: timedelta) -> None:
        """See `Budget`."""
        until_full = duration + timedelta(seconds=_burst(self._step, live=True))

        async def statement(connection: Connection) -> None:
            await connection.execute(query("providers/pause_turns"), *self._whose, until_full)

        await self._connections.run(statement, seconds=self._seconds)


def _burst(step: float, *, live: bool) -> float:
    """Return how far ahead `full_at` may be: a burst of 5 is the turn itself and 4 steps."""
    return step * (BURST - 1) if live else 0.0

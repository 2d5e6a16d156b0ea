"""Hold one key to its requests a minute.

A request needs a **turn**. Without a turn the caller waits, or comes back later. `rate` has the rule: a burst, and then
one turn in each step.

Live work can use the whole burst. Work that can wait (replays, backfills) can use none of it, so live work goes first.
If a wait would be longer than the caller's patience, the caller gets a place in the line instead: a time at which about
one turn is free. A 429 moves `full_at` so far that no turn is free before the provider's pause is over.

A lock or a counter per minute would let two bursts meet at the minute's edge. A caller that would wait for long does
not sleep, but gets a time at which to come back: that time survives a restart, and the job shows it.
"""

import asyncio
import time
from datetime import timedelta
from typing import Protocol

from receiver.database import Connection, Connections, query
from receiver.errors import RateLimited
from receiver.providers.rate import Rate

PAUSE = timedelta(seconds=60)  # after a 429 that does not say how long
LONGEST = timedelta(minutes=15)  # the limit of a pause and of a place in the line; another 429 makes another pause
STATEMENT_SECONDS = 5.0
ZERO = timedelta(0)


class Budget(Protocol):
    """The turns of one key."""

    rate: Rate

    async def ask(self, *, live: bool, patience: timedelta) -> timedelta:
        """Take a turn and return zero, or return how long to wait: more than `patience` means a place in the line."""

    async def pause(self, duration: timedelta) -> None:
        """Stop giving out turns for `duration`."""


async def take(budget: Budget, *, live: bool, patience: timedelta) -> None:
    """Wait for a turn.

    Raises:
        RateLimited: the wait would be longer than `patience`; `retry_after` says when to come back.
    """
    deadline = time.monotonic() + patience.total_seconds()
    while True:
        left = timedelta(seconds=max(0.0, deadline - time.monotonic()))
        wait = await budget.ask(live=live, patience=left)
        if wait <= ZERO:
            return
        if wait > left:
            raise RateLimited(
                f"this key's {budget.rate.requests_a_minute} requests a minute are in use; the next turn is in "
                f"{wait.total_seconds():.0f} s",
                code="out_of_turns", retry_after=wait,
            )  # fmt: skip
        await asyncio.sleep(wait.total_seconds())


class OwnBudget:
    """The budget of a single client, such as a script without a database."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._full_at = 0.0
        self._lines = {True: 0.0, False: 0.0}  # the last place of live work, and of work that can wait

    async def ask(self, *, live: bool, patience: timedelta) -> timedelta:
        """See `Budget`."""
        now = time.monotonic()
        self._full_at = min(self._full_at, now + LONGEST.total_seconds() + self.rate.ahead(live=live))
        wait, self._full_at = self.rate.turn(self._full_at, now, live=live)
        if wait > patience.total_seconds():
            # Live work does not queue behind work that can wait.
            last = self._lines[True] if live else max(self._lines.values())
            place = max(last, self._full_at) + self.rate.step
            self._lines[live] = min(place, now + LONGEST.total_seconds())
            wait = self._lines[live] - now
        return timedelta(seconds=wait)

    async def pause(self, duration: timedelta) -> None:
        """See `Budget`."""
        over = time.monotonic() + duration.total_seconds()
        self._full_at = max(self._full_at, over + self.rate.ahead(live=True))


class SharedBudget:
    """The budget of one key over all processes of a database: one row, one statement, the database's clock.

    Args:
        connections: run each statement with a deadline, so that a hung database delays only the request that asks it.
        api_url: the API of the key.
        key_fingerprint: the key.
        rate: of the key.
        statement_seconds: how long to wait for the row, which all processes share.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        api_url: str,
        key_fingerprint: str,
        rate: Rate,
        statement_seconds: float = STATEMENT_SECONDS,
    ) -> None:
        self._connections = connections
        self._seconds = statement_seconds
        self._key = (api_url, key_fingerprint)
        self.rate = rate

    async def ask(self, *, live: bool, patience: timedelta) -> timedelta:
        """See `Budget`."""
        step, burst = timedelta(seconds=self.rate.step), timedelta(seconds=self.rate.ahead(live=live))

        async def statement(connection: Connection) -> timedelta:
            wait: timedelta = await connection.fetchval(
                query("providers/take_turn"), *self._key, step, burst, patience, LONGEST, live
            )
            return wait

        return await self._connections.run(statement, seconds=self._seconds)

    async def pause(self, duration: timedelta) -> None:
        """See `Budget`."""
        until_full = duration + timedelta(seconds=self.rate.ahead(live=True))

        async def statement(connection: Connection) -> None:
            await connection.execute(query("providers/pause_turns"), *self._key, until_full)

        await self._connections.run(statement, seconds=self._seconds)

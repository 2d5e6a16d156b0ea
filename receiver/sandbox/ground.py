"""What all simulated providers share: the clock, chance, planned faults, the log of requests, the ledger of charges."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from receiver.sandbox.faults import Faults

REQUESTS_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the API: its time in seconds since the sandbox's start, and the status of its answer."""

    at: float
    method: str
    path: str
    status: int


@dataclass(frozen=True, slots=True)
class Charge:
    """Something that a provider billed.

    Attributes:
        provider: who billed it, such as `transcribe.so`.
        account: the fingerprint of the key that pays.
        operation: what was billed, such as `transcription`.
        id: the provider's id of what was worked on.
        amount: how much, in `unit`.
        unit: such as `USD` or `seconds`.
        at: the time in seconds since the sandbox's start.
    """

    provider: str
    account: str
    operation: str
    id: str
    amount: float
    unit: str
    at: float


class Ground:
    """The ground on which the simulated providers stand.

    Args:
        speed: how many times faster than at a provider time runs.
        seed: makes ids, secrets and durations the same in every run. Without a seed they are unpredictable.

    Attributes:
        expiry_speed: how many times faster than at a provider its links, tokens, files and repeated answers expire.
    """

    def __init__(self, *, speed: float, seed: int | None) -> None:
        self.speed = speed
        self.expiry_speed = speed
        self.chance = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - asked for
        self.began = time.monotonic()
        self.faults = Faults()
        self.asked: deque[Asked] = deque(maxlen=REQUESTS_REMEMBERED)
        self.charges: list[Charge] = []
        self.stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def remember(self, method: str, path: str, status: int) -> None:
        """Write an answered request into the log."""
        self.asked.append(Asked(self._now(), method, path, status))

    def bill(self, *, provider: str, account: str, operation: str, work: str, amount: float, unit: str) -> None:
        """Write a charge into the ledger; `work` is the id of what was worked on."""
        self.charges.append(Charge(provider, account, operation, work, amount, unit, self._now()))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Start work that goes on whether or not anybody waits for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def work(self, seconds: float, then: Callable[[], None]) -> asyncio.Event:
        """Work for `seconds` of a provider's time, whether or not anybody waits for it, then call `then`.

        Returns what is set when it is done.
        """
        done = asyncio.Event()

        async def work() -> None:
            if await self.pause(seconds):
                return
            then()
            done.set()

        self.spawn(work())
        return done

    async def pause(self, seconds: float) -> bool:
        """Wait for `seconds` of a provider's time. Return whether the sandbox is stopping."""
        await self.wait(seconds / self.speed, self.stopping)
        return self.stopping.is_set()

    async def wait(self, seconds: float | None, *events: asyncio.Event) -> None:
        """Wait until one of the events is set or the sandbox is stopping, at most `seconds` of real time."""
        waits = [asyncio.ensure_future(event.wait()) for event in {*events, self.stopping}]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in waits:
                waiting.cancel()

    def deadline(self, seconds: float) -> float:
        """Return the time of the clock on the wall, in seconds, at which what lives for `seconds` expires."""
        return time.time() + seconds / self.expiry_speed

    def stop(self) -> None:
        """Release every waiting request, so that a server can end."""
        self.stopping.set()

    async def close(self) -> None:
        """Stop all work."""
        self.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _now(self) -> float:
        return round(time.monotonic() - self.began, 6)

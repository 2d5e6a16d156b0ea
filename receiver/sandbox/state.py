"""The state of the simulated provider, and its clock."""

import asyncio
import itertools
import random
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from receiver.sandbox.faults import Faults
from receiver.sandbox.knobs import DEFAULT, Knobs
from receiver.sandbox.transcribe_so import deliveries
from receiver.sandbox.transcribe_so.account import SimulatedAccount
from receiver.sandbox.transcribe_so.deliveries import Deliverer
from receiver.sandbox.transcribe_so.transcription import TRANSCRIBING_SECONDS, SimulatedTranscription
from receiver.sandbox.transcribe_so.uploads import Uploads

REQUESTS_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the API: its time in seconds since the sandbox's start, and the status of its answer."""

    at: float
    method: str
    path: str
    status: int


class Sandbox:
    """The simulated provider.

    Args:
        speed: how many times faster than at the provider time runs.
        knobs: the behaviour where the documentation is silent.
        seed: makes ids, secrets and durations the same in every run. Without a seed they are unpredictable.
    """

    def __init__(self, *, speed: float = 60.0, knobs: Knobs = DEFAULT, seed: int | None = None) -> None:
        self.speed = speed
        self.knobs = knobs
        self.chance = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - asked for
        self.began = time.monotonic()
        self.accounts: dict[str, SimulatedAccount] = {}
        self.uploads = Uploads(speed=speed, chance=self.chance)
        self.faults = Faults()
        self.asked: deque[Asked] = deque(maxlen=REQUESTS_REMEMBERED)
        self.stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._ids = itertools.count(1_000_000 + self.chance.randrange(9_000_000_000))
        self._tasks: set[asyncio.Task[None]] = set()
        self._deliverer = Deliverer(speed=speed, knobs=knobs, chance=self.chance)

    def account(self, key: str) -> SimulatedAccount:
        """Return the account of a key. A new key gets a new account."""
        if key not in self.accounts:
            self.accounts[key] = SimulatedAccount(knobs=self.knobs, chance=self.chance)
        return self.accounts[key]

    def next_id(self) -> int:
        """Return the id for a new transcription."""
        return next(self._ids)

    async def pause(self, seconds: float) -> bool:
        """Wait for `seconds` of the provider's time. Return whether the sandbox is stopping."""
        return await self._within(seconds / self.speed, self.stopping)

    async def pause_until_a_change(self, seconds: float) -> bool:
        """Wait, at most `seconds` of real time, until a transcription ends or is deleted. Return whether one was."""
        return await self._within(seconds, self._changed)

    def announce_change(self) -> None:
        """Wake every request that waits for a transcription to end."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def start(self, account: SimulatedAccount, item: SimulatedTranscription) -> None:
        """Start a transcription."""
        item.start(time.monotonic())
        self._spawn(self._transcribe(account, item))

    def deliver(self, account: SimulatedAccount, payload: dict[str, Any]) -> None:
        """Send an event to the key's webhook, if the key has one."""
        if account.webhook is not None:
            counts = payload["event"] != "webhook.test" or self.knobs.test_events == "count"
            self._spawn(self._deliverer.deliver(account.webhook, payload, counts=counts))

    def event(self, event_type: str, data: dict[str, Any]) -> dict[str, Any]:
        """Return a new event's payload."""
        return deliveries.event(self.chance, event_type, data)

    def stop(self) -> None:
        """Release every waiting request, so that a server can end."""
        self.stopping.set()
        self._changed.set()

    async def close(self) -> None:
        """Stop all transcriptions and deliveries."""
        self.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._deliverer.close()

    async def _transcribe(self, account: SimulatedAccount, item: SimulatedTranscription) -> None:
        if await self.pause(TRANSCRIBING_SECONDS):
            return
        if account.transcriptions.get(item.id) is not item:
            return  # it was deleted in between
        item.end(datetime.now(UTC))
        self.announce_change()
        if item.status == "cancelled":
            return
        payload = self.event(f"transcription.{item.status}", {"transcription": item.announced()})
        self.deliver(account, payload)
        if item.callback is not None:
            self._spawn(self._deliverer.deliver(item.callback, payload, counts=False))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _within(seconds: float, event: asyncio.Event) -> bool:
        waiting = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait({waiting}, timeout=seconds)
        finally:
            waiting.cancel()
        return event.is_set()


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request; `body` is its JSON object, empty if it has none."""

    sandbox: Sandbox
    account: SimulatedAccount
    request: Request
    body: dict[str, Any]

    @property
    def item(self) -> SimulatedTranscription:
        """The transcription in the path.

        Raises:
            RefusalError: 404: the key has no such transcription.
        """
        return self.account.find(self.request.path_params["id"])

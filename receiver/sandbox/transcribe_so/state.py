"""The state of the simulated transcribe.so."""

import asyncio
import itertools
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from starlette.requests import Request

from receiver import signature
from receiver.sandbox.ground import Ground
from receiver.sandbox.knobs import Knobs
from receiver.sandbox.transcribe_so import deliveries
from receiver.sandbox.transcribe_so.account import SimulatedAccount
from receiver.sandbox.transcribe_so.deliveries import Deliverer
from receiver.sandbox.transcribe_so.feed import Feed
from receiver.sandbox.transcribe_so.transcription import TRANSCRIBING_SECONDS, SimulatedTranscription
from receiver.sandbox.transcribe_so.uploads import Uploads


class SimulatedTranscribeSo:
    """The simulated provider: its accounts, uploads and deliveries."""

    def __init__(self, ground: Ground, knobs: Knobs) -> None:
        self.ground = ground
        self.knobs = knobs
        self.accounts: dict[str, SimulatedAccount] = {}
        self.uploads = Uploads(speed=ground.speed, chance=ground.chance)
        self.feed = Feed()
        self._changed = asyncio.Event()
        self._ids = itertools.count(1_000_000 + ground.chance.randrange(9_000_000_000))
        self._deliverer = Deliverer(speed=ground.speed, knobs=knobs, chance=ground.chance)

    def account(self, key: str) -> SimulatedAccount:
        """Return the account of a key. A new key gets a new account."""
        if key not in self.accounts:
            name = signature.fingerprint(key.encode())
            self.accounts[key] = SimulatedAccount(name, knobs=self.knobs, chance=self.ground.chance)
        return self.accounts[key]

    def next_id(self) -> int:
        """Return the id for a new transcription."""
        return next(self._ids)

    async def pause_until_a_change(self, seconds: float) -> None:
        """Wait, at most `seconds` of real time, until a transcription ends or is deleted."""
        await self.ground.wait(seconds, self._changed)

    def announce_change(self) -> None:
        """Wake every request that waits for a transcription to end."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def start(self, account: SimulatedAccount, item: SimulatedTranscription) -> None:
        """Start a transcription."""
        item.start(time.monotonic())
        self.ground.spawn(self._transcribe(account, item))

    def bill(self, account: SimulatedAccount, item: SimulatedTranscription, operation: str, usd: float) -> None:
        """Write a charge into the ledger."""
        self.ground.bill(
            provider="transcribe.so", account=account.name, operation=operation, work=str(item.id), amount=usd,
            unit="USD",
        )  # fmt: skip

    def deliver(self, account: SimulatedAccount, payload: dict[str, Any]) -> None:
        """Send an event to the key's webhook, if the key has one."""
        if account.webhook is not None:
            counts = payload["event"] != "webhook.test" or self.knobs.test_events == "count"
            self.ground.spawn(self._deliverer.deliver(account.webhook, payload, counts=counts))

    def event(self, event_type: str, data: dict[str, Any]) -> dict[str, Any]:
        """Return a new event's payload."""
        return deliveries.event(self.ground.chance, event_type, data)

    def enable_webhooks(self) -> int:
        """Switch every webhook on again, as a person does in the dashboard. Return how many there are."""
        return self._switch_webhooks(on=True)

    def disable_webhooks(self) -> int:
        """Switch every webhook off, as after five failures in a row. Return how many there are."""
        return self._switch_webhooks(on=False)

    def _switch_webhooks(self, *, on: bool) -> int:
        webhooks = [account.webhook for account in self.accounts.values() if account.webhook is not None]
        for webhook in webhooks:
            webhook.enabled, webhook.failures = on, 0 if on else deliveries.FAILURES_UNTIL_OFF
        return len(webhooks)

    async def close(self) -> None:
        """Close the connections to receivers."""
        await self._deliverer.close()

    async def _transcribe(self, account: SimulatedAccount, item: SimulatedTranscription) -> None:
        if await self.ground.pause(TRANSCRIBING_SECONDS):
            return
        if account.transcriptions.get(item.id) is not item:
            return  # it was deleted in between
        item.end(datetime.now(UTC))
        self.announce_change()
        if item.status == "cancelled":
            return
        payload = self.event(f"transcription.{item.status}", {"transcription": item.announced(self.knobs)})
        self.feed.announce(partial(self._announce, account, item, payload))

    def _announce(self, account: SimulatedAccount, item: SimulatedTranscription, payload: dict[str, Any]) -> None:
        self.deliver(account, payload)
        if item.callback is not None:
            self.ground.spawn(self._deliverer.deliver(item.callback, payload, counts=False))


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request; `body` is its JSON object, empty if it has none."""

    provider: SimulatedTranscribeSo
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

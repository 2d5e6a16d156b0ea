"""Deliver events like the provider: signed, at most five times each. Five failures in a row switch a webhook off."""

import asyncio
import json
import logging
import random
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from receiver import signature
from receiver.logs.unanswered import why
from receiver.providers import egress
from receiver.sandbox.chance import token
from receiver.sandbox.knobs import Knobs

log = logging.getLogger(__name__)

# "We retry at 1m, 5m, 30m, 3h, 12h. Five attempts max": with five attempts in total, the last pause is never used.
PAUSES_SECONDS = (60, 300, 1800, 10800, 43200)
ANSWER_SECONDS = 10.0
FAILURES_UNTIL_OFF = 5


@dataclass(slots=True)
class SimulatedWebhook:
    """A receiver of events: the webhook of a key, or the callback of one transcription."""

    url: str
    id: str
    secret: str = field(repr=False)
    failures: int = 0
    enabled: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return the API's view of a key's webhook, without the secret."""
        return {"id": self.id, "url": self.url, "enabled": self.enabled, "consecutive_failures": self.failures}


def webhook(chance: random.Random, url: str) -> SimulatedWebhook:
    """Return a new webhook or callback with a new secret."""
    return SimulatedWebhook(url, f"wh_{token(chance, 8)}", f"whsec_{token(chance, 24)}")


def event(chance: random.Random, event_type: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return a new event's payload."""
    return {"id": f"evt_{token(chance, 8)}", "event": event_type, "created": int(time.time()), "data": data}


class Deliverer:
    """The sender of events. Only the failures of a key's webhook are counted, not those of a callback."""

    def __init__(self, *, speed: float, knobs: Knobs, chance: random.Random) -> None:
        self._speed = speed
        self._knobs = knobs
        self._chance = chance
        self._http: httpx.AsyncClient | None = None

    async def deliver(self, target: SimulatedWebhook, payload: dict[str, Any], *, counts: bool) -> None:
        """Send an event until the receiver answers 2xx, or the attempts are used up."""
        first = self._now()
        for pause in (*PAUSES_SECONDS[: self._knobs.attempts - 1], None):
            if not target.enabled:
                log.warning("webhook %s is switched off; %s is not delivered", target.url, payload["id"])
                return
            fresh = self._knobs.retry_stamp == "fresh"
            accepted = await self._post(target, json.dumps(payload).encode(), self._now() if fresh else first)
            if counts:
                self._count(target, accepted=accepted)
            if accepted:
                return
            if pause is None:
                log.warning("giving up on %s after %d attempts", payload["id"], self._knobs.attempts)
                return
            await asyncio.sleep(pause / self._speed)
            if self._knobs.retry_id == "new":
                payload = payload | {"id": f"evt_{token(self._chance, 8)}"}

    async def close(self) -> None:
        """Close every connection."""
        if self._http is not None:
            await self._http.aclose()

    def _now(self) -> int:
        """Return the `t` of a signature."""
        return int(time.time() - self._knobs.stamp_age)

    def _count(self, target: SimulatedWebhook, *, accepted: bool) -> None:
        if accepted:
            target.failures = 0 if self._knobs.success == "resets" else target.failures
            return
        target.failures += 1
        if target.failures >= FAILURES_UNTIL_OFF:
            target.enabled = False
            log.error("webhook %s is switched off after %d failures in a row", target.url, target.failures)

    async def _post(self, target: SimulatedWebhook, body: bytes, at: int) -> bool:
        if self._http is None:
            self._http = egress.client()
        header = signature.sign(body, secret=target.secret.encode(), at=at)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._http.post(
                    target.url, content=body, timeout=ANSWER_SECONDS,
                    headers={"Content-Type": "application/json", "X-Transcribe-Signature": header},
                )  # fmt: skip
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as exc:
            log.warning("delivery to %s failed: %s", target.url, why(exc))
            return False
        if not answer.is_success:
            log.warning("delivery to %s got HTTP %d", target.url, answer.status_code)
        return answer.is_success

"""Deliver events as the provider does: signed, at most five times, and not at all after five failures in a row."""

import asyncio
import json
import logging
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from receiver import signature

log = logging.getLogger(__name__)

# "We retry at 1m, 5m, 30m, 3h, 12h. Five attempts max": five in all, so the last pause is never waited for.
PAUSES_SECONDS = (60, 300, 1800, 10800)
ANSWER_SECONDS = 10.0
FAILURES_UNTIL_OFF = 5


@dataclass(slots=True)
class Webhook:
    """The one webhook of a key."""

    url: str
    id: str = field(default_factory=lambda: f"wh_{secrets.token_hex(8)}")
    secret: str = field(default_factory=lambda: f"whsec_{secrets.token_hex(24)}", repr=False)
    failures: int = 0
    enabled: bool = True


def event(event_type: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return a new event's payload."""
    return {"id": f"evt_{secrets.token_hex(8)}", "event": event_type, "created": int(time.time()), "data": data}


async def deliver(http: httpx.AsyncClient, webhook: Webhook, payload: dict[str, Any], *, speed: float) -> None:
    """Deliver until it is taken or the attempts are used up; a failure counts against the webhook."""
    body = json.dumps(payload).encode()
    for pause in (*PAUSES_SECONDS, None):
        if not webhook.enabled:
            log.warning("webhook %s is switched off; %s is not delivered", webhook.url, payload["id"])
            return
        if await _post(http, webhook, body):
            webhook.failures = 0
            return
        webhook.failures += 1
        if webhook.failures >= FAILURES_UNTIL_OFF:
            webhook.enabled = False
            log.error("webhook %s is switched off after %d failures in a row", webhook.url, webhook.failures)
        if pause is not None:
            await asyncio.sleep(pause / speed)


async def _post(http: httpx.AsyncClient, webhook: Webhook, body: bytes) -> bool:
    header = signature.sign(body, secret=webhook.secret.encode(), at=int(time.time()))
    try:
        answer = await http.post(
            webhook.url, content=body, timeout=ANSWER_SECONDS,
            headers={"Content-Type": "application/json", "X-Transcribe-Signature": header},
        )  # fmt: skip
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        log.warning("delivery to %s failed: %s", webhook.url, type(exc).__name__)
        return False
    if not answer.is_success:
        log.warning("delivery to %s was answered %d", webhook.url, answer.status_code)
    return answer.is_success

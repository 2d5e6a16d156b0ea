"""The simulated account of one API key: wallet, webhook, transcriptions, and its rate limit."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from receiver.sandbox.chance import new_uuid
from receiver.sandbox.knobs import Knobs
from receiver.sandbox.limit import REQUESTS_A_MINUTE, Limit
from receiver.sandbox.refusals import RefusalError
from receiver.sandbox.transcribe_so.deliveries import SimulatedWebhook, webhook
from receiver.sandbox.transcribe_so.envelope import BILLING, missing
from receiver.sandbox.transcribe_so.pipelines import DEFAULT_CODE, Price, price
from receiver.sandbox.transcribe_so.transcription import SimulatedTranscription

CREDIT_USD = 0.10
EXAMPLE_ID = 4821  # the transcription in the provider's documentation
EXAMPLE_ENDED = datetime(2026, 4, 29, 14, 25, 27, 968_000, tzinfo=UTC)
EXAMPLE_CREATED = datetime(2026, 4, 29, 14, 24, 27, 968_000, tzinfo=UTC)
EXAMPLE_PUNCHY = "2026-05-09T12:34:56Z"
LINKS = {
    "dashboard": "https://transcribe.so/transcriptions",
    "api_keys": "https://transcribe.so/settings/api-keys",
    "billing": BILLING,
    "docs": "https://transcribe.so/developers/docs",
    "support": "https://transcribe.so/contact",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer to the first request under an Idempotency-Key; `status` is 0 while that request is under way."""

    request: bytes
    at: float
    status: int = 0
    content: bytes = field(default=b"", repr=False)


class SimulatedAccount:
    """The account of one key; `name` is the key's fingerprint."""

    def __init__(self, name: str, *, knobs: Knobs, chance: random.Random) -> None:
        self.name = name
        self.user_id = new_uuid(chance)
        self.webhook: SimulatedWebhook | None = None
        self.transcriptions: dict[int, SimulatedTranscription] = {EXAMPLE_ID: _example()}
        self.kept: dict[str, Kept] = {}
        self.credit_usd = CREDIT_USD
        self.balance_usd = knobs.wallet
        self._limit = Limit()
        self._knobs = knobs
        self._chance = chance

    def to_json(self) -> dict[str, Any]:
        """Return what `GET /me` shows."""
        return {
            "user_id": self.user_id,
            "email": "you@example.com",
            "wallet_balance_usd": self.balance_usd,
            "monthly_credit_remaining_usd": self.credit_usd,
            "subscription_tier": "free",
            "links": LINKS,
        }

    def refuse_surplus(self, now: float, *, speed: float) -> RefusalError | None:
        """Count a request. Return a refusal for the 61st request in any minute, which is not counted."""
        wait = self._limit.count(now, speed=speed)
        if wait is None:
            return None
        message = f"More than {REQUESTS_A_MINUTE} requests in a minute. Wait {wait} s and continue more slowly."
        return RefusalError(429, "rate_limited", message, retry_after=wait)

    def charge(self, cost: Price, limit: float | None = None) -> None:
        """Charge the price of a transcription, first to the monthly credit and then to the wallet.

        Raises:
            RefusalError: 402: the price is higher than `limit`, or than credit and wallet. Nothing is charged.
        """
        if limit is not None and cost.usd > limit:
            message = f"This costs ${cost.usd}, more than max_charge_usd {limit}. Nothing was charged."
            raise RefusalError(402, "max_charge_exceeded", message)
        if cost.usd > round(self.credit_usd + self.balance_usd, 4):
            message = f"Wallet balance too low. Top up your wallet at {BILLING}."
            raise RefusalError(402, "insufficient_funds", message)
        credit = min(self.credit_usd, cost.usd)
        self.credit_usd = round(self.credit_usd - credit, 4)
        self.balance_usd = round(self.balance_usd - (cost.usd - credit), 4)

    def register(self, url: str) -> tuple[SimulatedWebhook, bool]:
        """Return the key's webhook, and whether the answer shows its secret.

        Raises:
            RefusalError: 409: the knobs refuse a second webhook.
        """
        if self.webhook is None or self._knobs.second_webhook == "replace":
            self.webhook = webhook(self._chance, url)
            return self.webhook, True
        if self._knobs.second_webhook == "409":
            message = f"This key has a webhook; delete it first, or at {LINKS['api_keys']}."
            raise RefusalError(409, "webhook_exists", message)
        return self.webhook, False

    def find(self, transcription_id: int) -> SimulatedTranscription:
        """Return one of this key's transcriptions.

        Raises:
            RefusalError: 404.
        """
        found = self.transcriptions.get(transcription_id)
        if found is None:
            raise missing(f"Transcription {transcription_id}")
        return found


def _example() -> SimulatedTranscription:
    """Return the transcription in the provider's documentation: an hour long, submitted in the dashboard."""
    example = SimulatedTranscription(
        EXAMPLE_ID, "upload", "podcast.mp3", DEFAULT_CODE, "auto", 3600, price(DEFAULT_CODE, 3600), EXAMPLE_CREATED,
        by_api=False,
    )  # fmt: skip
    example.end(EXAMPLE_ENDED)
    example.styles["punchy"] = (0, EXAMPLE_PUNCHY)
    return example

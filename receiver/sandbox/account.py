"""What one API key has at the provider: its webhook, its transcriptions, its requests of the last minute."""

import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from receiver.sandbox.deliveries import Webhook
from receiver.sandbox.envelope import RefusalError

SecondWebhook = Literal["replace", "409", "same"]
REQUESTS_A_MINUTE = 60
EXAMPLE_ID = 4821  # the one that the provider's documentation shows
PIPELINES = ("qwen3-asr-flash-filetrans", "gpt-4o-transcribe-diarize", "voxtral-mini-transcribe")


@dataclass(slots=True)
class Transcription:
    """A work item."""

    id: int
    source: str
    place: str
    pipeline_code: str
    language: str
    duration_seconds: int
    status: str = "processing"
    stage: str = "queued"
    completed_at: str | None = None
    error: str | None = None

    @property
    def fails(self) -> bool:
        """Whether this one is meant to fail."""
        return "fail" in self.place.lower()

    def end(self) -> None:
        """Reach the terminal state."""
        self.status = self.stage = "failed" if self.fails else "completed"
        self.completed_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.error = "The media could not be decoded." if self.fails else None

    def to_json(self) -> dict[str, Any]:
        """Return what the API and the events show of it."""
        shown = {
            "id": self.id,
            "status": self.status,
            "stage": self.stage,
            "pipeline_code": self.pipeline_code,
            "language": self.language,
            "source": self.source,
            "title": self.place.rsplit("/", 1)[-1] or self.place,
            "duration_seconds": self.duration_seconds,
            "billed_seconds": 0 if self.fails else self.duration_seconds,
            "charge_usd": 0.0 if self.fails else round(self.duration_seconds / 60 * 0.0176, 4),
            "completed_at": self.completed_at,
        }
        return shown | ({} if self.error is None else {"error": self.error})


@dataclass(slots=True)
class Account:
    """One key's."""

    webhook: Webhook | None = None
    transcriptions: dict[int, Transcription] = field(default_factory=dict)
    requests: deque[float] = field(default_factory=deque)
    # (Idempotency-Key) → (method, path and body it came with, status, answer)
    answered: dict[str, tuple[bytes, int, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        example = Transcription(EXAMPLE_ID, "upload", "podcast.mp3", PIPELINES[0], "auto", 3600)
        example.end()
        self.transcriptions[EXAMPLE_ID] = example

    def count_request(self, *, speed: float) -> None:
        """Refuse the 61st request in any minute.

        Raises:
            RefusalError: 429.
        """
        now, minute = time.monotonic(), 60 / speed
        while self.requests and self.requests[0] <= now - minute:
            self.requests.popleft()
        if len(self.requests) >= REQUESTS_A_MINUTE:
            wait = max(1, round(minute - (now - self.requests[0])))
            raise RefusalError(429, "rate_limited", "More than 60 requests in a minute.", retry_after=wait)
        self.requests.append(now)

    def register(self, url: str, second: SecondWebhook) -> tuple[Webhook, bool]:
        """Return the key's webhook and whether its secret may be shown.

        Raises:
            RefusalError: 409, where a second one is refused.
        """
        if self.webhook is None or second == "replace":
            self.webhook = Webhook(url)
            return self.webhook, True
        if second == "409":
            raise RefusalError(409, "webhook_exists", "This key has a webhook; delete it first.")
        return self.webhook, False

    def find(self, transcription_id: int) -> Transcription:
        """Return one of this key's transcriptions.

        Raises:
            RefusalError: 404.
        """
        found = self.transcriptions.get(transcription_id)
        if found is None:
            raise RefusalError(404, "not_found", f"Transcription {transcription_id} does not exist or is not yours.")
        return found

    def find_completed(self, transcription_id: int) -> Transcription:
        """Return one of this key's transcriptions that has a result.

        Raises:
            RefusalError: 404, or 409 `not_ready` with the reason.
        """
        found = self.find(transcription_id)
        if found.status != "completed":
            reason = "transcription_failed" if found.status == "failed" else "transcription_processing"
            raise RefusalError(409, "not_ready", f"Transcription {found.id} is {found.status}.", reason=reason)
        return found

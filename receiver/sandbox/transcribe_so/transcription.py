"""A simulated transcription.

    quoted          POST /quotes: priced, never starts
    queued          only made by `past`: never starts either

    processing ──▶ completed      one event each time it ends, except when cancelled
        ▲    ├───▶ failed
        │    └───▶ cancelled
        └──retry── failed

A word in the recording's name decides how the transcription ends, for users who test special cases:

word in the name     the transcription
fail                 fails, also after every retry
fail-once            fails the first time, and completes when it is retried
cancel               is cancelled, without an event
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from receiver.sandbox.knobs import Digits, Knobs
from receiver.sandbox.refusals import RefusalError
from receiver.sandbox.transcribe_so.deliveries import SimulatedWebhook
from receiver.sandbox.transcribe_so.pipelines import Price

TRANSCRIBING_SECONDS = 60.0
STAGES = ((70, "analyzing"), (5, "transcribing"), (0, "queued"))
UNDER_WAY = ("queued", "processing")
TIMESPECS = {0: "seconds", 3: "milliseconds", 6: "microseconds"}
ELSEWHERE = timezone(timedelta(hours=2))
REASONS = {
    "failed": "transcription_failed",
    "cancelled": "transcription_cancelled",
    "quoted": "not_started",
}


def stamp(moment: datetime, digits: Digits = 3) -> str:
    """Return a time as the provider writes it: ISO 8601, milliseconds, Z. The knobs give a list other `digits`."""
    if digits == "offset":
        return moment.astimezone(ELSEWHERE).isoformat(timespec="milliseconds")
    return moment.astimezone(UTC).isoformat(timespec=TIMESPECS[digits]).replace("+00:00", "Z")


@dataclass(slots=True)
class SimulatedTranscription:
    """One transcription. `place` is its address or file name; `began` is the monotonic time at which this run began."""

    id: int
    source: str
    place: str
    pipeline_code: str
    language: str
    duration_seconds: float
    price: Price
    created_at: datetime
    status: str = "processing"
    began: float = 0.0
    runs: int = 0
    ended_at: datetime | None = None
    error: str | None = None
    by_api: bool = True
    callback: SimulatedWebhook | None = None
    # style → (revision, when it was made)
    styles: dict[str, tuple[int, str]] = field(default_factory=dict)
    regenerations: int = 0

    @property
    def title(self) -> str:
        """The last part of the recording's address or file name."""
        return self.place.rstrip("/").rsplit("/", 1)[-1] or self.place

    def start(self, now: float) -> None:
        """Begin a run."""
        self.status, self.began, self.ended_at, self.error = "processing", now, None, None
        self.runs += 1

    def end(self, at: datetime) -> None:
        """Reach the terminal state that the name selects."""
        name = self.place.lower()
        fails = "fail" in name and not ("fail-once" in name and self.runs > 1)
        self.end_as("failed" if fails else "cancelled" if "cancel" in name else "completed", at)

    def end_as(self, status: str, at: datetime) -> None:
        """Reach a terminal state."""
        self.status, self.ended_at = status, at
        self.error = "The media could not be decoded." if status == "failed" else None
        if status == "completed":
            self.styles = {"balanced": (0, stamp(at))}

    def progress(self, now: float, *, speed: float) -> int:
        """Return the progress in percent."""
        if self.status != "processing":
            return 100 if self.status == "completed" else 0
        return min(99, int(100 * (now - self.began) * speed / TRANSCRIBING_SECONDS))

    def require_completed(self) -> None:
        """Refuse to show content before the transcription has completed.

        Raises:
            RefusalError: 409 `not_ready` with the reason.
        """
        if self.status != "completed":
            reason = REASONS.get(self.status, "transcription_processing")
            raise RefusalError(409, "not_ready", f"Transcription {self.id} is {self.status}.", reason=reason)

    def announced(self, knobs: Knobs) -> dict[str, Any]:
        """Return the transcription as in an event."""
        return self._shown(self.status, self._told(knobs, "event", 3))

    def to_json(self, now: float, *, speed: float, knobs: Knobs) -> dict[str, Any]:
        """Return the transcription as in the answer to a `GET`, and in a list."""
        progress = self.progress(now, speed=speed)
        stage = next(stage for least, stage in STAGES if progress >= least)
        digits = knobs.list_digits
        shown = self._shown(stage if self.status == "processing" else self.status, self._told(knobs, "list", digits))
        return shown | {"progress": progress, "created_at": stamp(self.created_at, digits)}

    def _told(self, knobs: Knobs, teller: str, digits: Digits) -> str | None:
        """Return when it ended, as the `teller` writes it; None if the knobs let it say nothing."""
        if self.ended_at is None or knobs.completed_at not in ("both", teller):
            return None
        return stamp(self.ended_at, digits)

    def _shown(self, stage: str, completed_at: str | None) -> dict[str, Any]:
        shown = {
            "id": self.id,
            "status": self.status,
            "stage": stage,
            "pipeline_code": self.pipeline_code,
            "language": self.language,
            "source": self.source,
            "title": self.title,
            "duration_seconds": self.duration_seconds,
            "billed_seconds": 0 if self.status == "quoted" else round(self.price.minutes * 60),
            "charge_usd": 0.0 if self.status == "quoted" else self.price.usd,
            "completed_at": completed_at,
        }
        return shown | ({} if self.error is None else {"error": self.error})

"""The jobs, and what is answered about them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from receiver.sandbox.samples import Sample
from receiver.sandbox.timbr_audio.orders import Order

STATUSES = ("pending", "queued", "processing", "completed", "failed")
QUEUED_AFTER_SECONDS = 2
PROCESSING_AFTER_SECONDS = 5
SHORTEST_SECONDS = 15


@dataclass(slots=True)
class SimulatedJob:
    """A job. `began` is on the monotonic clock; `ended` is None until it is completed or has failed."""

    id: str
    account: str
    order: Order
    recording: Sample
    created: datetime
    began: float
    ended: datetime | None = None
    error: str | None = None

    @property
    def cost(self) -> int:
        """What it costs, in credits: one a second that has begun."""
        return math.ceil(self.recording.seconds)

    @property
    def lasts(self) -> float:
        """How long it takes, in seconds of the provider's time."""
        return max(SHORTEST_SECONDS, self.recording.seconds / 3)

    def at(self, elapsed: float) -> tuple[str, int]:
        """Return status and progress in percent, `elapsed` seconds of the provider's time after it was created."""
        if self.ended is not None:
            return ("completed", 100) if self.error is None else ("failed", 0)
        if elapsed < QUEUED_AFTER_SECONDS:
            return "pending", 0
        if elapsed < PROCESSING_AFTER_SECONDS:
            return "queued", 0
        return "processing", min(99, int(100 * elapsed / self.lasts))

    def to_json(self, elapsed: float, result: Callable[[], object], *, names_file: bool) -> dict[str, Any]:
        """Return the API's view of the job; `result` makes what a completed one shows of its artifacts."""
        status, progress = self.at(elapsed)
        shown = {
            "job_id": self.id,
            "type": self.order.operation,
            "status": status,
            "progress": progress,
            "result": result() if status == "completed" else None,
            "error": self.error,
            "cost": self.cost,
            "created_at": self.created.isoformat(),
            "completed_at": None if self.ended is None else self.ended.isoformat(),
        }
        return shown | ({"file_id": self.order.file_id} if names_file else {})

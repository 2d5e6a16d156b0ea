"""One job in a worker's hands, and how log lines call it.

    RUNNING ──outcome──▶ SETTLING ──written, no longer ours, or given up──▶ over
       │                    │
       └──stopped, once─────┴──▶ STOPPED ──it has cleaned up──▶ over, without an outcome

RUNNING: its handler runs, or is about to. Where its lease was lost it is stopped, unless the handler is completing the
job in a transaction of its own, or has: then the job may be done already.
SETTLING: its outcome is being written, and may be written already, so a lost lease stops it no more. The worker's end
does: its time is up, and a fence says whether the outcome came first.
STOPPED: its handler may be cleaning up, and is told so only once.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from enum import Enum, auto

from receiver.handling import Completing, Completion
from receiver.inbox.jobs import Claim
from receiver.inbox.retry import Again, Dead, Done, Later, Outcome
from receiver.worker.leases import Key

log = logging.getLogger(__name__)


class Stage(Enum):
    """How far a lane is; the picture stands above."""

    RUNNING = auto()
    SETTLING = auto()
    STOPPED = auto()


@dataclass(slots=True)
class Lane:
    """One job in our hands; whoever makes it gives it its task."""

    claim: Claim
    completion: Completion = field(default_factory=Completion)
    stage: Stage = Stage.RUNNING
    task: "asyncio.Task[None]" = field(init=False)

    @property
    def key(self) -> Key:
        """(job, attempt): what we must still hold to write anything."""
        return self.claim.job, self.claim.attempt

    @property
    def name(self) -> str:
        """How log lines call it."""
        return f"{self.claim.handler} {self.claim.source}/{self.claim.event_id}"

    @property
    def facts(self) -> dict[str, object]:
        """What log lines for machines say of it."""
        claim = self.claim
        return {"handler": claim.handler, "event": f"{claim.source}/{claim.event_id}", "attempt": claim.attempt}

    @property
    def is_undecided(self) -> bool:
        """Whether nothing was begun that may have written an outcome, so that stopping it loses none."""
        return self.stage is Stage.RUNNING and self.completion.stage is Completing.UNUSED

    def stop(self) -> None:
        """Stop it, if it is not being stopped."""
        if self.stage is not Stage.STOPPED:
            self.stage = Stage.STOPPED
            self.task.cancel()

    def say(self, outcome: Outcome, seconds: float) -> None:
        """Log what became of it, `seconds` after it began."""
        number = self.claim.attempt
        facts = self.facts | {"outcome": type(outcome).__name__.lower(), "seconds": round(seconds, 3)}
        match outcome:
            case Done():
                log.info("%s done in %.2f s (attempt %d)", self.name, seconds, number, extra=facts)
            case Again(after=after, reason=reason) | Later(after=after, reason=reason):
                pause = after.total_seconds()
                how = "again in" if isinstance(outcome, Again) else "waits"
                log.warning("%s %s %.0f s (attempt %d): %s", self.name, how, pause, number, reason, extra=facts)
            case Dead(reason=reason):
                log.error("%s dead (attempt %d): %s", self.name, number, reason, extra=facts)

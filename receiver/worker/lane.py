"""One job in a worker's hands, and how log lines call it."""

import asyncio
import logging
from dataclasses import dataclass, field

from receiver.handling import Completion
from receiver.jobs import Claim
from receiver.retry import Again, Dead, Done, Later, Outcome
from receiver.worker.leases import Key

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Lane:
    """One job in our hands."""

    claim: Claim
    completion: Completion = field(default_factory=Completion)
    task: "asyncio.Task[None] | None" = None
    finishing: bool = False

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

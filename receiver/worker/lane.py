"""One job in a worker's hands, and how log lines call it."""

import asyncio
from dataclasses import dataclass, field

from receiver.handling import Completion
from receiver.jobs import Claim
from receiver.worker.leases import Key


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

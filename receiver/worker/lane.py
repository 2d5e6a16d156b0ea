"""One job that a worker holds, and its name in log lines.

    RUNNING ──outcome──▶ SETTLING ──written, lost, or given up──▶ over
       │                    │
       └──stopped, once─────┴──▶ STOPPED ──the handler has cleaned up──▶ over, without an outcome

RUNNING: the handler runs, or is about to run. A lost lease stops the handler, unless the handler completes the job in
its own transaction, or has completed it: then the job might be done already.
SETTLING: the outcome is being written, and might be on disk already. A lost lease does not stop the writing. The
worker's end does, because the time is up; the fence decides whether the outcome came first.
STOPPED: the handler might be cleaning up. It is cancelled only once.
"""

import asyncio
import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum, auto

from receiver.handling import Completing, Completion
from receiver.inbox.jobs import Claim, Queue
from receiver.inbox.retry import Again, Dead, Done, Later, Outcome
from receiver.logs import traces
from receiver.logs.traces import Facts, Span
from receiver.worker.leases import Key

log = logging.getLogger(__name__)


class Stage(Enum):
    """The stage of a lane: see the picture above."""

    RUNNING = auto()
    SETTLING = auto()
    STOPPED = auto()


@dataclass(slots=True)
class Lane:
    """One held job. The code that makes a lane sets its `task`.

    `is_busy`: the handler has not ended; it takes one of the worker's lanes, and room of its account.
    """

    claim: Claim
    queue: Queue = field(init=False)
    completion: Completion = field(init=False)
    stage: Stage = Stage.RUNNING
    is_busy: bool = True
    task: "asyncio.Task[None]" = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing completed."""
        self.queue = self.claim.queue
        self.completion = Completion(claimed_at=self.claim.claimed_at)

    @property
    def key(self) -> Key:
        """The (job, attempt) that the worker must still hold to write an outcome."""
        return self.claim.job, self.claim.attempt

    @property
    def name(self) -> str:
        """The job's name in log lines."""
        return f"{self.claim.handler} {self.claim.source}/{self.claim.event_id}"

    @property
    def facts(self) -> dict[str, object]:
        """The job's fields in log lines for machines."""
        claim = self.claim
        return {"handler": claim.handler, "event": f"{claim.source}/{claim.event_id}", "attempt": claim.attempt}

    def traced(self) -> AbstractContextManager[Span | None]:
        """Return what gives a span to this attempt, which is current while the context is open."""
        claim = self.claim
        facts: Facts = {
            "receiver.source": claim.source, "receiver.account": claim.account, "receiver.event": claim.event_id,
            "receiver.handler": claim.handler, "receiver.job": claim.job, "receiver.attempt": claim.attempt,
            "receiver.replay": claim.is_replay,
        }  # fmt: skip
        is_first = claim.attempt == 1 and not claim.is_replay
        return traces.attempt(claim.handler, facts, claim.traceparent, is_first=is_first)

    @staticmethod
    def note_outcome(span: Span | None, outcome: Outcome) -> None:
        """Note in the span of an attempt how it has ended."""
        if span is not None:
            reason = None if isinstance(outcome, Done) else outcome.reason
            span.note({"receiver.outcome": type(outcome).__name__.lower(), "receiver.reason": reason})
            if isinstance(outcome, Again | Dead):
                span.fail(type(outcome).__name__.lower())

    @property
    def is_undecided(self) -> bool:
        """Whether no outcome can have been written yet, so that stopping the lane loses no outcome."""
        return self.stage is Stage.RUNNING and self.completion.stage is Completing.UNUSED

    def stop(self) -> None:
        """Cancel the task, if it was not cancelled before."""
        if self.stage is not Stage.STOPPED:
            self.stage = Stage.STOPPED
            self.task.cancel()

    def log_outcome(self, outcome: Outcome, seconds: float) -> None:
        """Log the outcome of the job, `seconds` after it began."""
        number = self.claim.attempt
        facts = self.facts | {"outcome": type(outcome).__name__.lower(), "seconds": round(seconds, 3)}
        match outcome:
            case Done():
                log.info("%s done in %.2f s (attempt %d)", self.name, seconds, number, extra=facts)
            case Again(after=after, reason=reason) | Later(after=after, reason=reason):
                pause = after.total_seconds()
                how = "failed, retrying in" if isinstance(outcome, Again) else "waits"
                log.warning("%s %s %.0f s (attempt %d): %s", self.name, how, pause, number, reason, extra=facts)
            case Dead(reason=reason):
                log.error("%s is dead (attempt %d): %s", self.name, number, reason, extra=facts)

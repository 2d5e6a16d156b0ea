"""End attempts as a worker does."""

from receiver.database import Database
from receiver.inbox import jobs
from receiver.inbox.jobs import Ended
from receiver.inbox.retry import Outcome


async def finish(db: Database, job: int, attempt: int, outcome: Outcome) -> bool:
    """Write the outcome of one attempt; return whether the job was still ours."""
    return await jobs.settle(db, [Ended(job, attempt, outcome)]) == ["written"]

"""What is kept of each attempt at a job: who made it, how long it took and how it ended.

The row is written together with the outcome. An attempt that runs has no row yet. Nor has one whose worker died, until
the job is claimed again: then the attempt is `lost`, it ended when its lease ran out, and its worker is not known.

A job may postpone itself for ever. So of each job only the first row and the last 200 are kept.
"""

import functools
import getpass
import os
import socket
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from receiver.database import Database, query


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that has ended.

    Attributes:
        worker: the process that made it, as `host/pid`; None if the attempt is lost.
        claimed_at: when it began; None if the attempt is lost.
        outcome: `done`, `again` (a try that failed), `later` (not counted), `dead`, `released` (its worker ended
            before it), or `lost`.
        error: why it did not succeed; None if it did, or if nobody knows.
    """

    job: int
    attempt: int
    worker: str | None
    claimed_at: datetime | None
    ended_at: datetime
    outcome: str
    error: str | None

    @property
    def seconds(self) -> float | None:
        """How long it took; None if that is not known."""
        return None if self.claimed_at is None else (self.ended_at - self.claimed_at).total_seconds()

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `show --json` prints."""
        return {
            "attempt": self.attempt,
            "outcome": self.outcome,
            "worker": self.worker,
            "claimed_at": None if self.claimed_at is None else self.claimed_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
            "error": self.error,
        }


@functools.cache
def this_process() -> str:
    """Return the name of this process in the rows of its attempts: where to look for its log lines."""
    return f"{this_host()}/{os.getpid()}"


@functools.cache
def this_host() -> str:
    """Return the name of this machine in rows."""
    return socket.gethostname().encode("ascii", "replace").decode("ascii")


def this_person(way: str = "") -> str:
    """Return who runs this process in rows: user@host, and by which way a person acts through it, if that is said."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # in a container the user can have no name
        user = str(os.getuid())
    return f"{user}@{this_host()} ({way})" if way else f"{user}@{this_host()}"


async def of_event(db: Database, event: int) -> list[Attempt]:
    """Return the attempts at the jobs of the event with that key, by job, the first one first."""
    return [Attempt(**dict(row)) for row in await db.fetch(query("inbox/list_attempts"), event)]

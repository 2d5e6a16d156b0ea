"""Say why each of the deliveries that were refused last is refused."""

from typing import NamedTuple

from receiver import signature
from receiver.database import Database
from receiver.health import captures
from receiver.health.captures import Capture
from receiver.health.doctor.capture import captured
from receiver.health.doctor.diagnosis import Diagnosis, examine
from receiver.health.doctor.suspects import gather
from receiver.settings import Settings


class Refused(NamedTuple):
    """A delivery that was refused, and why."""

    capture: Capture
    diagnosis: Diagnosis


async def of_last(db: Database, configured: Settings) -> list[Refused]:
    """Return the deliveries that were refused last, newest first, and why each was."""
    found = []
    for capture in await captures.last(db):
        came = capture.at.timestamp()
        candidates = await gather(db, configured, capture.place, came=came)
        diagnosis = examine(captured(capture.request), candidates, now=came, past=past(configured))
        found.append(Refused(capture, diagnosis))
    return found


def past(configured: Settings) -> float:
    """Return how old a signature can be, in seconds."""
    return float("inf") if configured.stale == "accept" else signature.TOLERANCE_SECONDS

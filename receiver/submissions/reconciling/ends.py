"""What an item of the provider's list means for us. Pure.

quoted                  nothing: it was priced and never started
cancelled               nothing: nobody announces it
completed, failed       ended: before our time, or just now, or ripe: its announcement should have come by now
whatever else           under way: a word that we do not know ends nothing
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from receiver.events import AccountId
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.providers.transcribe_so.answers import NEVER_STARTED

ENDED = frozenset({"completed", "failed"})
CANCELLED = "cancelled"
LISTED_FOR = timedelta(days=7)  # what is under way for longer does not hold up the watermark
OVERLAP = timedelta(minutes=10)  # of two comparisons: an item can appear in the list later than its time says


class Meaning(Enum):
    """What an item of the list means."""

    NOTHING = auto()
    BEFORE = auto()
    UNDER_WAY = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Terms:
    """When an end is ours to announce, by the database's clock.

    Attributes:
        now: the time of the comparison.
        since: what ended before is not looked for.
        grace: how long an announcement can take.
    """

    now: datetime
    since: datetime
    grace: timedelta

    def meaning(self, item: TranscriptionStatus) -> Meaning:
        """Return what an item of the list means."""
        if item.status in (NEVER_STARTED, CANCELLED):
            return Meaning.NOTHING
        if item.status not in ENDED:
            return Meaning.UNDER_WAY
        at = item.ended or item.began  # a list may not tell when it ended
        return Meaning.BEFORE if at is None or at < self.since else Meaning.ENDED

    def is_ripe(self, item: TranscriptionStatus, seen_since: datetime) -> bool:
        """Return whether an end should have been announced by now. `seen_since`: since when it was seen as it is."""
        is_told = item.ended is not None and item.ended <= self.now  # else the provider's clock is wrong
        at = item.ended if is_told and item.ended is not None else seen_since
        return at <= self.now - self.grace

    def holds_up(self, item: TranscriptionStatus) -> bool:
        """Return whether an item under way is young enough to be looked for in the list."""
        return item.began is not None and item.began > self.now - LISTED_FOR


def event_id(account: AccountId, item: TranscriptionStatus, restarted_at: datetime | None) -> str:
    """Return the id of the event of an end: the hash of what it announces, so that a crash cannot make two of it.

    Where the list tells no time of the end, the last start of the transcription tells its ends apart.
    """
    if item.ended is not None:
        end = str(int(item.ended.timestamp()))
    else:
        end = "" if restarted_at is None else f"after {restarted_at.isoformat()}"
    key = "\0".join((*account, str(item.id), item.status, end))
    return f"rec_{hashlib.sha256(key.encode()).hexdigest()[:40]}"

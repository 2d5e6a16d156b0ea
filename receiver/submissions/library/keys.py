"""Places in the order of lists and searches, also as text for addresses. Pure."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
END = 2**31 - 1  # behind all passages of a transcript
_WRITTEN = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})(?:\.([0-9]{1,9}|2147483647))?")


class Place(NamedTuple):
    """A transcript in the order of the list: its time, and its key in the library."""

    at: datetime
    transcript: int

    def __str__(self) -> str:
        """Return it for an address."""
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}.{self.transcript}"


class Key(NamedTuple):
    """A passage in the order of a search: its transcript's time and key, and its number there."""

    at: datetime
    transcript: int
    number: int

    def __str__(self) -> str:
        """Return it for an address."""
        return f"{Place(self.at, self.transcript)}.{self.number}"


NEWEST_PLACE = Place(LATEST, 2**63 - 1)
NEWEST = Key(*NEWEST_PLACE, -1)


def read(text: str) -> Key | None:
    """Return what a text for an address means; of a place, the end of its transcript. None if it means nothing."""
    found = _WRITTEN.fullmatch(text)
    try:
        at = EPOCH + timedelta(microseconds=int(found[1])) if found is not None else None
    except OverflowError:
        return None
    return None if found is None or at is None else Key(at, int(found[2]), int(found[3] or END))

"""Places in the order of lists and searches, also as text for addresses. Pure."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from receiver.inbox import paging

END = 2**31 - 1  # behind all passages of a transcript
_WRITTEN = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})\.([0-9]{1,9}|2147483647)")


class Key(NamedTuple):
    """A place in the order of a search: the time and the key of a transcript, and the number of a passage there.

    In the list of transcripts the number is `END`.
    """

    at: datetime
    transcript: int
    number: int = END

    def __str__(self) -> str:
        """Return it for an address."""
        return f"{paging.written_time(self.at)}.{self.transcript}.{self.number}"


NEWEST = Key(datetime.max.replace(tzinfo=UTC), 2**63 - 1, -1)


def read(text: str) -> Key | None:
    """Return what a text for an address means; None if it means nothing."""
    found = _WRITTEN.fullmatch(text)
    at = None if found is None else paging.read_time(found[1])
    return None if found is None or at is None else Key(at, int(found[2]), int(found[3]))

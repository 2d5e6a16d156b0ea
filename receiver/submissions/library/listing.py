"""The transcripts in the library, newest first. What is kept and not indexed yet is not among them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from receiver.database import Database, query
from receiver.events import AccountId
from receiver.submissions.library.keys import NEWEST, Key
from receiver.submissions.library.searching import ALL, Among

# A path, or an address: its query can hold a secret, so that is never a part of the name.
_PLACE = re.compile(r"(?:~?/(?:.*/)?([^/]+)|https?://[^/?#]+/(?:[^?#]*/)?([^/?#]+)/?(?:[?#].*)?)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Listed:
    """A transcript of the library.

    Attributes:
        id: its key here.
        transcription_id: of the provider; the id of our submission if the provider has no webhooks.
        at: when the run ended, or else when its answer was fetched.
        seconds: how long the recording is.
    """

    id: int
    source: str
    api_url: str
    account: str | None
    transcription_id: str
    at: datetime
    title: str | None
    language: str | None
    seconds: float

    @property
    def key(self) -> Key:
        """Its place in the list."""
        return Key(self.at, self.id)

    @property
    def whose(self) -> AccountId | None:
        """The account that it is of; None if that is not known."""
        return None if self.account is None else AccountId(self.source, self.api_url, self.account)

    @property
    def name(self) -> str:
        """What it is called in the list: its title, of a path or an address the last part; without a title its id."""
        found = _PLACE.fullmatch(self.title or "")
        return self.title or self.transcription_id if found is None else found[1] or found[2]


async def transcripts(
    db: Database, among: Among = ALL, *, before: Key = NEWEST, limit: int = 50
) -> tuple[Sequence[Listed], Key | None]:
    """Return transcripts, newest first, at most `limit`, and the key behind which there are more.

    Of `before` the transcript counts, whatever the passage.
    """
    rows = await db.fetch(query("library/list_transcripts"), *among.values, before.at, before.transcript, limit + 1)
    found = [Listed(**row) for row in rows]
    return found[:limit], found[limit - 1].key if len(found) > limit else None

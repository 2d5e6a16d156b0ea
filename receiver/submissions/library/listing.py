"""The transcripts that are kept, newest first, and one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from receiver.database import Database, query
from receiver.submissions.library.keys import NEWEST_PLACE, Place
from receiver.submissions.library.searching import ALL, Among


@dataclass(frozen=True, slots=True)
class Listed:
    """A transcript of the library.

    Attributes:
        id: its key here.
        transcription_id: of the provider; the id of our submission if the provider has no webhooks.
        at: when the run ended, or else when its answer was fetched.
        fetched_at: when its answer was fetched.
        seconds: how long the recording is.
        is_unspaced: whether its words have no spaces between them.
    """

    id: int
    source: str
    api_url: str
    account: str | None
    transcription_id: str
    at: datetime
    fetched_at: datetime
    title: str | None
    language: str | None
    seconds: float
    passages: int
    is_unspaced: bool

    @property
    def place(self) -> Place:
        """Its place in the list."""
        return Place(self.at, self.id)


async def transcripts(
    db: Database, among: Among = ALL, *, before: Place = NEWEST_PLACE, limit: int = 50
) -> tuple[Sequence[Listed], Place | None]:
    """Return transcripts, newest first, at most `limit`, and the place behind which there are more."""
    rows = await db.fetch(query("library/list_transcripts"), *among.values, *before, limit + 1)
    found = [Listed(**row) for row in rows]
    return found[:limit], found[limit - 1].place if len(found) > limit else None

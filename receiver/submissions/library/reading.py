"""A kept transcript: its answer, and as a whole: its timestamps, what it cost, its events, its recording."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import asyncpg

from receiver import providers
from receiver.database import Database, query
from receiver.events import AccountId, Event, Transcription, moment
from receiver.inbox import artifacts, listing
from receiver.inbox.artifacts import Artifact
from receiver.inbox.filters import Filter
from receiver.inbox.listing import Stored
from receiver.providers import archive
from receiver.providers.archive import Subject
from receiver.submissions import results
from receiver.submissions.library import playing
from receiver.submissions.library.playing import Elsewhere, Unplayable
from receiver.submissions.records import storable
from receiver.transcripts import Timestamps, Transcript

MOST_EVENTS = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a provider that holds a transcript, without its content, which can have megabytes.

    Attributes:
        transcription_id: of the provider; the id of our submission if the provider has no webhooks.
        completed_at: when the run ended, as the provider writes it; empty if it does not say.
        language: as the source writes it.
        seconds: how long the recording is, if that is known without reading the content.
    """

    source: str
    api_url: str
    transcription_id: str
    completed_at: str
    fetched_at: datetime
    operation: str
    account: str | None
    title: str | None
    language: str | None
    seconds: float | None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What the archive names it by."""
        return self.source, self.api_url, self.transcription_id, self.completed_at

    @property
    def whose(self) -> AccountId | None:
        """The account that it is of; None if that is not known."""
        return None if self.account is None else AccountId(self.source, self.api_url, self.account)

    @property
    def ended_at(self) -> datetime | None:
        """When the run ended; None if the provider does not say."""
        return moment(self.completed_at)

    async def transcript(self, content: bytes) -> Transcript:
        """Return what its content holds, with the title.

        Raises:
            ProviderError, ImpossibleError: it cannot be read.
        """
        return replace(await results.read(self.source, self.operation, content), title=self.title)


async def read(
    db: Database, source: str, api_url: str, transcription_id: str, completed_at: str | None = None
) -> Answer | None:
    """Return the answer of a run, by default of the one that was fetched last; None if it is not kept."""
    row = await db.fetchrow(query("library/read_answer"), source, api_url, transcription_id, completed_at)
    if row is None:
        return None
    told, kept = _told(source, row), (row["kept_title"] or b"").decode(errors="replace")
    return Answer(
        source, api_url, transcription_id, row["completed_at"], row["fetched_at"],
        row["operation"] or "", row["account"], storable(row["submitted_title"] or kept or row["title"]),
        storable(row["submitted_language"] or told.language or row["stored_language"]),
        told.duration_seconds or row["seconds"],
    )  # fmt: skip


async def content(db: Database, answer: Answer) -> bytes | None:
    """Return the content of an answer, byte for byte as it came; None if it is not kept any more."""
    return await archive.kept(db, Subject(*answer.key), "result")


@dataclass(frozen=True, slots=True)
class Charge:
    """Something that was paid for: `perhaps` if nobody knows whether it was. `amount` is None if it is not told."""

    operation: str
    amount: Decimal | None
    unit: str | None
    perhaps: bool


@dataclass(frozen=True, slots=True)
class Whole:
    """What is kept of a transcript and of what belongs to it.

    Attributes:
        timestamps: ready to paste, of every format and style that is kept of this run.
        submission: the id of our submission that it is of; None if it was submitted elsewhere.
        files: those that the submission has brought and browsers play.
        elsewhere: where the recording was submitted from by its address, or why that cannot be played; None if it was
            not submitted so.
        apis: the API URLs that have a transcript of this source and id, this one's among them.
    """

    answer: Answer
    timestamps: Sequence[Timestamps]
    charges: Sequence[Charge]
    events: Sequence[Stored]
    submission: str | None
    files: Sequence[Artifact]
    elsewhere: Elsewhere | Unplayable | None
    apis: Sequence[str]


async def find(
    db: Database, source: str, transcription_id: str, api_url: str | None, usual: Collection[str]
) -> tuple[Answer, Sequence[str]] | None:
    """Return the kept answer for a transcript and the API URLs that have one; None if none is kept.

    Ids of several APIs can be the same. Without an `api_url` one of the `usual` is preferred.
    """
    if not f"{source}{transcription_id}{api_url or ''}".isprintable():
        return None  # no id is so, and PostgreSQL refuses some of these characters
    rows = await db.fetch(query("providers/apis_with_answer"), source, transcription_id, "result")
    apis = [row["api_url"] for row in rows]
    preferred = [api for api in apis if api in ({api_url} if api_url else usual)]
    chosen = preferred or ([] if api_url else apis)
    answer = await read(db, source, chosen[0], transcription_id) if chosen else None
    return None if answer is None else (answer, apis)


async def whole(
    db: Database, source: str, transcription_id: str, *, api_url: str | None = None, usual: Collection[str] = ()
) -> Whole | None:
    """Return a transcript with all that belongs to it; None if it is not kept. The arguments are those of `find`."""
    found = await find(db, source, transcription_id, api_url, usual)
    if found is None:
        return None
    answer, apis = found
    about = answer.source, answer.api_url, answer.account or "", transcription_id
    charges = [Charge(**row) for row in await db.fetch(query("library/read_charges"), *about)]
    submitted = await db.fetchrow(query("library/find_submitted"), *about)
    submission, url = (None, None) if submitted is None else (submitted["id"], submitted["url"])
    files = [] if submission is None else await artifacts.of(db, submission)
    events = await listing.recent(db, Filter(about=transcription_id, source=source), limit=MOST_EVENTS)
    return Whole(
        answer, await archive.kept_timestamps(db, answer.key), charges,
        [event for event in events if event.api_url == answer.api_url], submission,
        [file for file in files if playing.kind(file.name) is not None],
        None if url is None else playing.elsewhere(url), apis,
    )  # fmt: skip


def _told(source: str, row: asyncpg.Record) -> Transcription:
    """Return what the newest event of an end says of the transcription; nothing if its body was pruned."""
    if row["raw"] is None:
        return Transcription()
    content = providers.read_stored(source, row["raw"], row["origin"], row["event_id"])
    return content.transcription if isinstance(content, Event) else Transcription()

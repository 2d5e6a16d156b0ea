"""Keep the provider's answers: each is fetched once for its (API, transcription, completed_at).

    caller ──▶ Archive ──▶ the database ──no answer there──▶ the provider ──▶ read, checked, kept
                           without a database every caller costs a request

A second handler of an event, a retry and a replay cost no second request. Concurrent callers in any process wait for
the first caller: the lock is in the database and ends with its transaction.
"""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Self, TypeAlias, TypeVar

from receiver import providers
from receiver.database import Database, Pool, query
from receiver.errors import (
    InvalidRequest,
    PaymentRequired,
    ProviderUnavailable,
    RateLimited,
    Unauthenticated,
)
from receiver.events import Event
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import NotReady, TimestampsAnswer, read, read_result
from receiver.transcripts import Timestamps, Transcript

T = TypeVar("T")
Fetch: TypeAlias = Callable[[], Awaitable[tuple[bytes, T]]]  # an answer, and what was read in it
Read: TypeAlias = Callable[[bytes], Awaitable[T]]

REGENERATIONS = 10  # for each transcription, as the provider allows
REFUSALS = (InvalidRequest, NotReady, PaymentRequired, RateLimited, Unauthenticated)


@dataclass(frozen=True, slots=True)
class Subject:
    """One finished run of a transcription. A retried transcription finishes again, so its id alone is not enough."""

    source: str
    api_url: str
    transcription_id: str
    completed_at: str

    @classmethod
    def of(cls, provider: TranscribeSo, transcription_id: str | int, completed_at: str | None) -> Self:
        """Return the subject of a transcription that ended at `completed_at`, in the provider's format."""
        return cls(provider.name, provider.api_url, str(transcription_id), completed_at or "")

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The columns under which the archive keeps answers about this subject."""
        return self.source, self.api_url, self.transcription_id, self.completed_at


async def keep(db: Database, subject: Subject, kind: str, answer: bytes) -> None:
    """Keep an answer about a subject, unless one of this kind is kept."""
    await db.execute(query("providers/keep_answer"), *subject.key, kind, answer)


async def kept(db: Database, subject: Subject, kind: str) -> bytes | None:
    """Return a kept answer."""
    answer: bytes | None = await db.fetchval(query("providers/read_answer"), *subject.key, kind)
    return answer


class Archive:
    """A provider's answers: kept ones are read, and others are fetched.

    Args:
        provider: the provider's client.
        db: the database that keeps the answers. None: nothing is kept and nothing is counted.
    """

    def __init__(self, provider: TranscribeSo, db: "Pool | None") -> None:
        self.provider = provider
        self._kept: _InDatabase | _Nowhere = _Nowhere() if db is None else _InDatabase(db)

    async def subject(self, transcription_id: str) -> Subject:
        """Return a transcription's last finished run. Ask the provider for its time only if answers are kept."""
        completed_at = (await self.provider.get(transcription_id)).completed_at if self._kept.by_end else None
        return Subject.of(self.provider, transcription_id, completed_at)

    async def transcript(self, subject: Subject) -> Transcript:
        """Return the kept transcript, or else the provider's."""

        async def fetch() -> tuple[bytes, Transcript]:
            answer = await self.provider.result(subject.transcription_id)
            result, transcript = await read_result(answer)
            if str(result.id) != subject.transcription_id:
                raise ProviderUnavailable(f"the answer is about transcription {result.id}", code="malformed_answer")
            if result.status != "completed":
                raise NotReady(f"the transcription is {result.status}", reason="transcription_processing")
            return answer, transcript

        async def read_kept(answer: bytes) -> Transcript:
            return (await read_result(answer))[1]

        return await self._kept.get_or_fetch(subject, "result", fetch, read_kept)

    async def timestamps(self, subject: Subject, format: str, style: str) -> Timestamps:  # noqa: A002 - the provider's word
        """Return the kept paste-ready timestamps, or else the provider's."""

        async def fetch() -> tuple[bytes, Timestamps]:
            answer = await self.provider.timestamps(subject.transcription_id, format, style=style)
            found = await read(TimestampsAnswer, answer)
            if found.format != format:
                raise ProviderUnavailable(f"the answer is not in format {format}", code="malformed_answer")
            return answer, found.timestamps()

        async def read_kept(answer: bytes) -> Timestamps:
            return (await read(TimestampsAnswer, answer)).timestamps()

        return await self._kept.get_or_fetch(subject, f"timestamps/{format}/{style}", fetch, read_kept)

    async def regenerate(self, subject: Subject, format: str, *, style: str, prompt: str) -> Timestamps:  # noqa: A002 - the provider's word
        """Regenerate the chapters of a style, and return them in a format. Kept timestamps of the style are deleted.

        Raises:
            InvalidRequest: all ten regenerations of this transcription are used (code `regenerations_used`).
        """
        async with self._kept.regenerating(subject, style):
            await self.provider.regenerate_timestamps(
                subject.transcription_id, style=style, refine_prompt=prompt or None,
                idempotency_key=f"regenerate-{secrets.token_hex(16)}",
            )  # fmt: skip
        return await self.timestamps(subject, format, style)

    async def regenerations(self, subject: Subject) -> int | None:
        """Return how many regenerations of a transcription are used; None without a database."""
        return await self._kept.regenerations(subject)

    async def keep_title(self, subject: Subject, title: str | None) -> None:
        """Keep a transcription's title, because its result has none."""
        await self._kept.keep(subject, "title", (title or "").encode())

    # --- without asking the provider -----------------------------------------------------------------------------

    async def apis(self, transcription_id: str, kind: str) -> list[str]:
        """Return the APIs that have a kept answer about this id. `kind` is a pattern.

        The same id can belong to transcriptions of several APIs.
        """
        return await self._kept.apis(self.provider.name, transcription_id, kind)

    async def stored_transcript(self, api_url: str, transcription_id: str) -> Transcript | None:
        """Return the transcript that was fetched last, with its title if that is known."""
        about = self.provider.name, api_url, transcription_id
        answer = await self._kept.newest(*about, "result")
        if answer is None:
            return None
        return replace((await read_result(answer))[1], title=await self._kept.title(*about))

    async def stored_timestamps(
        self, api_url: str, transcription_id: str, format: str, style: str | None  # noqa: A002 - the provider's word
    ) -> Timestamps | None:  # fmt: skip
        """Return the timestamps of a format that were fetched last: of the given style, or of any style for None."""
        kind = f"timestamps/{format}/{style or '%'}"
        answer = await self._kept.newest(self.provider.name, api_url, transcription_id, kind)
        return None if answer is None else (await read(TimestampsAnswer, answer)).timestamps()


class _InDatabase:
    """Answers kept in the database by subject and kind, and a count of the regenerations."""

    by_end = True

    def __init__(self, db: Pool) -> None:
        self._db = db

    async def get_or_fetch(self, subject: Subject, kind: str, fetch: "Fetch[T]", read_kept: "Read[T]") -> T:
        """Return the content of the kept answer, or else call `fetch` and keep its answer.

        Only one caller at a time fetches. Each caller reads the answer once: a long one takes a while.
        """
        key = (*subject.key, kind)
        answer = await kept(self._db, subject, kind)
        if answer is None:
            async with self._db.acquire() as connection, connection.transaction():
                # A command retries for less than 300 s. A host that vanishes must not block the other callers forever.
                await connection.fetchval(query("providers/bound_idle_transaction"), "300s")
                await connection.fetchval(query("providers/lock_answer"), *key)
                answer = await kept(connection, subject, kind)
                if answer is None:
                    answer, content = await fetch()
                    await keep(connection, subject, kind, answer)
                    return content
        return await read_kept(answer)

    async def keep(self, subject: Subject, kind: str, answer: bytes) -> None:
        await keep(self._db, subject, kind, answer)

    async def newest(self, *about: str) -> bytes | None:
        """Return the newest answer about (source, API URL, transcription id, kind). The kind is a pattern."""
        answer: bytes | None = await self._db.fetchval(query("providers/newest_answer"), *about)
        return answer

    async def title(self, source: str, api_url: str, transcription_id: str) -> str | None:
        """Return a transcription's kept title, or else the title in its newest event."""
        about = (source, api_url, transcription_id)
        kept = await self.newest(*about, "title")
        if kept is not None:
            return kept.decode() or None
        row = await self._db.fetchrow(query("providers/newest_event_about"), *about)
        content = None if row is None else providers.read_stored(source, row["raw"], row["origin"], row["event_id"])
        return content.transcription.title if isinstance(content, Event) else None

    async def apis(self, source: str, transcription_id: str, kind: str) -> list[str]:
        rows = await self._db.fetch(query("providers/apis_with_answer"), source, transcription_id, kind)
        return [row["api_url"] for row in rows]

    async def regenerations(self, subject: Subject) -> int:
        used: int = await self._db.fetchval(
            query("providers/count_regenerations"), subject.api_url, subject.transcription_id
        )
        return used

    @asynccontextmanager
    async def regenerating(self, subject: Subject, style: str) -> AsyncIterator[None]:
        """Count a regeneration before its request is sent: the provider counts it even if its answer is lost."""
        counted = await self._count(subject)
        await self._forget(subject, style)  # also before the request, because the answer can be lost
        try:
            yield
        except REFUSALS:  # the provider did not count a refused regeneration
            await self._db.execute(query("providers/forget_regeneration"), counted)
            raise
        await self._forget(subject, style)

    async def _count(self, subject: Subject) -> int:
        about = subject.api_url, subject.transcription_id
        async with self._db.acquire() as connection, connection.transaction():
            await connection.fetchval(query("providers/lock_answer"), subject.source, *about, "", "regenerate")
            used = await connection.fetchval(query("providers/count_regenerations"), *about)
            if used >= REGENERATIONS:
                raise InvalidRequest(
                    f"{used} of {REGENERATIONS} regenerations of transcription {subject.transcription_id} are used",
                    code="regenerations_used",
                )
            counted: int = await connection.fetchval(query("providers/record_regeneration"), *about)
            return counted

    async def _forget(self, subject: Subject, style: str) -> None:
        *transcription, _ = subject.key
        await self._db.execute(query("providers/forget_answers"), *transcription, f"timestamps/%/{style}")


class _Nowhere:
    """No database: every answer is fetched, and no earlier answer is known."""

    by_end = False

    async def get_or_fetch(self, _: Subject, __: str, fetch: "Fetch[T]", ___: "Read[T]") -> T:
        return (await fetch())[1]

    async def keep(self, subject: Subject, kind: str, answer: bytes) -> None:
        pass

    async def newest(self, *_: str) -> bytes | None:
        return None

    async def title(self, *_: str) -> str | None:
        return None

    async def apis(self, *_: str) -> list[str]:
        return []

    async def regenerations(self, _: Subject) -> int | None:
        return None

    @asynccontextmanager
    async def regenerating(self, _: Subject, __: str) -> AsyncIterator[None]:
        yield

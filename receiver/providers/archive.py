"""Keep the answers of every source; those of transcribe.so are fetched once for each (API, id, completed_at).

    caller ──▶ Archive ──▶ the database ──no answer there──▶ the provider ──▶ read, checked, kept
                           without a database every caller costs a request

A second handler of an event, a retry and a replay cost no second request. Concurrent callers in any process wait for
the first caller: the lock is in the database and ends with its transaction.

An answer of the kind `result` becomes searchable: a trigger notes it for `submissions/library`, whoever keeps it.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self, TypeAlias, TypeVar

from receiver import providers
from receiver.database import Database, Pool, query
from receiver.errors import ProviderError, ProviderUnavailable
from receiver.events import Event
from receiver.providers import Source, TranscribeSo, regenerations
from receiver.providers.regenerations import Asked, Before, Wish
from receiver.providers.transcribe_so import NotReady, TimestampsAnswer, read, read_result
from receiver.transcripts import Timestamps, Transcript

AT_ONCE_BYTES = 32 * 1024  # in less time than a thread takes to begin on a busy machine

T = TypeVar("T")
Fetch: TypeAlias = Callable[[], Awaitable[tuple[bytes, T]]]  # an answer, and what was read in it
Read: TypeAlias = Callable[[bytes], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class Subject:
    """What an answer is about: mostly one finished run of a transcription, or the submission to another source.

    A retried transcription finishes again, so its id alone is not enough.
    """

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


async def kept_timestamps(db: Database, key: tuple[str, str, str, str]) -> list[Timestamps]:
    """Return the kept timestamps about a subject, by its key, of every format and style that can be read."""
    found = list[Timestamps]()
    for row in await db.fetch(query("providers/kept_timestamps"), *key):
        with suppress(ProviderUnavailable):
            found.append((await read(TimestampsAnswer, row["answer"])).timestamps())
    return found


async def transcript_in(source: type[Source], operation: str, answer: bytes) -> Transcript:
    """Return the transcript in an answer of a source, without its title. A large one does not block the event loop.

    Raises:
        ProviderError: it cannot be read.
    """
    if issubclass(source, TranscribeSo):
        return (await read_result(answer))[1]
    if len(answer) <= AT_ONCE_BYTES:
        return source.transcript(operation, answer)
    return await asyncio.to_thread(source.transcript, operation, answer)


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

    async def before(self, subject: Subject, *, style: str, prompt: str) -> Before:
        """Return what is known before a regeneration: how many are used, and whether this one is asked for already.

        Raises:
            ImpossibleError: this one was asked for with another API key, and its answer is lost.
        """
        return await self._kept.before(self._wish(subject, style, prompt))

    async def regenerate(
        self, subject: Subject, format: str, before: Before, *, style: str, prompt: str, by: str  # noqa: A002 - the provider's word
    ) -> Timestamps:  # fmt: skip
        """Regenerate the chapters of a style, and return them in a format. Kept timestamps of the style are deleted.

        Args:
            subject: a run of a transcription that has completed.
            format: of the timestamps.
            before: from the method of that name. What is asked for already goes on, and is not asked for anew.
            style: of the titles.
            prompt: empty is no prompt.
            by: the process that asks.

        Raises:
            InvalidRequest: all ten regenerations of this transcription are used (code `regenerations_used`).
        """

        async def ask(idempotency_key: str) -> bytes:
            return await self.provider.regenerate_timestamps(
                subject.transcription_id, style=style, refine_prompt=prompt or None, idempotency_key=idempotency_key
            )

        await self._kept.regenerate(self._wish(subject, style, prompt), before, by, ask)
        try:
            return await self.timestamps(subject, format, style)
        except ProviderError as exc:
            shown = f"`receiver timestamps {subject.transcription_id} --format {format} --style {style}`"
            exc.add_note(f"The titles are made: {shown} shows them without another regeneration.")
            raise

    def _wish(self, subject: Subject, style: str, prompt: str) -> Wish:
        return Wish(*subject.key, self.provider.account, self.provider.key_fingerprint, style, prompt)

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
    """Answers kept in the database by subject and kind, and the regenerations."""

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

    async def before(self, wish: Wish) -> Before:
        return await regenerations.before(self._db, wish)

    async def regenerate(self, wish: Wish, before: Before, by: str, ask: Asked) -> None:
        await regenerations.carry_out(self._db, wish, before, ask, by=by)


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

    async def before(self, _: Wish) -> Before:
        return Before()

    async def regenerate(self, _: Wish, __: Before, ___: str, ask: Asked) -> None:
        await ask(f"regenerate-{secrets.token_hex(16)}")

"""The provider's answers, kept: fetched once for each (API, transcription, completed_at), whoever asks.

Two handlers of one event, a retry or a replay cost no second call. Concurrent askers wait for the first one, in any
process: the lock is in the database and ends with its transaction.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from receiver import events
from receiver.database import Database, Pool, query
from receiver.errors import (
    InvalidRequest,
    NotReady,
    PaymentRequired,
    ProviderUnavailable,
    RateLimited,
    Unauthenticated,
)
from receiver.events import Event
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import TimestampsAnswer, read, read_result
from receiver.transcripts import Timestamps, Transcript

REGENERATIONS = 10  # for each transcription, as the provider allows
Provider: TypeAlias = tuple[str, str]  # source and API URL: the ids of two of them collide


@dataclass(frozen=True, slots=True)
class Subject:
    """Which end of which transcription. A retried transcription may end again, so the id alone does not tell."""

    source: str
    api_url: str
    transcription_id: str
    completed_at: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The archive's key of it."""
        return self.source, self.api_url, self.transcription_id, self.completed_at


async def transcript(db: Pool, provider: TranscribeSo, subject: Subject) -> Transcript:
    """Return the transcript, from the archive or else from the provider."""

    async def fetch() -> bytes:
        answer = await provider.result(subject.transcription_id)
        result, _ = await read_result(answer)
        if str(result.id) != subject.transcription_id:
            raise ProviderUnavailable(f"the answer is about transcription {result.id}", code="malformed_answer")
        if result.status != "completed":
            raise NotReady(f"it is {result.status}", reason="transcription_processing")
        return answer

    _, transcript = await read_result(await _once(db, subject, "result", fetch))
    return transcript


async def timestamps(db: Pool, provider: TranscribeSo, subject: Subject, format: str, style: str) -> Timestamps:  # noqa: A002 - the provider's word
    """Return paste-ready timestamps, from the archive or else from the provider."""

    async def fetch() -> bytes:
        answer = await provider.timestamps(subject.transcription_id, format, style=style)
        if (await read(TimestampsAnswer, answer)).format != format:
            raise ProviderUnavailable(f"the answer is not in format {format}", code="malformed_answer")
        return answer

    answer = await _once(db, subject, f"timestamps/{format}/{style}", fetch)
    return (await read(TimestampsAnswer, answer)).timestamps()


async def stored_transcript(db: Database, provider: Provider, transcription_id: str) -> Transcript | None:
    """Return the transcript fetched last, without asking the provider."""
    answer = await db.fetchval(query("find_answer"), *provider, transcription_id, "result")
    return None if answer is None else (await read_result(answer))[1]


async def apis(db: Database, source: str, transcription_id: str, kind: str) -> list[str]:
    """Return the APIs whose answer of a kind, given as a pattern, is kept: a transcription's id does not tell whose."""
    return [row["api_url"] for row in await db.fetch(query("apis_with_answer"), source, transcription_id, kind)]


async def keep_title(db: Database, subject: Subject, title: str | None) -> None:
    """Keep a transcription's title, which its result does not hold."""
    await db.execute(query("keep_answer"), *subject.key, "title", (title or "").encode())


async def stored_title(db: Database, provider: Provider, transcription_id: str) -> str | None:
    """Return a transcription's title: the one that was kept, else what its newest event says."""
    kept: bytes | None = await db.fetchval(query("find_answer"), *provider, transcription_id, "title")
    if kept is not None:
        return kept.decode() or None
    raw: bytes | None = await db.fetchval(query("newest_event_about"), *provider, transcription_id)
    content = None if raw is None else events.read(provider[0], raw)
    return content.transcription.title if isinstance(content, Event) else None


async def stored_timestamps(
    db: Database, provider: Provider, transcription_id: str, format: str, style: str | None  # noqa: A002 - the provider's word
) -> Timestamps | None:  # fmt: skip
    """Return the timestamps of a format, in a style or in any, fetched last, without asking the provider."""
    kind = f"timestamps/{format}/{style or '%'}"
    answer = await db.fetchval(query("find_answer"), *provider, transcription_id, kind)
    return None if answer is None else (await read(TimestampsAnswer, answer)).timestamps()


async def regenerate(
    db: "Pool | None", provider: TranscribeSo, subject: Subject, format: str, *, style: str, prompt: str  # noqa: A002 - the provider's word
) -> Timestamps:  # fmt: skip
    """Have the chapters of a style made anew, and return them in a format; what was kept of that style is forgotten.

    Without a database (`db` is None) nothing is counted or kept.

    Raises:
        InvalidRequest: all ten regenerations of this transcription are used (code `regenerations_used`).
    """
    about = subject.transcription_id
    counted = None
    if db is not None:
        counted = await _count_regeneration(db, provider, about)
        await _forget_style(db, subject, style)  # before it is asked too: its answer may be lost
    try:
        await provider.regenerate_timestamps(
            about, style=style, refine_prompt=prompt or None, idempotency_key=f"regenerate-{secrets.token_hex(16)}"
        )
    except (InvalidRequest, NotReady, PaymentRequired, RateLimited, Unauthenticated):
        if db is not None:  # refused, so not used up
            await db.execute(query("uncount_regeneration"), counted)
        raise
    if db is None:
        answer = await provider.timestamps(about, format, style=style)
        return (await read(TimestampsAnswer, answer)).timestamps()
    await _forget_style(db, subject, style)
    return await timestamps(db, provider, subject, format, style)


async def _count_regeneration(db: Pool, provider: TranscribeSo, transcription_id: str) -> int:
    """Count a regeneration before it is asked for: one whose answer is lost has been used up all the same."""
    async with db.acquire() as connection, connection.transaction():
        await connection.fetchval(
            query("lock_answer"), provider.source, provider.api_url, transcription_id, "", "regenerate"
        )
        used = await regenerations(connection, provider, transcription_id)
        if used >= REGENERATIONS:
            raise InvalidRequest(
                f"{used} of {REGENERATIONS} regenerations of transcription {transcription_id} are used",
                code="regenerations_used",
            )
        counted: int = await connection.fetchval(query("intend_regeneration"), provider.api_url, transcription_id)
        return counted


async def _forget_style(db: Pool, subject: Subject, style: str) -> None:
    whose = (subject.source, subject.api_url, subject.transcription_id)
    await db.execute(query("forget_answers"), *whose, f"timestamps/%/{style}")


async def regenerations(db: Database, provider: TranscribeSo, transcription_id: str) -> int:
    """Return how many regenerations of a transcription are used."""
    used: int = await db.fetchval(query("count_regenerations"), provider.api_url, transcription_id)
    return used


async def _once(db: Pool, subject: Subject, kind: str, fetch: Callable[[], Awaitable[bytes]]) -> bytes:
    key = (*subject.key, kind)
    kept: bytes | None = await db.fetchval(query("read_answer"), *key)
    if kept is not None:
        return kept
    async with db.acquire() as connection, connection.transaction():
        # Longer than a person's command asks again; a host that vanishes must not hold the others up for ever.
        await connection.fetchval(query("bound_idle_transaction"), "300s")
        await connection.fetchval(query("lock_answer"), *key)
        kept = await connection.fetchval(query("read_answer"), *key)
        if kept is None:
            kept = await fetch()
            await connection.execute(query("keep_answer"), *key, kept)
    return kept

"""The provider's answers, kept for ever: fetched once for each (transcription, completed_at), whoever asks.

Two handlers of one event, a retry or a replay cost no second call. Concurrent askers wait for the first one, in any
process: the lock is in the database and ends with its transaction.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from receiver.database import Database, Pool, query
from receiver.errors import NotReady, ProviderUnavailable
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import Result, TimestampsAnswer, parse
from receiver.transcripts import Timestamps, Transcript


@dataclass(frozen=True, slots=True)
class Subject:
    """Which end of which transcription. A retried transcription may end again, so the id alone does not tell."""

    source: str
    transcription_id: str
    completed_at: str


async def transcript(db: Pool, provider: TranscribeSo, subject: Subject) -> Transcript:
    """Return the transcript, from the archive or else from the provider."""

    async def fetch() -> bytes:
        answer = await provider.result(subject.transcription_id)
        result = parse(Result, answer)
        if str(result.id) != subject.transcription_id:
            raise ProviderUnavailable(f"the answer is about transcription {result.id}", code="malformed_answer")
        if result.status != "completed":
            raise NotReady(f"it is {result.status}", reason="transcription_processing")
        return answer

    return parse(Result, await _once(db, subject, "result", fetch)).transcript()


async def timestamps(db: Pool, provider: TranscribeSo, subject: Subject, format: str, style: str) -> Timestamps:  # noqa: A002 - the provider's word
    """Return paste-ready timestamps, from the archive or else from the provider."""

    async def fetch() -> bytes:
        answer = await provider.timestamps(subject.transcription_id, format, style=style)
        if parse(TimestampsAnswer, answer).format != format:
            raise ProviderUnavailable(f"the answer is not in format {format}", code="malformed_answer")
        return answer

    return parse(TimestampsAnswer, await _once(db, subject, f"timestamps/{format}/{style}", fetch)).timestamps()


async def stored_transcript(db: Database, transcription_id: str) -> Transcript | None:
    """Return the transcript fetched last, without asking the provider."""
    answer = await db.fetchval(query("find_answer"), transcription_id, "result")
    return None if answer is None else parse(Result, answer).transcript()


async def stored_timestamps(db: Database, transcription_id: str, format: str) -> Timestamps | None:  # noqa: A002 - the provider's word
    """Return the timestamps of a format, in any style, fetched last, without asking the provider."""
    answer = await db.fetchval(query("find_answer"), transcription_id, f"timestamps/{format}/%")
    return None if answer is None else parse(TimestampsAnswer, answer).timestamps()


async def _once(db: Pool, subject: Subject, kind: str, fetch: Callable[[], Awaitable[bytes]]) -> bytes:
    key = (subject.source, subject.transcription_id, subject.completed_at, kind)
    kept: bytes | None = await db.fetchval(query("read_answer"), *key)
    if kept is not None:
        return kept
    async with db.acquire() as connection, connection.transaction():
        # Longer than the provider may take; a host that vanishes must not hold the others up for ever.
        await connection.fetchval(query("bound_idle_transaction"), "60s")
        await connection.fetchval(query("lock_answer"), *key)
        kept = await connection.fetchval(query("read_answer"), *key)
        if kept is None:
            kept = await fetch()
            await connection.execute(query("keep_answer"), *key, kept)
    return kept

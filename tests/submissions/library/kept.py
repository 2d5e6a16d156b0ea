"""Answers as the providers give them, kept in the archive as everybody keeps them."""

import json
from collections.abc import Sequence
from typing import Any

from receiver.database import Pool
from receiver.providers import archive
from receiver.providers.archive import Subject
from receiver.submissions.library import searching
from receiver.submissions.library.indexing import Indexing
from receiver.submissions.library.keys import NEWEST, Key
from receiver.submissions.library.searching import ALL, Among, Found

API = "https://api.test"
ENDED, LATER = "2026-04-29T14:25:27.968Z", "2026-04-30T09:00:00.100Z"


def segment(text: str, start: float = 0.0, end: float | None = None, speaker: str | None = None) -> dict[str, Any]:
    """Return a segment as transcribe.so writes it."""
    return {"start_seconds": start, "end_seconds": start + 5 if end is None else end, "text": text, "speaker": speaker}


async def keep(
    db: Pool, number: int, *texts: str, at: str = ENDED, language: str | None = "en", title: str | None = "A talk",
    segments: Sequence[dict[str, Any]] | None = None, api: str = API, **parts: Any,
) -> Subject:  # fmt: skip
    """Keep the result of a transcription of transcribe.so, a segment a minute, as after its event.

    `parts` are further fields of the result.
    """
    found = [segment(text, 60.0 * place) for place, text in enumerate(texts)] if segments is None else segments
    subject = Subject("transcribe.so", api, str(number), at)
    await announce(db, number, at=at, language=language, title=title, api=api)
    answer = json.dumps({"id": number, "status": "completed", "segments": found, **parts})
    await archive.keep(db, subject, "result", answer.encode())
    return subject


async def announce(
    db: Pool,
    number: int,
    *,
    at: str = ENDED,
    language: str | None = "en",
    title: str | None = "A talk",
    api: str = API,
) -> None:
    """Store the event of an end, as the web process does."""
    about = {"id": number, "status": "completed", "completed_at": at, "language": language, "title": title}
    raw = json.dumps({"id": "evt", "event": "transcription.completed", "data": {"transcription": about}})
    await db.execute(
        """
        insert into receiver.events (
            source, event_id, api_url, account, type, transcription_id, title, raw, secret_fingerprint, origin
        )
        values ('transcribe.so', $1, $2, 'big-show', 'transcription.completed', $3, $4, $5, '', 'webhook')
        """,
        f"evt_{number}_{at}", api, str(number), title, raw.encode(),
    )  # fmt: skip


async def index(db: Pool) -> int:
    """Put all that was kept into the library, as a worker does, and return how many answers there were."""
    number = 0
    while await Indexing(db).index():
        number += 1
    return number


async def search(db: Pool, words: str, among: Among = ALL, *, before: Key = NEWEST, limit: int = 20) -> Found:
    """Search as `searching.search` does, with a connection of the pool's."""
    async with db.acquire() as connection:
        return await searching.search(connection, words, among, before=before, limit=limit)

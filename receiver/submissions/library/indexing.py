"""Put kept transcripts into the library: an organ of the workers.

Each answer is noted in `receiver.unindexed` by the statement that keeps it, whoever does. One transaction takes it off
that list and writes the passages. So a kill loses nothing, and several workers share the work. What lay here before the
library did is on the list too; the newest comes first. What cannot be read is taken off as well: the log says so once,
and nobody tries it again, not even a later version.
"""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from receiver.database import TROUBLE, Connection, Pool, query
from receiver.errors import ImpossibleError, ProviderError
from receiver.failpoints import Failpoint, reach
from receiver.logs.seldom import Seldom
from receiver.submissions.library import passages, reading
from receiver.submissions.library.passages import Passage
from receiver.submissions.library.reading import Answer

log = logging.getLogger(__name__)

EVERY_SECONDS = 2.0
BETWEEN_SECONDS = 0.05  # while there is more
AT_ONCE = 100  # passages in a statement


@dataclass(frozen=True, slots=True)
class Indexing:
    """Puts transcripts into the library, one by one."""

    db: Pool

    async def watch(self) -> None:
        """Put what was kept into the library, until cancelled. While the database is away, nothing is done."""
        said = Seldom.warning(log, "no transcripts can be put into the library now")
        while True:
            has_more = False
            try:
                has_more = await self.index()
            except TROUBLE as exc:
                said.note(str(exc))
            await asyncio.sleep(BETWEEN_SECONDS if has_more else EVERY_SECONDS)

    async def index(self) -> bool:
        """Put the newest answer that is not in the library yet into it, and return whether there was one."""
        try:
            async with self.db.acquire() as connection, connection.transaction():
                key = await connection.fetchrow(query("library/take_answer"))
                if key is None:
                    return False
                answer = await reading.read(connection, *key)
                content = None if answer is None else await reading.content(connection, answer)
                if answer is not None and content is not None:  # else it was pruned
                    await _put_or_say(connection, answer, content)
                reach(Failpoint.BEFORE_INDEXED)
        except asyncpg.ForeignKeyViolationError:
            log.debug("an answer was pruned while it was put into the library")
        return True


async def _put_or_say(connection: Connection, answer: Answer, content: bytes) -> None:
    """Put an answer into the library. One that cannot be read is left out, and stops nobody."""
    about = f"{answer.source}/{answer.transcription_id}"
    try:
        async with connection.transaction():
            await _put(connection, answer, content)
    except (ProviderError, ImpossibleError, asyncpg.DataError, asyncpg.ProgramLimitExceededError) as exc:
        log.warning("the transcript of %s cannot be searched, because it cannot be read: %s", about, exc)
    except TROUBLE:
        raise
    except Exception:
        log.exception("a bug in receiver: the transcript of %s cannot be searched", about)


async def _put(connection: Connection, answer: Answer, content: bytes) -> None:
    segments = (await answer.transcript(content)).segments
    config = passages.config(answer.language, segments)
    cut = await asyncio.to_thread(passages.cut, segments, spaced=config is not None)
    key = await connection.fetchval(
        query("library/put_transcript"), *answer.key, answer.fetched_at, answer.account, answer.ended_at, answer.title,
        answer.language, passages.length(segments) or answer.seconds or 0.0, len(cut), config,
    )  # fmt: skip
    if key is not None:
        for first in range(0, len(cut), AT_ONCE):
            await _put_passages(connection, key, first, cut[first : first + AT_ONCE])


async def _put_passages(connection: Connection, transcript: int, first: int, some: Sequence[Passage]) -> None:
    columns: list[list[Any]] = [
        list(range(first, first + len(some))),
        [passage.seconds for passage in some],
        [passage.speaker for passage in some],
        [passage.text for passage in some],
        [json.dumps(passage.starts) for passage in some],
    ]
    await connection.execute(query("library/put_passages"), transcript, *columns)

"""The transcripts that were read last, so that who reads on in a long one does not wait for all of it again."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeAlias

from receiver.database import Connection
from receiver.submissions.library import reading
from receiver.submissions.library.reading import Answer
from receiver.transcripts import Transcript

MOST_PARTS = 300_000  # segments, with their words: a hundred megabytes at the most

_Run: TypeAlias = tuple[tuple[str, str, str, str], datetime]
_Content: TypeAlias = "Awaitable[bytes | None]"
_Read: TypeAlias = Callable[[Callable[[Connection], _Content]], _Content]


class Remembered:
    """Some transcripts by their runs, the one that was asked for last at the end.

    Args:
        most: how many segments and words all of them have together. The last one stays, however long it is.
    """

    def __init__(self, *, most: int = MOST_PARTS) -> None:
        self._most = most
        self._kept = OrderedDict[_Run, Transcript]()

    async def read(self, answer: Answer, read: _Read) -> Transcript | None:
        """Return what an answer holds, with its title; None if it is no longer kept. `read` reads from the database."""
        run = answer.key, answer.fetched_at
        if run in self._kept:
            self._kept.move_to_end(run)
        else:
            content = await read(partial(reading.content, answer=answer))
            if content is None:
                return None
            self._kept[run] = await answer.transcript(content)
            while len(self._kept) > 1 and sum(map(_parts, self._kept.values())) > self._most:
                self._kept.popitem(last=False)
        return replace(self._kept[run], title=answer.title)


def _parts(transcript: Transcript) -> int:
    return sum(1 + len(segment.words) for segment in transcript.segments)

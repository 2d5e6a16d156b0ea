"""The transcripts that were read last, so that who reads on in a long one does not wait for all of it again."""

from collections import OrderedDict
from datetime import datetime
from typing import TypeAlias

from receiver.submissions.library.reading import Answer
from receiver.transcripts import Transcript

MOST_PARTS = 300_000  # segments, with their words: a hundred megabytes at the most

_Run: TypeAlias = tuple[tuple[str, str, str, str], datetime]


class Remembered:
    """Some transcripts by their runs, the one that was asked for last at the end.

    Args:
        most: how many segments and words all of them have together. The last one stays, however long it is.
    """

    def __init__(self, *, most: int = MOST_PARTS) -> None:
        self._most = most
        self._kept = OrderedDict[_Run, Transcript]()

    def get(self, answer: Answer) -> Transcript | None:
        """Return the transcript of a run; None if it is not remembered."""
        run = answer.key, answer.fetched_at
        if run in self._kept:
            self._kept.move_to_end(run)
        return self._kept.get(run)

    def keep(self, answer: Answer, transcript: Transcript) -> None:
        """Remember the transcript of a run, and forget those that were not asked for."""
        self._kept[answer.key, answer.fetched_at] = transcript
        while len(self._kept) > 1 and sum(map(_parts, self._kept.values())) > self._most:
            self._kept.popitem(last=False)


def _parts(transcript: Transcript) -> int:
    return sum(1 + len(segment.words) for segment in transcript.segments)

"""Log lines that anyone can cause only once in a while, so that they cannot fill the log."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

MINUTE = 60.0


@dataclass(slots=True)
class Heard:
    """How often something happened since the last log line about it, and who caused it last."""

    what: str
    count: int = 0
    by: str | None = None


class Seldom:
    """Logs the first occurrence immediately, then pauses. Occurrences in the pause are counted and logged at its end.

    Must be used in one event loop only.

    Args:
        say: logs the counts, the highest first.
        seconds: how long the pause is.
    """

    def __init__(self, say: Callable[[Sequence[Heard]], None], *, seconds: float) -> None:
        self._say = say
        self._seconds = seconds
        self._heard: dict[str, Heard] = {}
        self._pause: asyncio.TimerHandle | None = None

    @classmethod
    def warning(cls, log: logging.Logger, sentence: str) -> Self:
        """Return one that warns at most once a minute: a line for each cause, behind the sentence."""

        def say(heard: Sequence[Heard]) -> None:
            for kind in heard:
                log.warning("%s: %s", sentence, kind.what)

        return cls(say, seconds=MINUTE)

    def note(self, what: str, *, by: str | None = None, count: int = 1) -> None:
        """Count an occurrence, and log it now or at the end of the pause."""
        heard = self._heard.setdefault(what, Heard(what))
        heard.count += count
        heard.by = by
        if self._pause is None:
            self._begin()

    def close(self) -> None:
        """Log the occurrences that are not logged yet."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._heard:
            self._tell()

    def _begin(self) -> None:
        self._pause = asyncio.get_running_loop().call_later(self._seconds, self._look)
        self._tell()

    def _look(self) -> None:
        self._pause = None
        if self._heard:
            self._begin()

    def _tell(self) -> None:
        heard, self._heard = self._heard, {}
        self._say(sorted(heard.values(), key=lambda counted: counted.count, reverse=True))

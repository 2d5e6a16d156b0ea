"""Say what anyone can cause, and cause often, at most once in a while: logs must not fill with it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class Heard:
    """How often something came since it was last said, and from whom the last time."""

    what: str
    count: int = 0
    by: str | None = None


class Seldom:
    """Says the first at once. What comes in the pause behind it is counted, and said when the pause is over.

    Belongs to the event loop in which it is used.

    Args:
        say: is given what came, most often first.
        seconds: the pause.
    """

    def __init__(self, say: Callable[[Sequence[Heard]], None], *, seconds: float) -> None:
        self._say = say
        self._seconds = seconds
        self._heard: dict[str, Heard] = {}
        self._pause: asyncio.TimerHandle | None = None

    def note(self, what: str, *, by: str | None = None, count: int = 1) -> None:
        """Count it, and say it now or when the pause is over."""
        heard = self._heard.setdefault(what, Heard(what))
        heard.count += count
        heard.by = by
        if self._pause is None:
            self._begin()

    def close(self) -> None:
        """Say what was not said yet."""
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
        self._say(sorted(heard.values(), key=lambda one: one.count, reverse=True))

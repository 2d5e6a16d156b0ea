"""Run organs: functions in the background of a process, which are started again after any unexpected error.

runs ──returns──▶ over: it had to run only once
 │ ▲
 │ └── after a pause: 1 s, then twice as long each time up to 30 s; 1 s again after it has run well for a while
 └──raises──▶ down: shown by the finding, and logged with its place
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from receiver.health.finding import Finding

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pauses:
    """Pauses, in seconds.

    Attributes:
        first: the pause after the first failure.
        longest: the longest pause.
        well: an organ that ran this long has run well, so its next pause is `first` again.
        ending: how long the organs can take to end.
    """

    first: float = 1.0
    longest: float = 30.0
    well: float = 30.0
    ending: float = 3.0


@dataclass(frozen=True, slots=True)
class Failure:
    """The kind of error that ended an organ, and when, by the monotonic clock."""

    kind: str
    at: float


class Organs:
    """Runs organs beside a `with` block, and stops them at its end.

    An organ is a function that makes a new coroutine for each start. Its errors end neither the block nor other organs.
    """

    def __init__(
        self, organs: Mapping[str, Callable[[], Awaitable[None]]] | None = None, *, pauses: Pauses | None = None
    ) -> None:
        self._organs = dict(organs or {})
        self._pauses = pauses or Pauses()
        self._down: dict[str, Failure] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, name: str, organ: Callable[[], Awaitable[None]]) -> None:
        """Add an organ, before the block begins."""
        self._organs[name] = organ

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._keep(*organ), name=organ[0]) for organ in self._organs.items()]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._pauses.ending)

    def finding(self) -> Finding:
        """Return which organs are down, and why."""
        if not self._down:
            return Finding("organs", holds=True, seen=f"{len(self._organs)} run")
        now = time.monotonic()
        down = [
            f"{name} ended with {failure.kind} {now - failure.at:.0f} s ago" for name, failure in self._down.items()
        ]
        return Finding("organs", holds=False, seen=f"{', '.join(down)}; it starts again")

    async def _keep(self, name: str, organ: Callable[[], Awaitable[None]]) -> None:
        pause = self._pauses.first
        while True:
            began = time.monotonic()
            try:
                await organ()
            except asyncio.CancelledError as exc:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                failed: BaseException = exc  # not the organ itself was cancelled, but something that it waited for
            except Exception as exc:  # noqa: BLE001 - any unexpected error
                failed = exc
            else:
                return
            if time.monotonic() - began >= self._pauses.well:
                pause = self._pauses.first
            self._down[name] = Failure(
                type(failed).__name__, time.monotonic()
            )  # before the logging, which can fail too
            with suppress(Exception):
                log.error("%s ended unexpectedly; it starts again in %g s", name, pause, exc_info=failed)
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._pauses.longest)
            del self._down[name], failed

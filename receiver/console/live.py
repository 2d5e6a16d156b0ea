"""Tell open pages that something has changed, with server-sent events.

    NOTIFY: jobs can be claimed ─┐                        ┌─▶ a page: it asks for itself again
    what a page has done ────────┼─▶ Changes ──at most ──▶├─▶ …
    every few seconds ───────────┘            one a second└─▶ one that is slow: what it missed is one "changed" too

An event says only that something has changed, so nothing piles up: a page that has not read the last event needs no
other. While no page is open, nothing is done.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from receiver.database import listen
from receiver.inbox.jobs import CHANNEL

BETWEEN_SECONDS = 1.0
EVERY_SECONDS = 3.0  # not every change is notified: that a job has ended, or a process was seen
LONGEST_SECONDS = 600.0  # a stream; its page opens the next one, with the sign-in that it has then
MOST, EACH = 100, 20  # streams of all, and of one sign-in
CHANGED = b"event: changed\ndata: \n\n"
RETRY = b"retry: 2000\n\n"


class Changes:
    """Who waits for changes.

    Args:
        url: the database.
        between: seconds between two events, at least.
        every: seconds between two events, at most.
        longest: seconds of one stream.
        most: streams at the same time.
        each: those of one sign-in.
    """

    def __init__(
        self, url: str, *, between: float = BETWEEN_SECONDS, every: float = EVERY_SECONDS,
        longest: float = LONGEST_SECONDS, most: int = MOST, each: int = EACH,
    ) -> None:  # fmt: skip
        self._url = url
        self._between, self._every, self._longest, self._most, self._each = between, every, longest, most, each
        self._waiting = dict[asyncio.Event, str]()  # whose each is
        self._heard = asyncio.Event()
        self._is_over = False

    def is_full(self, whose: str) -> bool:
        """Whether somebody has as many streams as one can have, or all have as many as there can be."""
        return len(self._waiting) >= self._most or [*self._waiting.values()].count(whose) >= self._each

    async def watch(self) -> None:
        """Tell the streams, until cancelled."""
        listening = asyncio.create_task(listen(self._url, CHANNEL, self.note))
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._heard.wait(), timeout=self._every)
                self._heard.clear()
                self._tell()
                await asyncio.sleep(self._between)
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    def note(self) -> None:
        """Note that something has changed, as this process knows."""
        self._heard.set()

    def end(self) -> None:
        """End every stream, and begin none."""
        self._is_over = True
        self._tell()

    async def stream(self, whose: str) -> AsyncIterator[bytes]:
        """Yield the bytes of one stream of somebody's."""
        changed, end = asyncio.Event(), asyncio.get_running_loop().time() + self._longest
        self._waiting[changed] = whose
        try:
            yield RETRY
            while not self._is_over and asyncio.get_running_loop().time() < end:
                await changed.wait()
                changed.clear()
                if not self._is_over:
                    yield CHANGED
        finally:
            del self._waiting[changed]

    def _tell(self) -> None:
        for changed in self._waiting:
            changed.set()

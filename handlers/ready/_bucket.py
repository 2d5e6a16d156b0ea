"""What one try of a job writes into a bucket. An object appears whole or not at all, so nothing is hidden meanwhile.

The job waits for a bucket that hangs, which does not count as a try. A large file has no deadline of its own: each of
its parts has one.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import receiver
from receiver import Postpone

# For one answer, and for all texts together. The database ends a transaction that is idle for a minute.
DEADLINE_SECONDS = 30.0
WAIT_SECONDS = 60


T = TypeVar("T")


class Bucket:
    """What one try writes. `place` is `s3://bucket/prefix`, `wait` runs a coroutine. Paths have `/` in between."""

    def __init__(self, place: str, wait: Callable[..., Any], *, seconds: float = DEADLINE_SECONDS) -> None:
        self._bucket, self._wait, self._seconds = receiver.Bucket(place), wait, seconds
        self._texts: list[tuple[str, bytes]] = []

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: what was not published was not sent."""

    def has(self, path: str) -> bool:
        """Whether there is an object. Who may only write there cannot know, and says no.

        Raises:
            Postpone: the bucket hangs.
        """
        return bool(self._wait(self._in_time(self._bucket.has(path))))

    def put(self, path: str, content: bytes | Path) -> None:
        """Keep a text for `publish`, or send a file now: it can be large.

        Raises:
            Postpone: the bucket hangs, before a byte was sent.
        """
        if isinstance(content, bytes):
            self._texts.append((path, content))
        else:
            self.has(path)
            self._wait(self._bucket.put(path, content))

    def publish(self) -> None:
        """Send the texts. Nothing is sent any more when the deadline is over, or the try.

        Raises:
            Postpone: the bucket has not taken all of them in time.
        """
        self._wait(self._in_time(self._send()))

    async def _send(self) -> None:
        while self._texts:
            await self._bucket.put(*self._texts[-1])
            self._texts.pop()

    async def _in_time(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout(self._seconds):
                return await work
        except TimeoutError:
            why = f"{self._bucket.address} does not answer within {self._seconds:g} s: see AWS_ENDPOINT_URL"
            raise Postpone(why, after=WAIT_SECONDS) from None

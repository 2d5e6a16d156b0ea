"""What one try of a job writes into a bucket. An object appears whole or not at all, so nothing is hidden meanwhile.

The job waits for a bucket that hangs, which does not count as a try. A large file has no deadline of its own: each of
its parts has one. One job at a time asks a bucket that hangs (`Line`).
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import receiver
from receiver import Postpone

from ._line import Line

ANSWER_SECONDS = 10.0
DEADLINE_SECONDS = 30.0  # for all texts together: the database ends a transaction that is idle for a minute
WAIT_SECONDS = 60
T = TypeVar("T")
LINE = Line()  # of this process, which writes into one bucket


@contextmanager
def opened(place: str, wait: Callable[..., Any], line: Line = LINE) -> Iterator["InBucket"]:
    """Yield what one try writes into a bucket.

    Raises:
        Postpone: the bucket hangs, and another job asks it now.
    """
    with line.turn(place):
        yield InBucket(place, wait, line)


class InBucket:
    """What one try writes. `place` is `s3://bucket/prefix`, `wait` runs a coroutine. Paths have `/` in between.

    `line` hangs once the bucket is silent, until it has taken something: some answer who asks, and take nothing.
    """

    def __init__(
        self, place: str, wait: Callable[..., Any], line: Line, *, answer: float = ANSWER_SECONDS,
        seconds: float = DEADLINE_SECONDS,
    ) -> None:  # fmt: skip
        self._bucket = receiver.Bucket(place, seconds=answer)
        self._wait, self._line, self._seconds = wait, line, seconds
        self._texts: list[tuple[str, bytes]] = []

    def has(self, path: str) -> bool:
        """Whether there is an object. Who may only write there cannot know, and says no.

        Raises:
            Postpone: the bucket hangs.
        """
        return bool(self._ask(self._bucket.has(path)))

    def put(self, path: str, content: bytes | Path) -> None:
        """Keep a text for `publish`, or send a file now: it can be large.

        Raises:
            Postpone: the bucket hangs.
        """
        if isinstance(content, bytes):
            self._texts.append((path, content))
        else:
            self.has(path)
            self._ask(self._bucket.put(path, content))
            self._line.hangs = False

    def publish(self) -> None:
        """Send the texts. Nothing is sent any more when the deadline is over, or the try.

        Raises:
            Postpone: the bucket has not taken all of them in time.
        """
        self._ask(self._send())
        self._line.hangs = False

    def _ask(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return cast("T", self._wait(work))
        except Postpone:
            self._line.hangs = True
            raise

    async def _send(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                while self._texts:
                    await self._bucket.put(*self._texts[-1])
                    self._texts.pop()
        except TimeoutError:
            why = f"{self._bucket.address} does not answer within {self._seconds:g} s: see AWS_ENDPOINT_URL"
            raise Postpone(why, after=WAIT_SECONDS) from None

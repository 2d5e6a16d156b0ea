"""The line between `up` and a process that it started: a pair of sockets. One socket is the process's standard input.

The process sends READY when it is ready, and its event loop sends BEAT every second. The process ends when the line
closes: the kernel closes the other end when `up` ends, even if `up` is killed.
"""

import asyncio
import os
import socket
import sys
from contextlib import suppress

READY, BEAT = b"\n", b"."
BETWEEN_BEATS_SECONDS = 1.0


def report_ready() -> None:
    """Report to `up` that this process is ready."""
    with suppress(OSError):  # `up` has ended, and this process will end too
        os.write(sys.stdin.fileno(), BEAT + READY)  # with a beat: from now on `up` counts missing beats


async def beat(*, between: float = BETWEEN_BEATS_SECONDS) -> None:
    """Report to `up` every second that the loop of this process runs, until cancelled."""
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as line:  # opened once: descriptors might run out later
        while True:
            with suppress(OSError):
                line.send(BEAT, socket.MSG_DONTWAIT)  # `up` might be suspended, and must not block us
            await asyncio.sleep(between)


class Line:
    """`up`'s side of the line. `ready` is done when the process is ready, `silent` when its beats have stopped.

    Silence is counted in passes of the loop of `_count`, not by the clock. When the whole machine sleeps (a laptop, a
    stopped container), no beat counts as missing.

    Args:
        ours: our end of the pair; `close` closes it.
        silence: after how many seconds without a beat the process counts as silent.
        between: how many seconds pass between two beats.
    """

    def __init__(self, ours: socket.socket, *, silence: float, between: float = BETWEEN_BEATS_SECONDS) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.silent: asyncio.Future[None] = loop.create_future()
        self._ours = ours
        self._ours.settimeout(0)
        self._between, self._most = between, silence / between
        self._missed: int | None = None  # None until the first beat: a start can take long
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._count())]

    async def close(self) -> None:
        """Stop listening and counting, and close our end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        self._ours.close()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while received := await loop.sock_recv(self._ours, 1024):
                if READY in received and not self.ready.done():
                    self.ready.set_result(None)
                if BEAT in received or self._missed is not None:
                    self._missed = 0

    async def _count(self) -> None:
        while self._missed is None or self._missed < self._most:
            await asyncio.sleep(self._between)
            if self._missed is not None:
                self._missed += 1
        self.silent.set_result(None)

"""The line between `up` and a process that it started: a pair of sockets, one end of which is its standard input.

The process says a word when it is ready, and another every second from its event loop for as long as that runs. It ends
at the line's end, since the kernel closes our end however we end.
"""

import asyncio
import os
import socket
import sys
from contextlib import suppress

READY, BEAT = b"\n", b"."
BETWEEN_BEATS_SECONDS = 1.0


def tell_ready() -> None:
    """Say to `up` that we are ready."""
    with suppress(OSError):  # it has gone, and so shall we
        os.write(sys.stdin.fileno(), BEAT + READY)  # at once: who hangs from now on is missed


async def beat(*, between: float = BETWEEN_BEATS_SECONDS) -> None:
    """Say to `up` that our loop runs, until cancelled."""
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as line:  # once: descriptors may run out later
        while True:
            with suppress(OSError):
                line.send(BEAT, socket.MSG_DONTWAIT)  # `up` may be stopped, and must not stop us too
            await asyncio.sleep(between)


class Line:
    """Our end. `ready` is done when the process has said so, `silent` when it has beaten and then no more.

    Silence is counted by our own beats: when all of us sleep (a laptop, a stopped container) they miss none.

    Args:
        ours: our end of the pair; `close` closes it.
        silence: how many seconds without a word are too many.
        between: how many seconds lie between two beats.
    """

    def __init__(self, ours: socket.socket, *, silence: float, between: float = BETWEEN_BEATS_SECONDS) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.silent: asyncio.Future[None] = loop.create_future()
        self._ours = ours
        self._ours.settimeout(0)
        self._between, self._most = between, silence / between
        self._missed: int | None = None  # until its first beat: what it does before takes as long as it takes
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._count())]

    async def close(self) -> None:
        """Hear and count no more, and close our end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        self._ours.close()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while said := await loop.sock_recv(self._ours, 1024):
                if READY in said and not self.ready.done():
                    self.ready.set_result(None)
                if BEAT in said or self._missed is not None:
                    self._missed = 0

    async def _count(self) -> None:
        while self._missed is None or self._missed < self._most:
            await asyncio.sleep(self._between)
            if self._missed is not None:
                self._missed += 1
        self.silent.set_result(None)

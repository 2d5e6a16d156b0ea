"""The standard streams of a server that an assistant has started: they carry the protocol alone.

What anybody prints goes to stderr. Standard input is read in a thread, because it can be a pipe, a file or a terminal;
the end of the process does not wait for it.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

LONGEST = 1024 * 1024  # bytes of a line: no question is longer
CHUNK = 64 * 1024
WAITING = 100  # lines that are read ahead
TOO_LONG = "{"  # is answered as what it is: no message


@contextmanager
def own_output() -> Iterator[int]:
    """Yield a descriptor of standard output that nobody else has, and let everybody else's go to stderr meanwhile."""
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    try:
        yield own
    finally:
        sys.stdout.flush()
        os.dup2(own, 1)
        os.close(own)


class Lines:
    """The lines of a descriptor, without waiting for them in the loop. A line that is too long is no message."""

    def __init__(self, descriptor: int, *, longest: int = LONGEST) -> None:
        self._descriptor, self._longest = descriptor, longest
        self._read: asyncio.Queue[str | None] = asyncio.Queue(WAITING)
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, name="lines", daemon=True).start()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        """Return the next line."""
        line = await self._read.get()
        if line is None:
            raise StopAsyncIteration
        return line

    def _run(self) -> None:
        with suppress(RuntimeError):  # the loop has ended
            for line in self._lines():
                self._put(line)
            self._put(None)

    def _put(self, line: str | None) -> None:
        coming = self._read.put(line)
        try:
            waiting = asyncio.run_coroutine_threadsafe(coming, self._loop)
        except RuntimeError:
            coming.close()
            raise
        waiting.result()

    def _lines(self) -> Iterator[str]:
        rest, is_long = b"", False
        while data := self._some():
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                yield TOO_LONG if is_long or len(line) > self._longest else line.decode(errors="replace")
                is_long = False
            if len(rest) > self._longest:
                rest, is_long = b"", True
        if rest and not is_long:
            yield rest.decode(errors="replace")

    def _some(self) -> bytes:
        with suppress(OSError):
            return os.read(self._descriptor, CHUNK)
        return b""


class Output:
    """Writes messages to a descriptor. If nobody reads any more, the rest is dropped, and `gone` is set."""

    def __init__(self, descriptor: int, gone: asyncio.Event) -> None:
        self._descriptor, self._gone = descriptor, gone

    async def write(self, text: str) -> None:
        """Write a message whole."""
        if self._gone.is_set():
            return
        try:
            await asyncio.to_thread(self._write, text.encode(errors="replace"))
        except OSError:
            self._gone.set()

    async def flush(self) -> None:
        """Return at once: nothing waits to be written."""

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]

"""The standard streams of a server that an assistant has started: they carry the protocol alone.

What anybody prints goes to stderr. Standard input is read in a thread, because it can be a pipe, a file or a terminal;
the end of the process does not wait for it. When it ends, what was asked is still answered: `printf … | receiver mcp`
shows the answers too.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse, jsonrpc_message_adapter
from pydantic import ValidationError

LONGEST = 1024 * 1024  # bytes of a line: no question is longer
CHUNK = 64 * 1024
WAITING = 100  # lines that are read ahead
ANSWER_SECONDS = 20.0  # for the last answers; a replay can take 15 s
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


class Asked:
    """The requests that have no answer yet, by their ids."""

    def __init__(self) -> None:
        self._open = set[str]()
        self._none_open = asyncio.Event()
        self._none_open.set()

    def note(self, line: str) -> None:
        """Note what a message says, from whichever side it comes. A request that is cancelled gets no answer."""
        try:
            message = jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValidationError:
            return
        match message:
            case JSONRPCRequest():
                self._open.add(str(message.id))
            case JSONRPCNotification(method="notifications/cancelled"):
                self._open.discard(str((message.params or {}).get("requestId")))
            case JSONRPCResponse() | JSONRPCError():
                self._open.discard(str(message.id))
        if self._open:
            self._none_open.clear()
        else:
            self._none_open.set()

    async def answered(self, seconds: float) -> None:
        """Wait until every request has its answer, but not for longer than some seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._none_open.wait()


class Lines:
    """The lines of a descriptor, without waiting for them in the loop. A line that is too long is no message.

    They end when what was `asked` is answered, or `seconds` after the end of the input.
    """

    def __init__(
        self, descriptor: int, asked: Asked, *, longest: int = LONGEST, seconds: float = ANSWER_SECONDS
    ) -> None:  # fmt: skip
        self._descriptor, self._asked, self._longest, self._seconds = descriptor, asked, longest, seconds
        self._read: asyncio.Queue[str | None] = asyncio.Queue(WAITING)
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, name="lines", daemon=True).start()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        """Return the next line."""
        line = await self._read.get()
        if line is None:
            await self._asked.answered(self._seconds)
            raise StopAsyncIteration
        self._asked.note(line)
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

    def __init__(self, descriptor: int, gone: asyncio.Event, asked: Asked) -> None:
        self._descriptor, self._gone, self._asked = descriptor, gone, asked

    async def write(self, text: str) -> None:
        """Write a message whole."""
        if self._gone.is_set():
            return
        try:
            await asyncio.to_thread(self._write, text.encode(errors="replace"))
            self._asked.note(text)
        except OSError:
            self._gone.set()

    async def flush(self) -> None:
        """Return at once: nothing waits to be written."""

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]

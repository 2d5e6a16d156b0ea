"""Processes that `up` starts, keeps alive, replaces and ends.

    begun ──ready──▶ in charge ──dies──▶ another is begun, at once, then later and later
      │                  │
      │              relieved, by another that is ready ──▶ leaves: finishes what it has, then ends
      └──not ready, though it was to relieve one──▶ ended; the one in charge stays

Each has a line to us: its standard input is one end of a pair of sockets. It says a word there when it is ready, and
ends at the line's end, since the kernel closes our end however we end.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from receiver.errors import StartupError

log = logging.getLogger(__name__)

READY_SECONDS = 30.0
ENDING_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 30.0
LONGEST_SILENCE_SECONDS = 2.0  # clients wait on the socket meanwhile, and the provider waits for 10 s
LEAVING_AT_ONCE = 2  # each costs a process' memory, for as long as a client keeps an idle connection to it


@dataclass(frozen=True, slots=True, eq=False)
class Life:
    """One process: `ready` tells whether it has said so, `ended` its exit status, `relieved` that another took over."""

    name: str
    process: asyncio.subprocess.Process
    began: float
    ready: "asyncio.Task[bool]"
    ended: "asyncio.Task[int]"
    relieved: "asyncio.Future[None]"

    @property
    def was_ready(self) -> bool:
        """Whether it has been ready."""
        return self.ready.done() and not self.ready.cancelled() and self.ready.result()

    def tell(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def see_out(self, number: signal.Signals, within: float) -> None:
        """Ask the process to end; kill it, and what it has started, when it has not `within` seconds."""
        self.tell(number)
        await asyncio.wait({self.ended}, timeout=within)
        if not self.ended.done():
            log.error("%s does not end; killing it", self.name)
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        await asyncio.wait({self.ended})


class Child:
    """A `receiver` command as a process of its own, which ends when we do, however we end.

    Where a `vital` one cannot start there is no point in going on. A worker is none: the first job that it takes may
    be one that ends it, and receiving must go on all the same. The one that gets the `listener` receives: clients wait
    for it on that socket, so it is never away for long, and it leaves only when its connections have ended.
    """

    def __init__(
        self, *arguments: str, environment: Mapping[str, str], vital: bool, listener: socket.socket | None = None
    ) -> None:
        self.name = arguments[0]
        self._arguments = (*arguments, "--until-eof")
        self._environment = dict(environment)
        self._vital = vital
        self._passed: tuple[int, ...] = ()
        self._longest_pause, self._farewell = LONGEST_PAUSE_SECONDS, signal.SIGTERM
        if listener is not None:
            self._arguments += ("--listener", str(listener.fileno()))
            self._passed = (listener.fileno(),)
            self._longest_pause, self._farewell = LONGEST_SILENCE_SECONDS, signal.SIGUSR1
        self._life: Life | None = None
        self._lives: list[Life] = []  # oldest first
        self._leaving: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        """Start the process."""
        self._life = await self._begin()

    async def ready(self) -> None:
        """Wait until the process is ready.

        Raises:
            StartupError: it ended instead, and has said why, or it takes too long.
        """
        assert self._life is not None
        if not await _is_ready(self._life):
            raise StartupError(f"{self.name} did not start")

    async def keep(self) -> None:
        """Start the process again, later each time, whenever it ends unasked; runs until cancelled.

        Raises:
            StartupError: it could not even start; it has said why.
        """
        pause, worked = 0.0, False
        while True:
            life = self._life
            assert life is not None
            either: set[asyncio.Future[Any]] = {life.ended, life.relieved}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            worked = worked or life.was_ready
            if life.relieved.done():
                continue
            if self._vital and not worked:
                raise StartupError(f"{self.name} did not start")
            if asyncio.get_running_loop().time() - life.began > self._longest_pause:
                pause = 0.0
            log.error("%s ended with status %d; starting it again in %g s", self.name, life.ended.result(), pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause + 1, self._longest_pause)
            async with self._changing:
                if not life.relieved.done():
                    with _said(self.name):
                        self._life = await self._begin()

    async def replace(self, *, leave_within: float) -> bool:
        """Put a new process in charge once it is ready, and let the old one leave; says whether it came to that.

        Args:
            leave_within: after so many seconds the old one is killed.
        """
        fresh = None
        with _said(self.name):
            fresh = await self._begin()
        if fresh is None or not await _is_ready(fresh):
            log.error(
                "the new process of %s did not become ready; the old one stays: mend that, and restart again", self.name
            )
            if fresh is not None:
                self._let_leave(fresh, signal.SIGTERM, ENDING_SECONDS)
            return False
        async with self._changing:
            old, self._life = self._life, fresh
        assert old is not None
        old.relieved.set_result(None)
        self._let_leave(old, self._farewell, leave_within)
        for late in self._lives[: -1 - LEAVING_AT_ONCE]:
            late.tell(signal.SIGTERM)
        return True

    async def end(self, within: float) -> None:
        """Ask every process to end; kill those that have not `within` seconds."""
        await asyncio.gather(*(life.see_out(signal.SIGTERM, within) for life in self._lives), *self._leaving)

    def _let_leave(self, life: Life, number: signal.Signals, within: float) -> None:
        leaving = asyncio.create_task(life.see_out(number, within))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def _begin(self) -> Life:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "receiver", *self._arguments,
                    env=self._environment, stdin=theirs.fileno(), pass_fds=self._passed, start_new_session=True,
                )  # fmt: skip
            except BaseException:
                ours.close()
                raise
        ready = asyncio.create_task(_says_a_word(ours))
        ended = asyncio.create_task(_end_of(process, ours, ready))
        life = Life(self.name, process, loop.time(), ready, ended, loop.create_future())
        self._lives.append(life)
        ended.add_done_callback(lambda _: self._lives.remove(life))
        return life


@contextmanager
def _said(name: str) -> Iterator[None]:
    """Log that a process could not be begun, for want of memory or of its program, instead of ending the others."""
    try:
        yield
    except OSError as exc:
        log.error("%s could not be started: %s", name, exc)


async def _is_ready(life: Life) -> bool:
    await asyncio.wait({life.ready, life.ended}, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    return life.was_ready


async def _says_a_word(line: socket.socket) -> bool:
    with suppress(OSError):
        return bool(await asyncio.get_running_loop().sock_recv(line, 1))
    return False


async def _end_of(process: asyncio.subprocess.Process, line: socket.socket, ready: "asyncio.Task[bool]") -> int:
    """Return the exit status, and close the line."""
    status = await process.wait()
    ready.cancel()  # where what the process started holds the other end
    await asyncio.wait({ready})
    line.close()
    return status

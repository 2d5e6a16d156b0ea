"""Processes that `up` starts, keeps alive, replaces and ends.

    started ──ready──▶ in charge ──dies──▶ a new process starts: at once, then after longer and longer pauses
      │                 │  │
      │                 │  └──silent──▶ killed, and a new process starts at once
      │                relieved by a new process that is ready ──▶ leaves: finishes its work, then ends
      └──a replacement that does not become ready──▶ ended; the process in charge stays

Each process has a line to us (`line`). On this line it reports that it is ready, and then every second that it runs.
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
from pathlib import Path
from typing import Any

from receiver.cli.up import killed
from receiver.cli.up.line import Line
from receiver.errors import StartupError

log = logging.getLogger(__name__)

LEAVING_AT_ONCE = 2  # processes: a client with an idle connection keeps one alive, and each uses memory


@dataclass(frozen=True, slots=True)
class Leaving:
    """How a process leaves when another one has taken over.

    Attributes:
        number: the signal that tells it.
        within: how many seconds it has. Then it is killed.
        at_once: how many of its kind leave at the same time, at most. Older ones are told to end now.
    """

    number: signal.Signals = signal.SIGTERM
    within: float = 30.0
    at_once: int = LEAVING_AT_ONCE


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds we wait for a process.

    Attributes:
        ready: until it is ready.
        ending: until a useless process ends.
        pause: the longest pause before a dead process is started again.
        gap: the longest pause for the process with the listener. Clients wait for it, and the provider waits 10 s.
        silence: after its last beat, until it counts as hung.
    """

    ready: float = 30.0
    ending: float = 5.0
    pause: float = 30.0
    gap: float = 2.0
    silence: float = 20.0


@dataclass(frozen=True, slots=True, eq=False)
class Life:
    """One process. `ended` is done with its exit status, `relieved` when another process has taken over."""

    name: str
    process: asyncio.subprocess.Process
    began: float
    line: Line
    ended: "asyncio.Task[int]"
    relieved: "asyncio.Future[None]"

    @property
    def was_ready(self) -> bool:
        """Whether the process has been ready."""
        return self.line.ready.done()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it still runs."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def see_out(self, number: signal.Signals, within: float) -> None:
        """Ask the process to end. If it has not ended `within` seconds, kill it and its children."""
        self.send(number)
        await asyncio.wait({self.ended}, timeout=within)
        if not self.ended.done():
            self.kill()
            log.error("%s did not end; it is killed", self.name)
        await asyncio.wait({self.ended})

    def kill(self) -> None:
        """Kill the process and its children, if it still runs."""
        if not self.ended.done():
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class Child:
    """A `receiver` command as a process of its own. It ends when we end, even if we are killed.

    Args:
        arguments: the command and its arguments.
        name: what log lines call it. By default it is the command.
        environment: the environment of the process.
        vital: if it cannot start, `up` ends. A worker is not vital: its first job might kill it, and `up` still
            receives deliveries.
        folder: the working folder of the process.
        listener: the socket of the web server. Clients wait there, so a dead process is replaced soon.
        patience: how long we wait for the process.
        leaving: how a replaced process leaves.
    """

    def __init__(
        self,
        *arguments: str,
        name: str | None = None,
        environment: Mapping[str, str],
        vital: bool,
        folder: Path | None = None,
        listener: socket.socket | None = None,
        patience: Patience | None = None,
        leaving: Leaving | None = None,
    ) -> None:
        self.name = name or arguments[0]
        self._arguments = (*arguments, "--until-eof")
        self._environment, self._folder = dict(environment), folder
        self._vital = vital
        self._passed: tuple[int, ...] = ()
        self._patience = patience or Patience()
        self._longest_pause = self._patience.pause
        self._leaves = leaving or Leaving()
        if listener is not None:
            self._arguments += ("--listener", str(listener.fileno()))
            self._passed = (listener.fileno(),)
            self._longest_pause = self._patience.gap
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
            StartupError: the process has ended and said why, or it takes too long.
        """
        assert self._life is not None
        if not await self._is_ready(self._life):
            raise StartupError(f"{self.name} did not start")

    async def keep(self) -> None:
        """Start the process again, with growing pauses, when it hangs or ends without our request. Run until cancelled.

        Raises:
            StartupError: a vital process could not start; it has said why.
        """
        pause, worked, judged = 0.0, False, None
        while True:
            life = self._life
            assert life is not None
            any_of: set[asyncio.Future[Any]] = {life.ended, life.relieved, life.line.silent}
            await asyncio.wait(any_of, return_when=asyncio.FIRST_COMPLETED)
            worked = worked or life.was_ready
            if life.relieved.done():
                continue
            if self._vital and not worked:
                raise StartupError(f"{self.name} did not start")
            if life is not judged and asyncio.get_running_loop().time() - life.began > self._longest_pause:
                pause = 0.0  # it ran well; a start that failed leaves the old life here
            judged = life
            if life.ended.done():
                log.error("%s ended with status %d; starting it again in %g s", self.name, life.ended.result(), pause)
            else:
                hung = "%s hangs: it has said nothing for %g s; it is killed; starting another in %g s"
                log.error(hung, self.name, self._patience.silence, pause)
                life.kill()
                # The next process might need a lock or a port that this one holds.
                await asyncio.wait({life.ended}, timeout=self._patience.ending)
            await asyncio.sleep(pause)
            pause = min(2 * pause + 1, self._longest_pause)
            async with self._changing:
                if not life.relieved.done():
                    with _logged(self.name):
                        self._life = await self._begin()

    async def replace(self) -> bool:
        """Put a new process in charge once it is ready, and let the old one leave. Return whether that succeeded."""
        fresh = None
        with _logged(self.name):
            fresh = await self._begin()
        if fresh is None or not await self._is_ready(fresh):
            if fresh is not None:
                self._let_leave(fresh, signal.SIGTERM, self._patience.ending)
            log.error(
                "the new process of %s did not become ready; the old one stays: fix that, and restart again", self.name
            )
            return False
        async with self._changing:
            old, self._life = self._life, fresh
        assert old is not None
        old.relieved.set_result(None)
        self._let_leave(old, self._leaves.number, self._leaves.within)
        for late in self._lives[: -1 - self._leaves.at_once]:
            late.send(signal.SIGTERM)
        return True

    async def end(self, within: float) -> None:
        """Ask every process to end. Kill those that have not ended `within` seconds."""
        await asyncio.gather(*(life.see_out(signal.SIGTERM, within) for life in self._lives), *self._leaving)

    def hurry(self) -> None:
        """Tell every process that is ending to stop its work now."""
        for life in self._lives:
            life.send(signal.SIGINT)

    def _let_leave(self, life: Life, number: signal.Signals, within: float) -> None:
        leaving = asyncio.create_task(life.see_out(number, within))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    async def _is_ready(self, life: Life) -> bool:
        either: set[asyncio.Future[Any]] = {life.line.ready, life.ended}
        await asyncio.wait(either, timeout=self._patience.ready, return_when=asyncio.FIRST_COMPLETED)
        return life.was_ready

    async def _begin(self) -> Life:
        loop = asyncio.get_running_loop()
        process, ours = await begin(
            *self._arguments, environment=self._environment, folder=self._folder, passed=self._passed
        )
        killed.offer(process.pid, killed.STARTED_AGAIN if self._vital else killed.WORKER)
        line = Line(ours, silence=self._patience.silence)
        ended = asyncio.create_task(_end_of(process, line))
        life = Life(self.name, process, loop.time(), line, ended, loop.create_future())
        self._lives.append(life)
        ended.add_done_callback(lambda _: self._lives.remove(life))
        return life


async def begin(
    *arguments: str, environment: Mapping[str, str], folder: Path | None = None, passed: tuple[int, ...] = ()
) -> tuple[asyncio.subprocess.Process, socket.socket]:
    """Start a `receiver` command. Return the process and our end of its line; the process ends when the line closes."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = await asyncio.create_subprocess_exec(
                # -P: else a file in the working directory could replace a module that we import.
                sys.executable, "-Pm", "receiver", *arguments,
                env=dict(environment), cwd=folder, stdin=theirs.fileno(), pass_fds=passed, start_new_session=True,
            )  # fmt: skip
        except BaseException:
            ours.close()
            raise
    return process, ours


async def run_once(
    *arguments: str, environment: Mapping[str, str], folder: Path, stop: asyncio.Event, hurry: asyncio.Event,
    ending: float,
) -> int:  # fmt: skip
    """Run a `receiver` command to its end and return its exit status.

    Once `stop` is set, the process has `ending` seconds to end. If `hurry` is set too, it is told to stop its work
    now.
    """
    process, line = await begin(*arguments, "--until-eof", environment=environment, folder=folder)
    ended, stopping = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
    hurrying = asyncio.create_task(hurry.wait())
    try:
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        line.close()
        await asyncio.wait({ended, hurrying}, timeout=ending, return_when=asyncio.FIRST_COMPLETED)
        if hurrying.done():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            await asyncio.wait({ended}, timeout=ending)
        if not ended.done():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        return await ended
    finally:
        line.close()
        stopping.cancel()
        hurrying.cancel()


@contextmanager
def _logged(name: str) -> Iterator[None]:
    """Log that a process could not be started (no memory, thread or program), and let the other processes continue."""
    try:
        yield
    except Exception as exc:  # noqa: BLE001 - such as RuntimeError: can't start new thread
        log.error("%s could not be started: %s", name, str(exc) or type(exc).__name__)


async def _end_of(process: asyncio.subprocess.Process, line: Line) -> int:
    """Wait for the process, close its line and return its exit status."""
    status = await process.wait()
    await line.close()
    return status

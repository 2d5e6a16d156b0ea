"""Processes that `up` starts, keeps alive and ends."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

from receiver.errors import StartupError

log = logging.getLogger(__name__)

STARTING_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 30.0


class Child:
    """A `receiver` command as a process of its own, which ends when we do, however we end.

    Where a `vital` one cannot start there is no point in going on. A worker is none: the first job that it takes may
    be one that ends it, and receiving must go on all the same.
    """

    def __init__(self, *arguments: str, environment: Mapping[str, str], vital: bool) -> None:
        self.name = arguments[0]
        self._arguments = arguments
        self._environment = dict(environment)
        self._vital = vital
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process. Its standard input is a pipe that nobody writes to and the kernel closes with us."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "receiver", *self._arguments, "--until-eof",
            env=self._environment, stdin=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    async def keep(self) -> None:
        """Start the process again, later each time, whenever it ends; runs until cancelled.

        Raises:
            StartupError: it could not even start; it has said why.
        """
        pause, first = 1.0, True
        while True:
            started = time.monotonic()
            assert self._process is not None
            status = await self._process.wait()
            lived = time.monotonic() - started
            if self._vital and first and status == 1 and lived < STARTING_SECONDS:
                raise StartupError(f"{self.name} did not start")
            first = False
            pause = 1.0 if lived > LONGEST_PAUSE_SECONDS else min(pause * 2, LONGEST_PAUSE_SECONDS)
            log.error("%s ended with status %d; starting it again in %g s", self.name, status, pause)
            await asyncio.sleep(pause)
            await self.start()

    async def end(self, within: float) -> None:
        """Ask the process to end; kill it when it has not `within` seconds."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), within)
        except TimeoutError:
            log.error("%s does not end; killing it", self.name)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

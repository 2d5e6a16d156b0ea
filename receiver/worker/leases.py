"""Renew leases from a separate thread, and notice when the loop that runs the handlers is stuck.

A handler that blocks the worker's loop must not cost other jobs their leases. Measured with a handler that blocked for
3 s, a renewal in this thread was at most 2 ms late beside `time.sleep`, 16 ms beside a Python loop, and 0.2 s beside
eight Python loops. Only a C function that never releases the interpreter, such as a backtracking regular expression,
stops this thread too. Then the leases run out, and in the end faulthandler, which does not need the interpreter, ends
the process. A process for each lane would close that gap, at 50 MB and half a second each.
"""

import asyncio
import faulthandler
import logging
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Self

from receiver.database import Connection, Connections
from receiver.database.apart import together
from receiver.errors import StoreUnavailableError
from receiver.health.watchdog import BEATS, Watched
from receiver.inbox import jobs

log = logging.getLogger(__name__)

Key = tuple[int, int]

STATEMENT_SECONDS = 10.0
SEIZED_SECONDS = 60.0
ENDING_SECONDS = 1.0
LOOK_SECONDS = 0.02
STDERR = 2


class Leases:
    """Renews the leases of the held jobs while its `async with` block lasts.

    Args:
        url: the database, to which the thread has its own connection.
        lease: how long a claim holds without being renewed.
        held: returns the (job, attempt) of every held job; called in the thread.
        lost: called in the loop with the jobs that the worker no longer holds.
        stuck: called in the thread with the reason why the worker can no longer hold jobs; ends the process.
    """

    def __init__(
        self,
        url: str,
        *,
        lease: timedelta,
        held: Callable[[], Collection[Key]],
        lost: Callable[[Collection[Key]], None],
        stuck: Callable[[str], None],
    ) -> None:
        self._url = url
        self._lease = lease
        self._held = held
        self._lost = lost
        self._stuck = stuck
        self._watched = Watched()
        self._loop = self._watched.loop
        self._between = lease.total_seconds() / BEATS
        self._failed = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        # The thread might wait for a database that hangs, and handlers might keep all the loop's own threads busy.
        end = self._loop.time() + ENDING_SECONDS
        while self._thread.is_alive() and self._loop.time() < end:  # noqa: ASYNC110 - a thread's end sets no event
            await asyncio.sleep(LOOK_SECONDS)

    def _run(self) -> None:
        """Renew until the block ends. An unforeseen error might pass, so keep trying for a whole lease."""
        self._arm()
        while not self._ending.wait(self._between):
            try:
                self._keep_renewing()
            except Exception:  # for example no thread, no memory, no descriptor
                self._failed += 1
                with suppress(Exception):
                    log.exception("leases were not renewed; retrying in %g s", self._between)
                if self._failed >= BEATS:
                    self._stuck("leases can no longer be renewed")
                    break
        faulthandler.cancel_dump_traceback_later()

    def _keep_renewing(self) -> None:
        """Renew now and then at every beat, over one connection."""
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            connections = runner.run(self._open())
            try:
                while True:
                    self._watch()
                    runner.run(self._renew(connections))
                    self._failed = 0
                    self._arm()
                    if self._ending.wait(self._between):
                        break
            finally:
                connections.close()

    async def _open(self) -> Connections:
        # A delayed renewal must leave time for the other renewals before their leases run out.
        return Connections(self._url, size=1, statement_seconds=max(1.0, min(STATEMENT_SECONDS, self._between) / 2))

    def _arm(self) -> None:
        """End the process unless this is called again in time, even if the process is suspended in between."""
        faulthandler.dump_traceback_later(self._lease.total_seconds() + SEIZED_SECONDS, exit=True, file=STDERR)

    def _watch(self) -> None:
        if self._watched.is_stuck():
            self._stuck(
                f"a handler has blocked this worker for a whole lease: {self._watched.where()}; "
                "blocking code belongs in a plain `def`"
            )

    async def _renew(self, connections: Connections) -> None:
        held = list(self._held())
        if not held:
            return
        try:
            renewed = await together(connections, held, self._lengthen, seconds=STATEMENT_SECONDS)
        except StoreUnavailableError as exc:
            log.warning("leases were not renewed: %s", exc)
            return
        lost = list[Key]()
        for key, result in zip(held, renewed, strict=True):
            if isinstance(result, StoreUnavailableError):
                log.warning("the lease of job %d was not renewed: %s", key[0], result)
            elif not result:
                lost.append(key)
        if lost:
            self._loop.call_soon_threadsafe(self._lost, lost)

    async def _lengthen(self, connection: Connection, held: Sequence[Key]) -> list[bool]:
        return await jobs.renew(connection, held, lease=self._lease)

"""Renew leases from a thread of its own, and notice when the loop that runs the handlers is stuck.

A handler that blocks the worker's loop must cost nobody else the lease. Measured with 3 s of blocking, a renewal in
this thread came at worst 2 ms late beside `time.sleep`, 16 ms beside a Python loop and 0.2 s beside eight of them. Only
a C function that keeps the interpreter to itself, such as a regular expression that backtracks, stops this thread too;
then the leases run out, and in the end faulthandler, which needs no interpreter, ends the process. A process for each
lane would not have that gap, at 50 MB and half a second each.
"""

import asyncio
import faulthandler
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Collection
from datetime import timedelta
from types import TracebackType
from typing import Self

from receiver import jobs
from receiver.database import Connections
from receiver.errors import StoreUnavailableError

log = logging.getLogger(__name__)

Key = tuple[int, int]

BEATS = 3  # in a lease: one renewal less may fail in a row, and so often the loop may not answer
STATEMENT_SECONDS = 10.0
SEIZED_SECONDS = 60.0
ENDING_SECONDS = 1.0
LOOK_SECONDS = 0.02
STDERR = 2


class Leases:
    """Keeps the leases of what is held for as long as the block lasts.

    Args:
        url: the database, to which the thread has a connection of its own.
        lease: how long a claim holds without being renewed.
        held: returns the (job, attempt) that are held now; called in the thread.
        lost: told, in the loop, which of them are ours no longer.
        stuck: told, in the thread, why this worker can hold nothing any longer; ends the process.
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
        self._watched = asyncio.get_running_loop()
        self._watched_thread = threading.get_ident()
        self._unanswered = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        # It may be waiting for a database that hangs, and the loop's own threads for whatever handlers gave them.
        end = self._watched.time() + ENDING_SECONDS
        while self._thread.is_alive() and self._watched.time() < end:  # noqa: ASYNC110 - its end wakes nobody
            await asyncio.sleep(LOOK_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            connections = runner.run(self._open())
            try:
                self._arm()
                while not self._ending.wait(self._lease.total_seconds() / BEATS):
                    self._watch()
                    runner.run(self._renew(connections))
                    self._arm()
            except Exception:
                log.exception("the renewal of leases ended")
                self._stuck("leases can be renewed no longer")
            finally:
                faulthandler.cancel_dump_traceback_later()
                connections.close()

    async def _open(self) -> Connections:
        return Connections(self._url, size=1)

    def _arm(self) -> None:
        """Let the process end when we do not come back to this for too long, also because it was stopped."""
        faulthandler.dump_traceback_later(self._lease.total_seconds() + SEIZED_SECONDS, exit=True, file=STDERR)

    def _watch(self) -> None:
        """Count how often in a row the loop did not answer; by our own beats, since the whole process may sleep."""
        if self._unanswered >= BEATS:
            self._stuck(
                f"a handler has blocked this worker for a whole lease: {self._where()}; "
                "what blocks belongs in a plain `def`"
            )
        self._unanswered += 1
        self._watched.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self._unanswered = 0

    def _where(self) -> str:
        doing = asyncio.current_task(self._watched)
        frame = sys._current_frames().get(self._watched_thread)  # noqa: SLF001 - documented, whatever its name
        places = [f"{f.filename} line {f.lineno}" for f in traceback.extract_stack(frame)[-2:]]
        return f"{'something' if doing is None else doing.get_name()} ({', called at '.join(reversed(places))})"

    async def _renew(self, connections: Connections) -> None:
        held = list(self._held())
        if not held:
            return
        try:
            gone = await connections.run(lambda c: jobs.renew(c, held, lease=self._lease), seconds=STATEMENT_SECONDS)
        except StoreUnavailableError as exc:
            log.warning("leases were not renewed: %s", exc)
            return
        lost = [key for key in held if key[0] in gone]
        if lost:
            self._watched.call_soon_threadsafe(self._lost, lost)

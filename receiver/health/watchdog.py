"""Notice from another thread that an event loop is stuck, and end the process. Its parent starts another process."""

import asyncio
import faulthandler
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

log = logging.getLogger(__name__)

BEATS = 3  # a loop is stuck if it leaves so many questions in a row unanswered
SAYING_SECONDS = 5.0
PATIENCE_SECONDS = 30.0
EXIT_STATUS = 1


class Watched:
    """The running event loop, as seen from another thread, which asks it a question in each beat.

    The thread counts its own beats and no time, because the whole process can sleep: stopped, or with its machine.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._unanswered = 0

    def is_stuck(self) -> bool:
        """Return whether the last questions were not answered. Ask the next one."""
        stuck = self._unanswered >= BEATS
        self._unanswered += 1
        self.loop.call_soon_threadsafe(self._answer)
        return stuck

    def where(self) -> str:
        """Return what the loop is doing."""
        doing = asyncio.current_task(self.loop)
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001 - documented, despite its name
        places = [f"{f.filename} line {f.lineno}" for f in traceback.extract_stack(frame)[-2:]]
        return f"{'something' if doing is None else doing.get_name()} ({', called at '.join(reversed(places))})"

    def _answer(self) -> None:
        self._unanswered = 0


async def watch(*, stuck: Callable[[str], None], patience: float = PATIENCE_SECONDS) -> None:
    """Watch the running event loop from a thread, until cancelled.

    Args:
        patience: how many seconds the loop has to answer.
        stuck: called in the thread with the reason and the place; it ends the process.
    """
    watched, over = Watched(), threading.Event()

    def run() -> None:
        while not over.wait(patience / BEATS):
            with suppress(Exception):  # such as a lack of memory, which might be over at the next beat
                if watched.is_stuck():
                    stuck(f"nothing has been answered for {patience:g} s: {watched.where()}")

    threading.Thread(target=run, name="watchdog", daemon=True).start()
    try:
        await watched.loop.create_future()
    finally:
        over.set()


def end(why: str, *, saying: float = SAYING_SECONDS) -> NoReturn:
    """End this process, for its parent to start another one. The logging can take `saying` seconds, and can fail."""
    try:
        # The log itself might block the loop, if its reader does not read. Then this thread would wait there too.
        with suppress(OSError, RuntimeError):
            faulthandler.dump_traceback_later(saying, exit=True, file=os.open(os.devnull, os.O_WRONLY))
        log.critical("%s; ending, so that another process replaces this one", why)
        sys.stderr.flush()
    finally:
        os._exit(EXIT_STATUS)

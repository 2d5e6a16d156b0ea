"""One attempt at one job: call a stranger's function so that whatever it does harms nobody else."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Generator, MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from asyncpg import InterfaceError

from receiver.database import Lent
from receiver.events import Event
from receiver.failpoints import Failpoint, reach
from receiver.handling import Context, Handler
from receiver.logs import FIELDS, SHOWN
from receiver.logs.reasons import describe

log = logging.getLogger(__name__)

# How long a handler that was told to stop may take to clean up, before it is left behind.
GRACE_SECONDS = 2.0

# How many of those one worker may keep: each has a thread, or a task.
LEFT_BEHIND_LIMIT = 100

# The connections that an attempt has got from `ctx.db`, by their server's process, so that each stands here once. The
# pool is everybody's, and its hook is told nothing but the connection: only the context says whose attempt that is.
_lent: ContextVar[dict[int, Lent]] = ContextVar("lent")


class EventLog(logging.LoggerAdapter[logging.Logger]):
    """A handler's logger: every line names the event, as a field, because an id may hold what formatting reads.

    No line raises anything: it would decide about the job.
    """

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a line, or that it cannot be logged."""
        try:
            super().log(level, msg, *args, **kwargs)
        except Exception as exc:  # noqa: BLE001 - such as of arguments that logging does not know
            self.logger.error("a log line cannot be written: %s", describe(exc), extra=self.extra)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Give the record its event; what a handler calls like something that every line has gets a name beside it."""
        own, given = self.extra or {}, kwargs.get("extra")
        taken = {*FIELDS, *SHOWN, *own}
        extra = {f"extra_{name}" if name in taken else name: value for name, value in dict(given or {}).items()}
        return msg, {**kwargs, "extra": {**extra, **own}}


async def note_lent(connection: Lent) -> None:
    """Remember who has got a connection: the attempt in whose context, task or thread this is called."""
    with suppress(LookupError):
        _lent.get()[connection.get_server_pid()] = connection


class LeftBehind:
    """The handlers of one worker that were told to stop and go on; each until it ends after all."""

    def __init__(self, *, most: int = LEFT_BEHIND_LIMIT) -> None:
        self._most = most
        self._tasks: set[asyncio.Task[BaseException | None]] = set()

    @property
    def are_too_many(self) -> bool:
        """Whether these are as many as one worker may keep."""
        return len(self._tasks) >= self._most

    def add(self, task: "asyncio.Task[BaseException | None]") -> None:
        """Keep one until it ends."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def run(
    handler: Handler, event: Event, ctx: Context, *, left_behind: LeftBehind, grace: float = GRACE_SECONDS
) -> BaseException | None:
    """Return what the handler raised, a TimeoutError where it did not end in time, or None.

    Cancelling this stops the handler too. What it left behind ends with it: functions in threads get no further
    answer, connections are taken back, and what was not committed on them is rolled back.
    """
    lent: dict[int, Lent] = {}
    token = _lent.set(lent)
    task = asyncio.create_task(_guarded(handler, event, ctx), name=f"{handler.name} {event.source}/{event.id}")
    _lent.reset(token)
    try:
        await asyncio.wait({task}, timeout=handler.timeout)
        if task.done():
            return task.result()
    finally:
        ctx.bridge.close()
        if not task.done():
            await _stop(task, handler, left_behind, grace)
        await _take_back(lent, handler, ctx, grace)
    return TimeoutError(f"it did not end within {handler.timeout:g} s")


async def _guarded(handler: Handler, event: Event, ctx: Context) -> BaseException | None:
    timed = _Timed(handler(event, ctx))
    try:
        reach(Failpoint.IN_HANDLER)
        await timed
        reach(Failpoint.AFTER_HANDLER)
    except BaseException as exc:  # noqa: BLE001 - a stranger's code: a SystemExit would end the loop and every other job
        return exc
    finally:
        # Its time-out could not stop it, because nothing else ran: neighbours waited as long, and it may be done.
        if timed.longest > handler.timeout:
            log.warning(
                "%s blocked its worker for %.1f s, and its timeout is %g s: an `async def` must not block; "
                "write a plain `def`",
                handler.name, timed.longest, handler.timeout,
            )  # fmt: skip
    return None


class _Timed(Generator[Any, Any, None]):
    """Awaits a coroutine and measures its longest step: for how many seconds it let nothing else run."""

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = work
        self.longest = 0.0

    def __await__(self) -> Generator[Any, Any, None]:
        return self

    def send(self, value: Any) -> Any:
        return self._step(self._work.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._work.throw, *error)

    def _step(self, go: Callable[..., Any], *given: Any) -> Any:
        began = time.monotonic()
        try:
            return go(*given)
        finally:
            self.longest = max(self.longest, time.monotonic() - began)


async def _stop(
    task: "asyncio.Task[BaseException | None]", handler: Handler, left_behind: LeftBehind, grace: float
) -> None:
    task.cancel()
    await asyncio.wait({task}, timeout=grace)
    if not task.done():
        left_behind.add(task)
        log.error("%s goes on although it was cancelled; it is left behind", handler.name)


async def _take_back(lent: dict[int, Lent], handler: Handler, ctx: Context, grace: float) -> None:
    kept = [connection for connection in lent.values() if not _is_returned(connection)]
    if not kept:
        return
    returning = {asyncio.ensure_future(ctx.db.release(connection)) for connection in kept}
    log.warning("%s kept %d connections; what it did not commit is rolled back", handler.name, len(kept))
    await asyncio.wait(returning, timeout=grace)
    for connection in kept:
        if not _is_returned(connection):
            connection.terminate()  # its server hangs
    await asyncio.gather(*returning, return_exceptions=True)


def _is_returned(connection: Lent) -> bool:
    try:
        connection.is_closed()
    except InterfaceError:  # what a returned one says to everything
        return True
    return False

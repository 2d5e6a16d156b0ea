"""One attempt at one job: call a user's function so that nothing it does harms another job."""

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

# How long a cancelled handler is given to clean up. After that the worker leaves it behind.
GRACE_SECONDS = 2.0

# How many handlers one worker leaves behind at most: each keeps a thread or a task.
LEFT_BEHIND_LIMIT = 100

# The connections that an attempt has acquired from `ctx.db`, by the process id of their server, so that each is listed
# once. All attempts share the pool, and its hook gets only the connection. So a context variable holds the attempt's
# own dict.
_lent: ContextVar[dict[int, Lent]] = ContextVar("lent")


class EventLog(logging.LoggerAdapter[logging.Logger]):
    """A handler's logger. Every line names the event, in a field, because an id can contain formatting characters.

    Logging never raises: an exception would decide the job's outcome.
    """

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a line, or the fact that it cannot be logged."""
        try:
            super().log(level, msg, *args, **kwargs)
        except Exception as exc:  # noqa: BLE001 - for example, logging does not know one of the arguments
            self.logger.error("a log line cannot be written: %s", describe(exc), extra=self.extra)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add the event's fields to a record. If a handler's field has a reserved name, call it `extra_NAME`."""
        own, given = self.extra or {}, kwargs.get("extra")
        reserved = {*FIELDS, *SHOWN, *own}
        extra = {f"extra_{name}" if name in reserved else name: value for name, value in dict(given or {}).items()}
        return msg, {**kwargs, "extra": {**extra, **own}}


async def note_lent(connection: Lent) -> None:
    """Note that an attempt has acquired a connection. The calling task or thread belongs to that attempt."""
    with suppress(LookupError):
        _lent.get()[connection.get_server_pid()] = connection


class LeftBehind:
    """The handlers of one worker that keep running after they were cancelled. Each is kept until it ends."""

    def __init__(self, *, most: int = LEFT_BEHIND_LIMIT) -> None:
        self._most = most
        self._tasks: set[asyncio.Task[BaseException | None]] = set()

    @property
    def are_too_many(self) -> bool:
        """Whether the worker cannot leave behind another handler."""
        return len(self._tasks) >= self._most

    def add(self, task: "asyncio.Task[BaseException | None]") -> None:
        """Keep a handler's task until it ends."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def run(
    handler: Handler, event: Event, ctx: Context, *, left_behind: LeftBehind, grace: float = GRACE_SECONDS
) -> BaseException | None:
    """Run a handler, and return its exception, a TimeoutError if it did not end in time, or None.

    Cancelling this call cancels the handler too. After the call, the handler's functions in threads can no longer use
    `ctx.wait`. Connections that the handler did not return are taken back, and its uncommitted changes are rolled back.
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
        if not task.done():
            task.add_done_callback(lambda _: ctx.fetched.remove())
        elif ctx.fetched.end():
            await asyncio.to_thread(ctx.fetched.remove)
    return TimeoutError(f"it did not end within {handler.timeout:g} s")


async def _guarded(handler: Handler, event: Event, ctx: Context) -> BaseException | None:
    timed = _Timed(handler(event, ctx))
    try:
        reach(Failpoint.IN_HANDLER)
        await timed
        reach(Failpoint.AFTER_HANDLER)
    except BaseException as exc:  # noqa: BLE001 - a user's code: a SystemExit would end the loop and every other job
        return exc
    finally:
        # The handler blocked the event loop, so its timeout could not fire. Other jobs waited for the same time.
        if timed.longest > handler.timeout:
            log.warning(
                "%s blocked its worker for %.1f s, longer than its timeout of %g s: an `async def` must not block; "
                "write a plain `def`",
                handler.name, timed.longest, handler.timeout,
            )  # fmt: skip
    return None


class _Timed(Generator[Any, Any, None]):
    """Awaits a coroutine and measures its longest step: the seconds in which nothing else could run."""

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
        log.error("%s keeps running after it was cancelled; the worker goes on without it", handler.name)


async def _take_back(lent: dict[int, Lent], handler: Handler, ctx: Context, grace: float) -> None:
    kept = [connection for connection in lent.values() if not _is_returned(connection)]
    if not kept:
        return
    returning = {asyncio.ensure_future(ctx.db.release(connection)) for connection in kept}
    text = "%s did not return %d connections; its uncommitted changes are rolled back"
    log.warning(text, handler.name, len(kept))
    await asyncio.wait(returning, timeout=grace)
    for connection in kept:
        if not _is_returned(connection):
            connection.terminate()  # its server hangs
    await asyncio.gather(*returning, return_exceptions=True)


def _is_returned(connection: Lent) -> bool:
    try:
        connection.is_closed()
    except InterfaceError:  # a returned connection raises this on every call
        return True
    return False

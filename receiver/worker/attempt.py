"""One attempt at one job: call a stranger's function so that whatever it does harms nobody else."""

import asyncio
import logging
from collections.abc import MutableMapping
from typing import Any

from receiver.events import Event
from receiver.handling import Context, Handler

log = logging.getLogger(__name__)

# How long a handler that was told to stop may take to clean up, before it is left behind.
GRACE_SECONDS = 2.0


class EventLog(logging.LoggerAdapter[logging.Logger]):
    """A handler's logger: every line names the event, as a field, because an id may hold what formatting reads."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Give the record its event."""
        return msg, {**kwargs, "extra": {**kwargs.get("extra", {}), **(self.extra or {})}}


async def run(handler: Handler, event: Event, ctx: Context) -> BaseException | None:
    """Return what the handler raised, a TimeoutError where it did not end in time, or None.

    Cancelling this stops the handler too.
    """
    task = asyncio.create_task(_guarded(handler, event, ctx))
    try:
        await asyncio.wait({task}, timeout=handler.timeout)
        if task.done():
            return task.result()
    finally:
        if not task.done():
            await _stop(task, handler)
    return TimeoutError(f"it did not end within {handler.timeout:g} s")


async def _guarded(handler: Handler, event: Event, ctx: Context) -> BaseException | None:
    try:
        await handler(event, ctx)
    except BaseException as exc:  # noqa: BLE001 - a stranger's code: a SystemExit would end the loop and every other job
        return exc
    return None


async def _stop(task: "asyncio.Task[BaseException | None]", handler: Handler) -> None:
    task.cancel()
    await asyncio.wait({task}, timeout=GRACE_SECONDS)
    if not task.done():
        log.error("%s goes on although it was cancelled; it is left behind", handler.name)

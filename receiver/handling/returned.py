"""Judge what a handler returns. It should be None: anything else might be unfinished work, or an unraised error."""

import asyncio
import inspect
import logging

from receiver.errors import ImpossibleError
from receiver.logs.reasons import describe

log = logging.getLogger(__name__)

_warned: set[str] = set()  # the names of handlers whose results were logged


def judge(name: str, returned: object, *, home: str) -> None:
    """Refuse a result that shows that the work was not done. Warn about other results except None, once a handler.

    Args:
        name: the name of the handler.
        returned: the result of its function, after awaiting it.
        home: the handler's module.

    Raises:
        ImpossibleError: the work was not done, and another try would not do it either.
    """
    if returned is None:
        return
    if isinstance(returned, BaseException):
        raise ImpossibleError(f"{name} returned an error: write `raise`: {describe(returned, home)}")
    if isinstance(returned, type) and issubclass(returned, BaseException):
        raise ImpossibleError(f"{name} returned an error: write `raise`: {returned.__name__}")
    kind = type(returned).__name__
    if inspect.isawaitable(returned):
        _undo(returned)
        raise ImpossibleError(
            f"{name} returned a {kind} that was not awaited: write `await` in front of the call that returns it"
        )
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        raise ImpossibleError(f"{name} returned a generator, so none of its code ran: a handler does not yield")
    if name not in _warned:
        _warned.add(name)
        log.warning("%s returned a %s, which is ignored: a handler returns nothing", name, kind)


def _undo(work: object) -> None:
    """Stop refused work, so that it neither continues nor warns that it was never awaited."""
    if inspect.iscoroutine(work):
        work.close()
    elif isinstance(work, asyncio.Future):
        work.cancel()

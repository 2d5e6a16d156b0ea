"""Judge what a handler returns. It should be None. Another result might be unfinished work or an error not raised."""

import asyncio
import inspect
import logging

from receiver.errors import ImpossibleError
from receiver.logs.reasons import describe

log = logging.getLogger(__name__)

_warned: set[str] = set()  # the names of handlers whose results were logged


def judge(name: str, returned: object, *, home: str) -> None:
    """Refuse a result that shows that the work was not done. Warn once per handler about any other result but None.

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
        raise ImpossibleError(f"{name} returned an error instead of raising it: {describe(returned, home)}")
    if isinstance(returned, type) and issubclass(returned, BaseException):
        raise ImpossibleError(f"{name} returned an error instead of raising it: {returned.__name__}")
    kind = type(returned).__name__
    if inspect.isawaitable(returned):
        _stop(returned)
        raise ImpossibleError(
            f"{name} returned a {kind} that was not awaited: write `await` in front of the call that returns it"
        )
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        raise ImpossibleError(f"{name} returned a generator, so the generator did not run: a handler does not yield")
    if name not in _warned:
        _warned.add(name)
        log.warning("%s returned a %s, which is ignored: a handler should return None", name, kind)


def _stop(work: object) -> None:
    """Stop refused work. Otherwise it would continue, or Python would warn that it was never awaited."""
    if inspect.iscoroutine(work):
        work.close()
    elif isinstance(work, asyncio.Future):
        work.cancel()

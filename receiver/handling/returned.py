"""What handlers return: nothing. Whatever else may be work that nobody does, or an error that nobody sees."""

import asyncio
import inspect
import logging

from receiver.errors import ImpossibleError
from receiver.logs.reasons import describe

log = logging.getLogger(__name__)

_told: set[str] = set()  # the handlers of whose results it was said that nobody gets them


def judge(name: str, returned: object, *, home: str) -> None:
    """Refuse what says that the work was not done; of any other result say once that nobody gets it.

    Args:
        name: the handler's.
        returned: what its function returned at last.
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
        raise ImpossibleError(f"{name} returned a {kind} that nobody awaited: write `await` before what makes it")
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        raise ImpossibleError(f"{name} returned a generator, of which nothing ran: a handler does not yield")
    if name not in _told:
        _told.add(name)
        log.warning("%s returned a %s, which nobody gets: a handler returns nothing", name, kind)


def _undo(work: object) -> None:
    """Let work that is refused neither go on nor complain."""
    if inspect.iscoroutine(work):
        work.close()
    elif isinstance(work, asyncio.Future):
        work.cancel()

"""Where handlers were made, so that none of them is missing without a word.

A module's handlers are those that it has names for. One that it made and has no name for (another took it; it lies in
a list, or in a function) would get no jobs. Each is noted in its module, from the statement there that made it.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

NOTES = "__receiver_made__"


@dataclass(frozen=True, slots=True)
class Made:
    """A handler, and the line of its module's file that made it."""

    handler: Any
    file: str
    line: int


def note(handler: object) -> None:
    """Note a handler in the module that is being imported; elsewhere there is nothing to note."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    if frame is not None:
        made = Made(handler, frame.f_code.co_filename, frame.f_lineno)
        frame.f_globals.setdefault(NOTES, []).append(made)


def noted(module: ModuleType) -> Iterator[Made]:
    """Yield what was made while a module was imported, by its own statements."""
    yield from vars(module).get(NOTES, ())

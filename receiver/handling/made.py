"""Note where handlers are made, so that no handler is missed.

A module's handlers are those that it has names for. A handler without a name would get no jobs. For example, its name
was given to another handler, or it is in a list. So each handler is noted in the module whose statement made it.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

NOTES = "__receiver_made__"


@dataclass(frozen=True, slots=True)
class Made:
    """A handler, and the file and line that made it."""

    handler: Any
    file: str
    line: int


def note(handler: object) -> None:
    """Note a handler in the module that is being imported. If no module is, do nothing."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    if frame is not None:
        made = Made(handler, frame.f_code.co_filename, frame.f_lineno)
        frame.f_globals.setdefault(NOTES, []).append(made)


def noted(module: ModuleType) -> Iterator[Made]:
    """Yield the handlers that a module's own statements made while it was imported."""
    yield from vars(module).get(NOTES, ())

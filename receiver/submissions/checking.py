"""Check what was typed or sent against a model, and say each mistake by its name. Pure."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from receiver.errors import ImpossibleError

M = TypeVar("M", bound=BaseModel)


class MistakesError(ImpossibleError):
    """What was typed has mistakes. `at` has the sentence about each, by the name of what it is about."""

    def __init__(self, message: str, at: Mapping[str, str]) -> None:
        super().__init__(message)
        self.at = at


def checked(kind: type[M], given: Mapping[str, Any], *, of: str, called: str = "option") -> M:
    """Return values as a model.

    Args:
        kind: the model.
        given: the values, by name.
        of: what they belong to, for the message.
        called: what one of them is called there.

    Raises:
        MistakesError: a name does not exist, or a value is out of its range. The message names all mistakes.
    """
    try:
        return kind.model_validate(given)
    except ValidationError as exc:
        wrong = [(found["loc"], _mistake(kind, called, found)) for found in exc.errors()]
        at = {str(where[0]): said for where, said in wrong if where}
        raise MistakesError(f"{of}: {'; '.join(said for _, said in wrong)}", at) from None


def _mistake(kind: type[BaseModel], called: str, found: ErrorDetails) -> str:
    where, what, said = found["loc"], found["type"], found["msg"]
    name = str(where[0]) if where else f"{called}s"
    if what == "extra_forbidden":
        return f"there is no {called} {name}; there are {', '.join(kind.model_fields)}"
    if what == "missing":
        return f"{name} is required"
    return f"{name}: {re.sub('^(Input|String) should', 'must', said.removeprefix('Value error, '))}"

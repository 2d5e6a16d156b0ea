"""List every setting: its variable, what is set, and from where. A secret is never shown."""

import os
from collections.abc import Mapping
from typing import Literal, NamedTuple

from pydantic import SecretStr

from receiver.settings.environment import READ
from receiver.settings.model import SECRETS, Settings

Origin = Literal["environment", ".env", "file", "default"]
SET = "set"


class Listed(NamedTuple):
    """A setting.

    Attributes:
        name: its variable.
        value: what is set, in words; of a secret only that it is set. Empty if it is not set and has no default.
        origin: where that is from; `file` is one that a `…_FILE` variable names.
        is_secret: whether its value is not shown.
    """

    name: str
    value: str
    origin: Origin
    is_secret: bool


def every(configured: Settings, environment: Mapping[str, str] = os.environ) -> list[Listed]:
    """Return every setting, as it is configured in an environment."""
    from_file = set(environment.get(READ, "").split(","))
    found = []
    for field, info in Settings.model_fields.items():
        name = str(info.validation_alias)
        value = getattr(configured, field)
        found.append(Listed(name, _words(value), _origin(name, environment, from_file), name in SECRETS))
    return found


def _origin(name: str, environment: Mapping[str, str], from_file: set[str]) -> Origin:
    if name in SECRETS and environment.get(f"{name}_FILE"):
        return "file"
    if not environment.get(name):
        return "default"
    return ".env" if name in from_file else "environment"


def _words(value: object) -> str:
    match value:
        case None | ():
            return ""
        case SecretStr():
            return SET
        case (SecretStr(), *others):
            return f"{1 + len(others)} {SET}"
        case tuple():
            return ", ".join(map(str, value))
        case float():
            return f"{value:g}"
    return str(value)

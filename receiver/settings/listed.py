"""List every setting: its variable, what is set, and from where. A secret is never shown."""

import os
from collections.abc import Mapping
from typing import Literal, NamedTuple

from pydantic import SecretStr

from receiver.settings import targets
from receiver.settings.environment import READ
from receiver.settings.model import SECRETS, Settings
from receiver.settings.targets import Target

Origin = Literal["environment", ".env", "file", "default"]
SET = "set"


class Listed(NamedTuple):
    """A setting.

    Attributes:
        name: its variable.
        value: what is set, in words; of a secret only that it is set, of a target's address its scheme and host.
            Empty if it is not set and has no default.
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
    for target in configured.targets:
        for option, said in _of_target(target).items():
            name = f"{target.variable}{option}"
            origin = _origin(name, environment, from_file)
            found.append(Listed(name, said, origin, option == targets.SECRET))
    return found


def _of_target(target: Target) -> dict[str, str]:
    """Return in words what is set of a target, by the ends of its variables."""
    secrets = len(target.secrets)
    return {
        targets.ADDRESS: target.host, targets.SECRET: SET if secrets == 1 else f"{secrets} {SET}",
        targets.TYPES: ", ".join(target.types), targets.TRANSCRIPT: "yes" if target.with_transcript else "no",
    }  # fmt: skip


def _origin(name: str, environment: Mapping[str, str], from_file: set[str]) -> Origin:
    if (name in SECRETS or targets.is_secret(name)) and environment.get(f"{name}_FILE"):
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

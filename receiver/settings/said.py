"""What a variable says: one of ours as it is configured, any other as the environment has it. For handlers."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from pydantic import SecretStr

from receiver.errors import ImpossibleError
from receiver.settings import loading, values
from receiver.settings.model import Settings
from receiver.settings.targets import Target

_found_for: ContextVar[Settings | None] = ContextVar("found_for", default=None)
_FIELDS = {str(info.validation_alias): field for field, info in Settings.model_fields.items()}


def text(configured: Settings, name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return what a variable says, with the default of a setting; None if it says nothing. Secrets are told too.

    A variable that is none of ours can also be given as `NAME_FILE`, a file that holds the value.

    Raises:
        ImpossibleError: the file cannot be used. The message shows no value.
    """
    if name in _FIELDS:
        return _spelled(getattr(configured, _FIELDS[name])) or None
    target = next((one for one in configured.targets if one.variable == name), None)
    if target is not None:
        return target.address
    if environment.get(f"{name}_FILE"):
        try:
            return values.from_file(f"{name}_FILE", environment)
        except ValueError as exc:
            raise ImpossibleError(f"{name}_FILE: {exc}") from None
    return values.bare(environment.get(name, "")) or None


def setting(name: str) -> str | None:
    """Return what a variable says, for a module that makes its handlers of it; see `Context.setting`.

    Raises:
        ConfigError: a setting is wrong.
        ImpossibleError: the file that holds the value cannot be used.
    """
    return text(_found_for.get() or loading.load(), name)


def targets() -> tuple[Target, ...]:
    """Return the apps to which events are forwarded, in the order of their names; as `setting` for a module.

    Raises:
        ConfigError: a setting is wrong.
    """
    return (_found_for.get() or loading.load()).targets


@contextmanager
def found_for(configured: Settings) -> Iterator[None]:
    """Let `setting` and `targets` read these settings. A module that came before can have changed the environment."""
    before = _found_for.set(configured)
    try:
        yield
    finally:
        _found_for.reset(before)


def _spelled(value: object) -> str:
    """Return a setting's value as its variable would be written."""
    match value:
        case None:
            return ""
        case SecretStr():
            return value.get_secret_value()
        case tuple():
            return ",".join(map(_spelled, value))
        case float():
            return str(value).removesuffix(".0")
    return str(value)

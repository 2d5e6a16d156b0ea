"""Read the environment and the secret files, once.

All mistakes are reported at once, by the variable's name and never by its value.
"""

import os
from collections.abc import Iterable
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from receiver.errors import ConfigError
from receiver.events import DEFAULT_ACCOUNT
from receiver.settings import account_variables, targets, values
from receiver.settings.account_variables import Mistakes
from receiver.settings.accounts import TRANSCRIBE, Account
from receiver.settings.model import SECRETS, Settings


def load(**changes: object) -> Settings:
    """Read the environment; `changes` (variable name → value) take precedence over it.

    Raises:
        ConfigError: the message names every wrong variable, in one line.
    """
    environment = dict(os.environ) | {name: value for name, value in changes.items() if isinstance(value, str)}
    found, wrong = _from_files()
    names = [str(field.validation_alias) for field in Settings.model_fields.values()]
    names += account_variables.names(environment) + targets.names(environment)
    garbled = [f"{name}: is not UTF-8" for name in names if not _is_text(os.environ.get(name, ""))]
    if garbled:  # pydantic cannot read such values
        raise ConfigError("; ".join(garbled + wrong))
    configured, mistakes = None, Mistakes(wrong)
    try:
        configured = Settings(**cast("dict[str, Any]", found | changes))
    except ValidationError as exc:
        for mistake in exc.errors(include_input=False):
            name = str(mistake["loc"][0])
            in_file = name in found.keys() - changes.keys()
            mistakes.add(f"{name}_FILE" if in_file else name, _words(mistake))
    default = (
        Account(TRANSCRIBE.source, DEFAULT_ACCOUNT, TRANSCRIBE.api_url)
        if configured is None
        else configured.default_account
    )
    found_accounts = account_variables.read_all(environment, mistakes, default=default)
    found_targets = targets.read_all(environment, mistakes)
    _hold_apart(found_accounts, found_targets, mistakes)
    if mistakes.found or configured is None:
        raise ConfigError("; ".join(dict.fromkeys(mistakes.found)))
    configured._further, configured._targets = found_accounts[1:], found_targets  # noqa: SLF001 - beside the fields
    return configured


def _hold_apart(of: Iterable[Account], forwarded: Iterable[targets.Target], mistakes: Mistakes) -> None:
    """Refuse a secret that signs what comes and what goes: whoever gets an event could send it to us as authentic."""
    incoming = {secret for account in of for secret in account.own_secrets}
    for target in forwarded:
        if not incoming.isdisjoint(secret.encode() for secret in target.secrets):
            mistakes.add(
                f"{target.variable}{targets.SECRET}",
                "is a webhook secret too: the app could sign deliveries to this receiver; make another one for it",
            )


def _from_files() -> tuple[dict[str, str], list[str]]:
    """Return the secrets from the files that `…_FILE` variables name, and the mistakes."""
    found, wrong = {}, []
    for name in SECRETS:
        if os.environ.get(f"{name}_FILE"):
            try:
                found[name] = values.from_file(f"{name}_FILE", os.environ)
            except ValueError as exc:
                wrong.append(f"{name}_FILE: {exc}")
    return found, wrong


def _is_text(value: str) -> bool:
    return value == value.encode("utf-8", "replace").decode("utf-8")


def _words(mistake: ErrorDetails) -> str:
    """Return a mistake found by pydantic in plain words."""
    match mistake["type"].split("_")[0]:
        case "int":
            return "must be a whole number"
        case "float":
            return "must be a number"
    return mistake["msg"].removeprefix("Value error, ").replace("Input should be", "must be")

"""Read the accounts of the sources from their variables, and say by name what is wrong with one.

environment ──▶ variables_of a source ──▶ by account ──▶ values, from files too ──▶ Account
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TypeVar

from pydantic import SecretStr

from receiver.events import DEFAULT_ACCOUNT
from receiver.settings import accounts, addresses, values
from receiver.settings.accounts import (
    CLIENT,
    CLIENT_ID,
    CLIENT_SECRET,
    KEY,
    MOST_REQUESTS,
    RATE,
    SECRET,
    SOURCES,
    TRANSCRIBE,
    URL,
    WEBHOOK_SECRET,
    Account,
    Variables,
)

T = TypeVar("T")

FILE = "_FILE"
# `jobs` is a part of a callback's path, which begins like an account's.
NOT_NAMES = ("DEFAULT", "JOBS")

_NAME = re.compile("[A-Z][A-Z0-9_]{0,30}")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of an account: `PREFIX_KIND`, with or without `__NAME`, with or without `_FILE`.

    Attributes:
        variable: its name.
        kind: what it holds.
        name: what stands behind `__`; None if it is the default account's.
        in_file: whether it names a file that holds the value.
    """

    variable: str
    kind: str
    name: str | None
    in_file: bool

    @property
    def account(self) -> str:
        """The name of the account."""
        return DEFAULT_ACCOUNT if self.name is None else accounts.spelled(self.name)


@dataclass(frozen=True, slots=True)
class _Given:
    """What a variable says, and its name."""

    variable: str
    value: str = field(repr=False)


@dataclass(slots=True)
class Mistakes:
    """What is wrong, by the names of the variables. Values are never shown."""

    found: list[str] = field(default_factory=list)

    def add(self, variable: str, what: str) -> None:
        """Add a mistake."""
        self.found.append(f"{variable}: {what}")


def read_all(
    environment: Mapping[str, str], mistakes: Mistakes, *, default: Account
) -> tuple[Account, ...]:  # fmt: skip
    """Return the accounts of every source. `default` is the default account of transcribe.so."""
    known = {TRANSCRIBE: default}
    found = (read(source, environment, mistakes, default=known.get(source)) for source in SOURCES)
    return tuple(chain.from_iterable(found))


def usual() -> Iterator[str]:
    """Yield the names of the variables of every default account, with those that name files."""
    for source in SOURCES:
        for kind in source.kinds:
            name = accounts.variable(source, kind, DEFAULT_ACCOUNT)
            yield from (name, f"{name}{FILE}") if kind in SECRET else (name,)


def names(environment: Mapping[str, str]) -> list[str]:
    """Return the names of all variables that belong to accounts and are not empty."""
    return [variable.variable for source in SOURCES for variable in variables_of(source, environment)]


def read(
    source: Variables, environment: Mapping[str, str], mistakes: Mistakes, *, default: Account | None = None
) -> tuple[Account, ...]:
    """Return the accounts of a source: the default one if there is one, then the others in the order of their names.

    `default` is the default account if it is known already; then its variables are not read.
    """
    wrong = Mistakes()
    of_each = _by_account(source, environment, wrong)
    own, ground = of_each.pop(DEFAULT_ACCOUNT, []), default
    if ground is None:
        parts = _values(own, environment, wrong)
        nothing = Account(source.source, DEFAULT_ACCOUNT, source.api_url, api_path=source.api_path)
        ground = _account(source, parts, nothing, wrong)
        default = ground if _exists(source, parts) else None
    found = [] if default is None else [default]
    for name, variables in sorted(of_each.items()):
        parts = _values(variables, environment, wrong)
        if _exists(source, parts):
            found.append(_account(source, parts, replace(ground, name=name), wrong))
        elif not wrong.found:  # else its key might be what is wrong
            needed, what = source.needed(name), "a key" if source.needs_key else "an address"
            wrong.add(variables[0].variable, f"set {needed} too: an account needs {what} of its own")
    _refuse_without_address(source, found, wrong)
    _refuse_twins(source, found, wrong)
    mistakes.found += wrong.found
    return tuple(found)


def _by_account(
    source: Variables, environment: Mapping[str, str], mistakes: Mistakes
) -> dict[str, list[Variable]]:  # fmt: skip
    """Return the variables of each account of a source, without those that can be none."""
    found: dict[str, list[Variable]] = {}
    for variable in variables_of(source, environment):
        wrong = None if variable.name is None else _wrong_name(variable.name)
        if wrong is None and variable.in_file and variable.kind not in SECRET:
            wrong = "only a key or a secret can be in a file"
        if wrong is None:
            found.setdefault(variable.account, []).append(variable)
        else:
            mistakes.add(variable.variable, wrong)
    return found


def variables_of(source: Variables, names: Mapping[str, str]) -> Iterator[Variable]:
    """Yield the variables that belong to accounts of a source and are not empty.

    A key of a source that needs none, such as `OPENAI_API_KEY`, is often there for other programs. So where no address
    is set, the default account's variables are not ours.
    """
    ours = source.needs_key or names.get(f"{source.prefix}_{URL}", "").strip()
    for name, value in sorted(names.items()):
        variable = _parsed(source, name)
        if variable is not None and value.strip() and (ours or variable.name is not None):
            yield variable


def is_secret(name: str) -> bool:
    """Whether a variable holds a key or a secret of an account, or names a file that does."""
    found = (_parsed(source, name) for source in SOURCES)
    return any(variable is not None and variable.kind in SECRET for variable in found)


def _parsed(source: Variables, name: str) -> Variable | None:
    match = re.fullmatch(rf"{source.prefix}_({'|'.join(source.kinds)})(?:__(.*?))?({FILE})?", name, re.DOTALL)
    return None if match is None else Variable(name, match[1], match[2], in_file=match[3] is not None)


def _wrong_name(name: str) -> str | None:
    if not _NAME.fullmatch(name):
        return "an account's name behind __ is 1 to 31 capital letters, digits and _, and begins with a letter"
    if name in NOT_NAMES or name.endswith(FILE):
        return f"an account cannot be called {name}"
    return None


def _values(
    variables: Iterable[Variable], environment: Mapping[str, str], mistakes: Mistakes
) -> dict[str, _Given]:  # fmt: skip
    """Return what the variables of an account say, by kind, without those that are wrong."""
    found = {}
    for variable in variables:
        value = _value(variable, environment, mistakes)
        if value is not None:
            found[variable.kind] = _Given(variable.variable, value)
    return found


def _value(variable: Variable, environment: Mapping[str, str], mistakes: Mistakes) -> str | None:
    """Return the value of a variable, or what the file that it names holds; None if there is a mistake."""
    if not variable.in_file:
        return values.bare(environment[variable.variable])
    try:
        return values.from_file(variable.variable, environment)
    except ValueError as exc:
        mistakes.add(variable.variable, str(exc))
        return None


def _exists(source: Variables, parts: Mapping[str, _Given]) -> bool:
    """Whether the variables of an account make one: each needs a key of its own, or a client, or an address."""
    is_there = KEY in parts or (source.has_client and all(kind in parts for kind in CLIENT))
    return is_there or (not source.needs_key and URL in parts)


def _account(source: Variables, parts: Mapping[str, _Given], ground: Account, mistakes: Mistakes) -> Account:
    """Return the account that variables make. Its address and its rate are those of `ground` if they say none."""

    def given(kind: str, reader: Callable[[str], T], otherwise: T) -> T:
        try:
            return reader(parts[kind].value) if kind in parts else otherwise
        except ValueError as exc:
            mistakes.add(parts[kind].variable, str(exc))
            return otherwise

    for one, other in (CLIENT, CLIENT[::-1]):
        if one in parts and other not in parts:
            missing = accounts.variable(source, other, ground.name)
            mistakes.add(parts[one].variable, f"set {missing} too: a client has an id and a secret")
    api_url, api_path = given(URL, lambda value: _address(value, source), (ground.api_url, ground.api_path))
    return Account(
        source.source, ground.name, api_url, api_path=api_path, key=given(KEY, _secret, None),
        webhook_secrets=given(WEBHOOK_SECRET, secrets_in, ()),
        client_id=given(CLIENT_ID, values.token, ""), client_secret=given(CLIENT_SECRET, _secret, None),
        requests_a_minute=given(RATE, whole_number, ground.requests_a_minute),
    )  # fmt: skip


def _secret(value: str) -> SecretStr | None:
    return SecretStr(values.token(value))


def _address(value: str, source: Variables) -> tuple[str, str]:
    """Return an address without the end of it that may be given, and that end; if none is given, the usual one."""
    whole = addresses.base(value)
    for path in source.paths:
        found = addresses.base(value, without=path)
        if found != whole:
            return found, path
    return whole, source.api_path


def secrets_in(value: str) -> tuple[SecretStr, ...]:
    """Return the secrets of a list that commas separate.

    Raises:
        ValueError: one of them could not have been meant so.
    """
    return tuple(SecretStr(values.token(secret)) for secret in values.listed(value))


def whole_number(value: str) -> int:
    """Return a number of requests a minute.

    Raises:
        ValueError: it is no whole number, or not in the range.
    """
    if not re.fullmatch("[0-9]{1,9}", value) or not 1 <= int(value) <= MOST_REQUESTS:
        raise ValueError(f"must be a whole number from 1 to {MOST_REQUESTS}")
    return int(value)


def _refuse_without_address(source: Variables, found: Sequence[Account], mistakes: Mistakes) -> None:
    """Refuse accounts of which nobody knows where their API is."""
    for account in found:
        if not account.api_url and not mistakes.found:  # else the address might be what is wrong
            missing = accounts.variable(source, URL, account.name)
            mistakes.add(missing, f"must be set: no address of {source.source} is known")


def _refuse_twins(source: Variables, found: Sequence[Account], mistakes: Mistakes) -> None:
    """Refuse a key that two accounts of an API share: it has one budget and one webhook."""
    seen: dict[tuple[str, str], str] = {}
    for account in found:
        kind, what = (KEY, "key") if account.key is not None else (CLIENT_SECRET, "secret")
        if not account.key_fingerprint:
            kind, what = URL, "address"
            if source.needs_key:
                continue
        which = (account.api_url, account.key_fingerprint)
        own = accounts.variable(source, kind, account.name)
        if which in seen:
            mistakes.add(own, f"is the {what} of {seen[which]} too: an account has its own {what}")
        seen.setdefault(which, own)

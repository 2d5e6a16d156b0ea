"""The accounts of the sources: each is one key of a source at one API URL.

    TRANSCRIBE_API_KEY                 the key of the default account
    TRANSCRIBE_API_KEY__BIG_SHOW       the key of the account `big-show`
    TRANSCRIBE_API_KEY__BIG_SHOW_FILE  the same key, in a file

An account exists if its own key is set. What it does not say of its address and its rate, the default account says. A
key and a webhook secret are never another account's. The default account of the first source always exists, because
deliveries can be verified and handled without a key.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from pydantic import SecretStr

from receiver import signature
from receiver.events import DEFAULT_ACCOUNT, AccountId
from receiver.settings import addresses, values

T = TypeVar("T")

REQUESTS_A_MINUTE = 60
MOST_REQUESTS = 100_000
KEY, URL, RATE, WEBHOOK_SECRET = "API_KEY", "API_URL", "REQUESTS_A_MINUTE", "WEBHOOK_SECRET"
SECRET = (KEY, WEBHOOK_SECRET)
FILE = "_FILE"
# `jobs` is a part of a callback's path, which begins like an account's.
NOT_NAMES = ("DEFAULT", "JOBS")

_NAME = re.compile("[A-Z][A-Z0-9_]{0,30}")


@dataclass(frozen=True, slots=True)
class Variables:
    """The names of a source's variables.

    Attributes:
        source: the source's name.
        prefix: what each variable begins with, such as `TRANSCRIBE`.
        api_path: the end of an API's address that can be given or left out.
    """

    source: str
    prefix: str
    api_path: str = ""


TRANSCRIBE = Variables("transcribe.so", "TRANSCRIBE", "/api/v1")


@dataclass(frozen=True, slots=True)
class Account:
    """One key of a source at one API URL. Its secrets are not shown.

    Attributes:
        source: the source's name.
        name: `default`, or the name behind `__` in lower case, with hyphens.
        key: None if no key is set.
        webhook_secrets: signing secrets that are configured; the database has others.
        requests_a_minute: the most requests in any 60 s.
    """

    source: str
    name: str
    api_url: str
    key: SecretStr | None = None
    webhook_secrets: tuple[SecretStr, ...] = ()
    requests_a_minute: int = REQUESTS_A_MINUTE

    @property
    def id(self) -> AccountId:
        """What this account's events, jobs and secrets are named by."""
        return AccountId(self.source, self.api_url, self.name)

    @property
    def is_default(self) -> bool:
        """Whether it is the account that commands mean when none is named."""
        return self.name == DEFAULT_ACCOUNT

    @property
    def mark(self) -> str:
        """What follows the name of a finding about this account; empty for the default one."""
        return "" if self.is_default else f" ({self.name})"

    @property
    def option(self) -> str:
        """What a command needs to mean this account, behind a blank; empty for the default one."""
        return "" if self.is_default else f" --account {self.name}"

    @property
    def key_fingerprint(self) -> str:
        """The fingerprint of the key, which is not secret; empty if no key is set."""
        return "" if self.key is None else signature.fingerprint(self.key.get_secret_value().encode())

    @property
    def own_secrets(self) -> tuple[bytes, ...]:
        """The configured webhook secrets, in their order."""
        return tuple(secret.get_secret_value().encode() for secret in self.webhook_secrets)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a named account: `PREFIX_KIND__NAME`, with or without `_FILE`."""

    variable: str
    kind: str
    name: str
    in_file: bool


@dataclass(slots=True)
class Mistakes:
    """What is wrong, by the names of the variables. Values are never shown."""

    found: list[str] = field(default_factory=list)

    def add(self, variable: str, what: str) -> None:
        """Add a mistake."""
        self.found.append(f"{variable}: {what}")


def variables_of(source: Variables, names: Mapping[str, str]) -> Iterator[Variable]:
    """Yield the variables that belong to named accounts of a source and are not empty."""
    pattern = re.compile(rf"{source.prefix}_({KEY}|{URL}|{RATE}|{WEBHOOK_SECRET})__(.*?)({FILE})?", re.DOTALL)
    for variable, value in sorted(names.items()):
        match = pattern.fullmatch(variable)
        if match and value.strip():
            yield Variable(variable, match[1], match[2], in_file=match[3] is not None)


def further(
    source: Variables, environment: Mapping[str, str], default: Account, mistakes: Mistakes
) -> tuple[Account, ...]:
    """Return the named accounts of a source, in the order of their names."""
    given: dict[str, dict[str, str]] = {}
    first: dict[str, str] = {}
    for variable in variables_of(source, environment):
        wrong = _wrong_name(variable)
        if wrong is not None:
            mistakes.add(variable.variable, wrong)
            continue
        first.setdefault(variable.name, variable.variable)
        value = _value(variable, environment, mistakes)
        if value is not None:
            given.setdefault(variable.name, {})[variable.kind] = value
    found = []
    for name, variable_name in sorted(first.items()):
        parts = given.get(name, {})
        if KEY in parts:
            found.append(_account(source, name, parts, default, mistakes))
        elif not mistakes.found:  # else its key might be what is wrong
            mistakes.add(variable_name, f"set {source.prefix}_{KEY}__{name} too: an account needs a key of its own")
    _refuse_twins(source, (default, *found), mistakes)
    return tuple(found)


def _wrong_name(variable: Variable) -> str | None:
    if not _NAME.fullmatch(variable.name):
        return "an account's name behind __ is 1 to 31 capital letters, digits and _, and begins with a letter"
    if variable.name in NOT_NAMES or variable.name.endswith(FILE):
        return f"an account cannot be called {variable.name}"
    return None


def _value(variable: Variable, environment: Mapping[str, str], mistakes: Mistakes) -> str | None:
    """Return the value of a variable, or what the file that it names holds; None if there is a mistake."""
    if not variable.in_file:
        return values.bare(environment[variable.variable])
    if variable.kind not in SECRET:
        mistakes.add(variable.variable, "only a key or a secret can be in a file")
        return None
    try:
        return values.from_file(variable.variable, environment)
    except ValueError as exc:
        mistakes.add(variable.variable, str(exc))
        return None


def _account(
    source: Variables, name: str, parts: Mapping[str, str], default: Account, mistakes: Mistakes
) -> Account:  # fmt: skip
    def read(kind: str, reader: Callable[[str], T]) -> T | None:
        try:
            return reader(parts[kind]) if kind in parts else None
        except ValueError as exc:
            mistakes.add(f"{source.prefix}_{kind}__{name}", str(exc))
            return None

    key, secrets = read(KEY, values.token), read(WEBHOOK_SECRET, secrets_in)
    url, rate = read(URL, partial(addresses.base, without=source.api_path)), read(RATE, whole_number)
    return Account(
        source.source, spelled(name), default.api_url if url is None else url,
        key=None if key is None else SecretStr(key), webhook_secrets=secrets or (),
        requests_a_minute=default.requests_a_minute if rate is None else rate,
    )  # fmt: skip


def set_up(accounts: Sequence[Account]) -> Sequence[Account]:
    """Return the accounts without the default one, which comes first, if it has no key and no secret and others have.

    The default account always exists, but nothing is expected of it then.
    """
    default, *others = accounts
    is_bare = default.key is None and not default.webhook_secrets
    return others if is_bare and others else accounts


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


def spelled(name: str) -> str:
    """Return an account's name as it is shown and written in paths: `BIG_SHOW` is `big-show`."""
    return name.lower().replace("_", "-")


def _refuse_twins(source: Variables, accounts: Sequence[Account], mistakes: Mistakes) -> None:
    """Refuse a key that two accounts of an API share: it has one budget and one webhook."""
    seen: dict[tuple[str, str], Account] = {}
    for account in accounts:
        which = (account.api_url, account.key_fingerprint)
        if account.key is None:
            continue
        if which in seen:
            other = variable(source, KEY, seen[which].name)
            mistakes.add(variable(source, KEY, account.name), f"is the key of {other} too: an account has its own key")
        seen.setdefault(which, account)


def variable(source: Variables, kind: str, name: str) -> str:
    """Return the name of an account's variable."""
    end = "" if name == DEFAULT_ACCOUNT else f"__{name.upper().replace('-', '_')}"
    return f"{source.prefix}_{kind}{end}"


def webhook_secret_variable(account: str) -> str:
    """Return the name of the variable that holds the webhook secrets of an account of transcribe.so."""
    return variable(TRANSCRIBE, WEBHOOK_SECRET, account)

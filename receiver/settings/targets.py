"""Read the apps to which events are forwarded from their variables, and say by name what is wrong with one.

    RECEIVER_FORWARD_BIG_SHOW              the address of the target `big-show`: a secret, because it can hold a token
    RECEIVER_FORWARD_BIG_SHOW_SECRET       the secrets that sign what it gets; the target needs one
    RECEIVER_FORWARD_BIG_SHOW_TYPES        the types of events that it gets
    RECEIVER_FORWARD_BIG_SHOW_TRANSCRIPT   whether it gets the transcripts too

Address and secrets can be in files (`…_FILE`).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from receiver.events import is_pattern
from receiver.settings import accounts, addresses, values
from receiver.settings.account_variables import FILE, Mistakes
from receiver.signature import standard_key

T = TypeVar("T")

PREFIX = "RECEIVER_FORWARD_"
PRIVATE = f"{PREFIX}PRIVATE"
ADDRESS, SECRET, TYPES, TRANSCRIPT = "", "_SECRET", "_TYPES", "_TRANSCRIPT"
IN_FILES = (ADDRESS, SECRET)
EVERY_TYPE = "*"
HANDLER = "forward:{}"  # the name of a target's handler
MOST_SECRETS = 10  # the header of their signatures has to be accepted by servers

_VARIABLE = re.compile(rf"{PREFIX}(.*?)({SECRET}|{TYPES}|{TRANSCRIPT})?({FILE})?", re.DOTALL)
_NAME = re.compile("[A-Z][A-Z0-9_]{0,30}")
# What a platform says of its services. A target can be called CUSTOMER_SERVICE_PORTAL, which looks like one of them.
_PLATFORMS = re.compile(r"[0-9.]+|[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*|(tcp|udp|sctp)(://.*)?", re.IGNORECASE)
_ENDINGS = (SECRET, TYPES, TRANSCRIPT, FILE)
_NOT_NAMES = ("PRIVATE", *(ending.removeprefix("_") for ending in _ENDINGS))


@dataclass(frozen=True, slots=True)
class Target:
    """An app to which events are forwarded.

    Attributes:
        name: as commands spell it: `big-show`.
        variable: the variable of its address.
        address: where its events go. It can hold a token.
        secrets: those that sign what it gets.
        types: the patterns of the types that it gets.
        with_transcript: whether it gets transcripts too.
        is_private: whether its address can be a private one.
    """

    name: str
    variable: str
    address: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    types: tuple[str, ...] = (EVERY_TYPE,)
    with_transcript: bool = False
    is_private: bool = False

    @property
    def handler(self) -> str:
        """The name of its handler."""
        return HANDLER.format(self.name)

    @property
    def host(self) -> str:
        """Its address without what can be secret."""
        url = httpx.URL(self.address)
        return f"{url.scheme}://{url.netloc.decode()}"  # `netloc` has no user and no password


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the family: that of a target's address, or of an option of it.

    Attributes:
        variable: its name.
        name: the target's, as the variable spells it.
        kind: `ADDRESS`, or one of the options.
        in_file: whether it names a file that holds the value.
    """

    variable: str
    name: str
    kind: str
    in_file: bool


def names(environment: Mapping[str, str]) -> list[str]:
    """Return the names of all variables of the family that are not empty."""
    return [variable.variable for variable in _variables(environment)]


def is_secret(name: str) -> bool:
    """Whether a variable holds an address or secrets, or names a file that does."""
    found = _parsed(name)
    return found is not None and found.kind in IN_FILES


def read_all(environment: Mapping[str, str], mistakes: Mistakes) -> tuple[Target, ...]:
    """Return the targets in the order of their names, without those with which something is wrong."""
    of_each: dict[str, dict[str, Variable]] = {}
    for variable in _variables(environment):
        wrong = _wrong_name(variable)
        if wrong is not None:
            mistakes.add(variable.variable, wrong)
        elif variable.kind in (known := of_each.setdefault(variable.name, {})):
            both = f"{known[variable.kind].variable} or {variable.variable}"
            mistakes.add(variable.variable, f"set {both}, not both")
        else:
            known[variable.kind] = variable
    found = (_target(name, its, environment, mistakes) for name, its in sorted(of_each.items()))
    return tuple(target for target in found if target is not None)


def _variables(environment: Mapping[str, str]) -> Iterator[Variable]:
    for name, value in sorted(environment.items()):
        found = _parsed(name)
        is_a_platforms = values.is_of_a_service(name, value) and _PLATFORMS.fullmatch(value)
        if found is not None and value.strip() and not is_a_platforms:
            yield found


def _parsed(name: str) -> Variable | None:
    match = None if name == PRIVATE else _VARIABLE.fullmatch(name)
    return None if match is None else Variable(name, match[1], match[2] or ADDRESS, in_file=match[3] is not None)


def _wrong_name(variable: Variable) -> str | None:
    if variable.name in _NOT_NAMES or variable.name.endswith(_ENDINGS):
        return f"a target cannot be called {variable.name}: PRIVATE, SECRET, TYPES, TRANSCRIPT and FILE mean something"
    if not _NAME.fullmatch(variable.name):
        return f"a target's name behind {PREFIX} is 1 to 31 capital letters, digits and _, and begins with a letter"
    if variable.in_file and variable.kind not in IN_FILES:
        return "only an address or secrets can be in a file"
    return None


def _target(
    name: str, its: Mapping[str, Variable], environment: Mapping[str, str], mistakes: Mistakes
) -> Target | None:  # fmt: skip
    """Return the target that variables make; None if one of them is wrong, or missing."""
    variable, wrong = f"{PREFIX}{name}", Mistakes()
    is_private = environment.get(PRIVATE, "").strip() == "yes"

    def given(kind: str, reader: Callable[[str], T], otherwise: T) -> T:
        if kind not in its:
            return otherwise
        own = its[kind].variable
        try:
            value = values.from_file(own, environment) if its[kind].in_file else values.bare(environment[own])
            return reader(value)
        except ValueError as exc:
            wrong.add(own, str(exc))
            return otherwise

    if ADDRESS not in its:
        for one in its.values():
            wrong.add(one.variable, f"set {variable} too: it is an option of a target, which needs an address")
    elif SECRET not in its:
        wrong.add(variable, f"set {variable}{SECRET} too: a target needs a secret, with which what it gets is signed")
    target = Target(
        accounts.spelled(name), variable, given(ADDRESS, lambda value: _address(value, is_private=is_private), ""),
        given(SECRET, _secrets, ()), given(TYPES, _types, (EVERY_TYPE,)), given(TRANSCRIPT, _yes, False),  # noqa: FBT003 - the default
        is_private,
    )  # fmt: skip
    mistakes.found += wrong.found
    return None if wrong.found else target


def _address(value: str, *, is_private: bool) -> str:
    """Return an address to which events can be forwarded: https, or http to a private address where that is allowed.

    Raises:
        ValueError: it is none. The message does not show it.
    """
    text = values.token(value)
    try:
        url, port = httpx.URL(text), urlsplit(text).port
    except (ValueError, httpx.InvalidURL):  # its message would show the address
        url, port = httpx.URL(""), 0
    if url.scheme not in ("http", "https") or not addresses.has_host(text) or port == 0 or url.fragment:
        raise ValueError("must be an address like https://example.com/hook")
    is_number = addresses.number(url.host) is not None
    if not is_private and not addresses.is_public(url.host):
        raise ValueError(f"is a private address: {PRIVATE}=yes allows it")
    if url.scheme == "http" and (not is_private or (is_number and addresses.is_public(url.host))):
        raise ValueError(f"must begin with https:// (http is for private addresses, with {PRIVATE}=yes)")
    return str(url)


def _secrets(value: str) -> tuple[str, ...]:
    """Return the secrets of a list that commas separate.

    Raises:
        ValueError: there is none, one is none of Standard Webhooks, or there are too many.
    """
    found = tuple(values.token(secret) for secret in values.listed(value))
    if not 0 < len(found) <= MOST_SECRETS:
        raise ValueError(f"must be 1 to {MOST_SECRETS} secrets, separated by commas")
    for secret in found:
        standard_key(secret)
    return found


def _types(value: str) -> tuple[str, ...]:
    """Return the patterns of a list that commas separate.

    Raises:
        ValueError: there is none, or one is no pattern.
    """
    found = values.listed(value)
    if not found or not all(map(is_pattern, found)):
        raise ValueError('must be types such as "transcription.completed", "transcription.*" or "*"')
    return found


def _yes(value: str) -> bool:
    if value not in ("no", "yes"):
        raise ValueError("must be 'no' or 'yes'")
    return value == "yes"

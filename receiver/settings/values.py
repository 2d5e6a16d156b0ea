"""Check what stands in a variable, or in the file that a variable names.

Shells, container tools and web pages can add characters to a value (`docker --env-file` keeps quotes). A secret or a
folder with an added character is a different one, so such a value is refused.
"""

import importlib.util
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from string import Formatter
from typing import TypeAlias

from receiver.logs.extras import to_install

# Kubernetes and Docker set such variables in every container for a service named `receiver`.
_OF_A_SERVICE = re.compile(r"\w+_(SERVICE_(HOST|PORT)\w*|PORT_\d+_(TCP|UDP|SCTP)\w*)")

Odd: TypeAlias = tuple[re.Pattern[str], str]

_QUOTE = "[\"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb]"
_IPV6 = r"\[[0-9A-Fa-f]*:[0-9A-Fa-f:.]*[%\]]"
PACKED: Odd = (re.compile(f"(?!{_IPV6})(?:{_QUOTE}|[\\[{{(<])"), "begins with a quote or a bracket: remove it")
NAMED: Odd = (
    re.compile(r"(export\s+)?[A-Z][A-Z0-9]*_[A-Z0-9_]*=."),
    "begins with a variable's name: keep what follows the =",
)
CLOSED: Odd = (re.compile(f".*{_QUOTE}$", re.DOTALL), "ends with a quote: remove it")
ODD_IN_TOKENS = (
    PACKED, NAMED, CLOSED, (re.compile(r".*[^!-~]", re.DOTALL), "must be printable ASCII without spaces")
)  # fmt: skip
ODD_IN_PATHS = (
    CLOSED,
    (re.compile(r"~|.*\$[({A-Za-z_]", re.DOTALL), "contains a part that only a shell expands: write the whole path"),
    (re.compile("$"), "is blank"),
)  # fmt: skip


def bare(value: str) -> str:
    """Return a value without byte order mark and surrounding white space."""
    return value.strip().removeprefix("\ufeff").strip()


def plain(value: str, odd: Iterable[Odd]) -> str:
    """Return a value that matches none of the `odd` patterns.

    Raises:
        ValueError: it matches one; the message says what is wrong and does not show the value.
    """
    for pattern, why in odd:
        if pattern.match(value):
            raise ValueError(why)
    return value


def token(value: str) -> str:
    """Return a key or a secret, as it is written.

    Raises:
        ValueError: see `plain`.
    """
    return plain(value, ODD_IN_TOKENS)


def listed(value: str) -> tuple[str, ...]:
    """Return the parts of a list that commas separate, each once."""
    return tuple(dict.fromkeys(filter(None, map(str.strip, value.split(",")))))


def is_of_a_service(name: str, value: str) -> bool:
    """Whether a container platform has set a variable, to say where one of its services is."""
    return _OF_A_SERVICE.fullmatch(name) is not None or value.startswith(("tcp://", "udp://", "sctp://"))


def from_file(variable: str, environment: Mapping[str, str]) -> str:
    """Return the secret in the file that a `…_FILE` variable names. Container platforms mount secrets as files.

    Raises:
        ValueError: the secret is given twice, or the file holds none; the message shows no value.
    """
    secret = variable.removesuffix("_FILE")
    if environment.get(secret):
        raise ValueError(f"set {secret} or {variable}, not both")
    try:
        found = bare(Path(environment[variable]).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise ValueError(f"cannot be read ({why})") from None
    if not found:  # else a secret that was not mounted would mean the embedded database, or no key
        raise ValueError("names an empty file")
    return found


def require_fields(template: str, fields: Collection[str]) -> None:
    """Refuse a template that has no field, or one that is not among `fields` or looks into it.

    Raises:
        ValueError: see above.
    """
    try:
        found = [(name, spec, how) for _, name, spec, how in Formatter().parse(template) if name is not None]
    except ValueError:
        found = [("", "", None)]
    if not found or any(name not in fields or spec or how for name, spec, how in found):
        raise ValueError(f"must contain fields of {', '.join(f'{{{name}}}' for name in fields)}, and no others")


def need_extra(name: str, module: str) -> None:
    """Check that the library that comes with one of our extras is installed.

    Raises:
        ValueError: it is not.
    """
    if importlib.util.find_spec(module) is None:
        raise ValueError(f"needs the extra `{name}`: {to_install(name)}")

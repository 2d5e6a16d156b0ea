"""Web addresses as people give them, in one spelling, so that the same place is the same text.

An address names a server, and perhaps a proxy's prefix. The part of the path that is ours, or the provider's, is known
anyway, so it may be given along or left out.
"""

import ipaddress
import re
from urllib.parse import urlsplit

import httpx

NEVER = frozenset("?#\\ \"'`<>{}|^$,;")  # and what is left of a sentence, a list or a template
_LABEL = re.compile("[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def base(text: str, *, without: str = "") -> str:
    """Return an address in small letters where case means nothing, without slash, usual port or `without` at its end.

    Args:
        text: what a person gave; blanks around it are nothing.
        without: the path that may stand at the end, such as `/api/v1`.

    Raises:
        ValueError: it is no such address; the message does not show it.
    """
    text = text.strip()
    scheme, mark, rest = text.partition("://")
    try:
        parts, url = urlsplit(text), httpx.URL(f"{scheme.lower()}{mark}{rest}")  # httpx knows what cannot be asked for
        usable = parts.scheme in ("http", "https") and _is_host(url.raw_host.decode("ascii")) and parts.port != 0
    except (ValueError, httpx.InvalidURL):  # its message would show the text
        usable = False
    if not usable or NEVER & {*text} or not text.isprintable():
        raise ValueError("must be an address like https://example.com") from None
    if "@" in parts.netloc:
        raise ValueError("must not carry a user or a password")
    found = str(url).rstrip("/").removesuffix(without).rstrip("/")
    if without and f"{without}/" in found:
        raise ValueError(f"must end before {without}, or with it")
    return found


def has_host(text: str) -> bool:
    """Whether a web address, of a recording for instance, names a server that there may be."""
    try:
        return _is_host(httpx.URL(text).raw_host.decode("ascii"))
    except (ValueError, httpx.InvalidURL):
        return False


def _is_host(name: str) -> bool:
    """Whether this can be asked for: a number of either family, or a name of letters and digits, as a server has."""
    *above, last = name.removesuffix(".").split(".")
    try:
        if ":" in name or last.isdigit():
            ipaddress.ip_address(name)
    except ValueError:
        return False
    return ":" in name or (len(name) <= 253 and all(map(_LABEL.fullmatch, (*above, last))))  # noqa: PLR2004 - RFC 1035


def same(one: str, other: str) -> bool:
    """Whether two addresses are one, however they are written."""
    return _spelled(one) == _spelled(other)


def _spelled(text: str) -> str:
    try:
        return base(text)
    except ValueError:  # somebody else's, with a query for instance
        return text

"""Shorten addresses to the part that can be shown. Pure.

User, password and query are secrets, and so is often the path of a webhook's address. Scheme and host are enough for a
person to recognize the server.
"""

import re
from typing import Any

# `\/` means `/` in some JSON. The bounds keep the search linear.
_ADDRESS = re.compile(r'([a-z][a-z0-9+.-]{0,30}):((?:\\?/){2})([^\s"<>]*)', re.IGNORECASE)
_AUTHORITY = re.compile(r"[^/?#\\]*")
_HOST = re.compile(r"(?:\[[0-9a-f:.]{2,45}\]|[\w.-]*)(?::\d{1,5})?", re.IGNORECASE)
_PATH_ALONE = re.compile(r"\burl: /\S+")  # urllib3 and requests write an address so that they could not reach
_ANY = re.compile(r"([a-z][a-z0-9+.-]*://)([^/?#\\\\]*)([^?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_IN_TEXT = re.compile(r"[a-z][a-z0-9+.-]{0,30}:(?:\\?/){2}\S*", re.IGNORECASE)
_START = re.compile(r"[a-z][a-z0-9+.-]{0,30}://", re.IGNORECASE)
_CLOSING = ")]}'.,;:!"


def shorten(text: str) -> str:
    """Return a text with every address shortened to scheme, host and port: `https://example.com/…`."""
    return _PATH_ALONE.sub("url: /…", _ADDRESS.sub(_shortened, text))


def without_query(address: str) -> str:
    """Return an address without user, password, query and fragment. Other texts stay as they are."""
    found = _ANY.fullmatch(address.strip())
    return address if found is None else _public(found)


def without_queries(text: str, *known: str) -> str:
    """Return a text in which every address has no user, password, query and fragment.

    An address in a text ends at the first blank; those `known` to be in it are found whole.
    """
    for address in known:
        text = text.replace(address, without_query(address)) if address.strip() else text
    return _IN_TEXT.sub(_public_in_text, text)


def without_queries_in_title(title: str) -> str:
    """Return a title in which every address is as in `without_queries`.

    Where a query, a fragment or a password can follow a blank, the address goes on to the end.
    """
    start = _START.search(title)
    address = "" if start is None else title[start.start() :]
    behind = "".join(address.split(maxsplit=1)[1:])
    return without_queries(title, address if set("?#@") & set(behind) else "")


def without_queries_in(value: Any, *known: str) -> Any:
    """Return a JSON value in whose texts every address has no user, password, query and fragment."""
    match value:
        case str():
            return without_queries(value, *known)
        case list():
            return [without_queries_in(one, *known) for one in value]
        case dict():
            return {without_queries(name, *known): without_queries_in(one, *known) for name, one in value.items()}
    return value


def _public_in_text(found: re.Match[str]) -> str:
    address = found[0].rstrip(_CLOSING + '"')
    parts = _ANY.fullmatch(address.replace("\\/", "/"))
    return (address if parts is None else _public(parts)) + found[0][len(address) :]


def _public(found: re.Match[str]) -> str:
    """Return what of the parts of an address is no secret: scheme, host, port and path."""
    scheme, authority, path, rest = found.groups()
    host = authority.rpartition("@")[2]
    is_web = scheme.lower() in ("http://", "https://")
    if not is_web and not rest and "@" not in f"{authority}{path}":
        return found[0]  # it may be no address
    # A password that was not escaped ends up anywhere. In the path of a web address @ is usual.
    if _HOST.fullmatch(host) is None or ("@" in path and (":" in host or not is_web)):
        return f"{scheme}…"
    return f"{scheme}{host}{path}{'?…' if rest else ''}"


def _shortened(found: re.Match[str]) -> str:
    scheme, slashes, rest = found.groups()
    start = f"{scheme}:{slashes}"
    authority = _AUTHORITY.match(rest)
    assert authority is not None, "the pattern matches an empty text too"
    path = rest[authority.end() :]
    closing = rest[len(rest.rstrip(_CLOSING)) :] if path else ""
    named = authority[0].rpartition("@")[2]
    host = _HOST.match(named)
    assert host is not None, "the pattern matches an empty text too"
    behind = named[host.end() :]
    # An unescaped password might contain a character that ends a host. In the path of a web address @ is usual.
    torn = "@" in path and scheme.lower() not in ("http", "https")
    if torn or behind.strip(_CLOSING) or (behind and path):
        return f"{start}…{closing}"
    if path.rstrip(_CLOSING) in ("", "/", "\\/"):
        return f"{start}{host[0]}{behind}{path}"
    return f"{start}{host[0]}/…{closing}"

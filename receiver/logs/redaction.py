"""Shorten addresses to the part that can be shown. Pure.

User, password and query are secrets, and so is often the path of a webhook's address. Scheme and host are enough for a
person to recognize the server.
"""

import re

# `\/` means `/` in some JSON. The bounds keep the search linear.
_ADDRESS = re.compile(r'([a-z][a-z0-9+.-]{0,30}):((?:\\?/){2})([^\s"<>]*)', re.IGNORECASE)
_AUTHORITY = re.compile(r"[^/?#\\]*")
_HOST = re.compile(r"(?:\[[0-9a-f:.]{2,45}\]|[\w.-]*)(?::\d{1,5})?", re.IGNORECASE)
_PATH_ALONE = re.compile(r"\burl: /\S+")  # urllib3 and requests write an address so that they could not reach
_CLOSING = ")]}'.,;:!"


def shorten(text: str) -> str:
    """Return a text with every address shortened to scheme, host and port: `https://example.com/…`."""
    return _PATH_ALONE.sub("url: /…", _ADDRESS.sub(_shortened, text))


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

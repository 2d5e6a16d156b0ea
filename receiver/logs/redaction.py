"""What may be shown of an address. Pure.

The path of a webhook's address is often its secret, as user, password and query are; scheme and host are enough for a
person to know whom it speaks of.
"""

import re

# With `\/` for `/`, as some write JSON. The bounds keep the search linear.
_ADDRESS = re.compile(r'([a-z][a-z0-9+.-]{0,30}):((?:\\?/){2})([^\s"<>]*)', re.IGNORECASE)
_AUTHORITY = re.compile(r"[^/?#\\]*")
_HOST = re.compile(r"(?:\[[0-9a-f:.]{2,45}\]|[\w.-]*)(?::\d{1,5})?", re.IGNORECASE)
_PATH_ALONE = re.compile(r"\burl: /\S+")  # how urllib3, and requests with it, name what they could not reach
_CLOSING = ")]}'.,;:!"


def shorten(text: str) -> str:
    """Return a text in which every address is down to scheme, host and port: `https://example.com/…`."""
    return _PATH_ALONE.sub("url: /…", _ADDRESS.sub(_shortened, text))


def _shortened(found: re.Match[str]) -> str:
    scheme, slashes, rest = found.groups()
    start = f"{scheme}:{slashes}"
    authority = _AUTHORITY.match(rest)
    assert authority is not None, "it matches nothing too"
    path = rest[authority.end() :]
    closing = rest[len(rest.rstrip(_CLOSING)) :] if path else ""
    named = authority[0].rpartition("@")[2]
    host = _HOST.match(named)
    assert host is not None, "it matches nothing too"
    behind = named[host.end() :]
    # A password that was not escaped may hold what ends a host; in a path of the web's an @ is usual.
    torn = "@" in path and scheme.lower() not in ("http", "https")
    if torn or behind.strip(_CLOSING) or (behind and path):
        return f"{start}…{closing}"
    if path.rstrip(_CLOSING) in ("", "/", "\\/"):
        return f"{start}{host[0]}{behind}{path}"
    return f"{start}{host[0]}/…{closing}"

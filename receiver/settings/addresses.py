"""Web addresses in one spelling: two addresses of the same place become the same text.

An address names a server, and perhaps the prefix of a proxy. The known end of the path (ours, or the provider's) can be
given or left out.
"""

import ipaddress
import re
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import httpx

NEVER = frozenset("?#\\ \"'`<>{}|^$,;")  # characters of a query, a fragment, a sentence, a list or a template
OFF = "off"
LAST_PORT = 65535
# A table of our own, because what `ipaddress` calls global differs between patch levels of Python. Of IPv4 what is not
# public, by IANA's registry of special-purpose addresses, and the address of Azure's own services.
_NOT_PUBLIC_4 = tuple(map(ipaddress.IPv4Network, (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/3", "168.63.129.16/32",
)))  # fmt: skip
# Of IPv6 what is given to networks of the Internet, and what of that is not.
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
# IPv6 addresses that end with the IPv4 address to which they lead: compatible, mapped, translated, NAT64.
_ENDS_WITH_4 = tuple(map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")))
_OWN = frozenset(map(ipaddress.IPv6Address, ("::", "::1")))
_LABEL = re.compile("[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def base(text: str, *, without: str = "") -> str:
    """Return an address in its one spelling: lower-case scheme and host, no usual port, no `without` or final slash.

    Args:
        text: the address as a person gave it, perhaps with blanks around it.
        without: the path that may be at the end, such as `/api/v1`.

    Raises:
        ValueError: `text` is not such an address. The message does not show it.
    """
    text = text.strip()
    scheme, mark, rest = text.partition("://")
    try:
        parts = urlsplit(text)
        url = httpx.URL(f"{scheme.lower()}{mark}{rest}")  # httpx refuses addresses that it cannot request
        usable = parts.scheme in ("http", "https") and _is_host(url.raw_host.decode("ascii")) and parts.port != 0
    except (ValueError, httpx.InvalidURL):  # the message of this error would show the text
        usable = False
    if not usable or NEVER & {*text} or not text.isprintable():
        raise ValueError("must be an address like https://example.com") from None
    if "@" in parts.netloc:
        raise ValueError("must not contain a user or a password")
    found = str(url).rstrip("/").removesuffix(without).rstrip("/")
    if without and f"{without}/" in found:
        raise ValueError(f"must end before {without}, or with it")
    return found


def listening(text: str) -> str:
    """Return where to listen in one spelling, as `127.0.0.1:9464` or `off`. A port alone is one of this machine's own.

    Raises:
        ValueError: `text` is no such place.
    """
    host, _, port = text.strip().rpartition(":")
    if text.strip() == OFF:
        return OFF
    if not (
        port.isascii() and port.isdigit() and 0 < int(port[:6]) <= LAST_PORT and (not host or _is_host(bare(host)))
    ):
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:9464, or off")
    return f"{host or '127.0.0.1'}:{int(port)}"


def here(host: str, port: int) -> str:
    """Return the URL at which this machine reaches a server that listens on `host` and `port`."""
    name = bare(host)
    with suppress(socket.gaierror, UnicodeError):  # a host name stays as it is
        numeric = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        ip = ipaddress.ip_address(numeric[0][4][0])
        if isinstance(ip, ipaddress.IPv6Address):
            ip = ip.ipv4_mapped or ip
        if ip.is_unspecified:  # a client cannot connect to "every address"
            ip = ipaddress.IPv4Address("127.0.0.1")
        name = f"[{ip}]" if isinstance(ip, ipaddress.IPv6Address) else str(ip)
    return f"http://{name}:{port}"


def bare(host: str) -> str:
    """Return a host without the brackets of an IPv6 address in a URL."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def has_host(text: str) -> bool:
    """Whether a web address, for instance of a recording, names a server that can exist."""
    try:
        return _is_host(httpx.URL(text).raw_host.decode("ascii"))
    except (ValueError, httpx.InvalidURL):
        return False


def _is_host(name: str) -> bool:
    """Whether a name can be a server's: an IPv4 or IPv6 address, or a name of letters, digits and hyphens."""
    *labels, last = name.removesuffix(".").split(".")
    try:
        if ":" in name or last.isdigit():
            ipaddress.ip_address(name)
    except ValueError:
        return False
    return ":" in name or (len(name) <= 253 and all(map(_LABEL.fullmatch, (*labels, last))))  # noqa: PLR2004 - RFC 1035


def is_public(host: str) -> bool:
    """Return whether a host is a public address, or a name that is not resolved yet."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return False
    found = number(name)
    if found is None:
        return True
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in network for network in _NOT_PUBLIC_4)
    return found in _PUBLIC_6 and not any(found in network for network in _NOT_PUBLIC_6)


def number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return a host as an IP address; None for a name.

    Resolvers also accept `127.1` and `0x7f000001`. Some IPv6 addresses contain the IPv4 address that they lead to.
    """
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, UnicodeError, ValueError):
            return None
    if isinstance(found, ipaddress.IPv4Address) or found in _OWN:
        return found
    ends = any(found in network for network in _ENDS_WITH_4)
    return ipaddress.IPv4Address(found.packed[-4:]) if ends else found.sixtofour or found


def same(one: str, other: str) -> bool:
    """Whether two addresses are the same apart from their spelling."""
    return _spelled(one) == _spelled(other)


def _spelled(text: str) -> str:
    try:
        return base(text)
    except ValueError:  # an address that is not ours, for instance with a query
        return text

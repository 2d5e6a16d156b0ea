"""Refuse to exchange a file with a private address that a stranger names.

The address of an upload or a download comes in the provider's answer. The author of that answer must not make us reach
into our own network. So if the API itself is a public https address, the addresses in its answers must be https and
public too: not loopback, not a private network, not an address of a cloud's own services. Any other API, such as the
sandbox, can name any address.

    checked          what                                                       when
    the address      its scheme; its host, if that is a number or `localhost`   before a connection is opened
    the connection   the number to which the host name was resolved             before a byte is sent

Not checked: the port, a name that our proxy resolves, and a reused connection to the API itself.
"""

import ipaddress
import socket
from typing import Any

import httpx

from receiver.errors import ProviderUnavailable

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def address(text: str, base: httpx.URL | None = None) -> httpx.URL:
    """Return an http(s) address. Refuse a user name in it, because httpx would turn that into an Authorization header.

    Raises:
        ProviderUnavailable: `text` is not such an address. The error hides the text, because it can hold a ticket.
    """
    try:
        url = httpx.URL(text) if base is None else base.join(text)
        _ = url.host  # httpx decodes the host only here, and can fail
    except (httpx.InvalidURL, UnicodeError):
        url = httpx.URL("")  # do not chain httpx's error: its text shows parts of the address
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise ProviderUnavailable("the file's address is not a plain http(s) address", code="malformed_answer")
    return url


def require_allowed(url: httpx.URL, *, api: httpx.URL) -> None:
    """Refuse an address that is not allowed in an answer of the API.

    Raises:
        ProviderUnavailable: the address is not allowed. The error hides the path, because it can hold a ticket.
    """
    if _is_bound(api):
        require_public(url)


def is_public_api(address: str) -> bool:
    """Whether an API is at a public https address, so that what its answers name must be too."""
    return _is_bound(httpx.URL(address))


def require_public(url: httpx.URL) -> None:
    """Refuse an address that is not https, or whose host is a private address.

    Raises:
        ProviderUnavailable: the address is not allowed. The error hides the path, because it can hold a ticket.
    """
    if url.scheme != "https" or not _is_public(url.host):
        raise _refused(f"{url.scheme}://{url.host}")


def guard(request: httpx.Request, *, api: httpx.URL) -> None:
    """Make a request fail, like `require_allowed`, if its host name is resolved to a private address."""
    if _is_bound(api):
        guard_public(request)


def guard_public(request: httpx.Request) -> None:
    """Make a request fail, like `require_public`, if its host name is resolved to a private address."""
    direct = False  # whether the new connection goes to the address itself, and not to a proxy

    async def watch(step: str, info: dict[str, Any]) -> None:
        nonlocal direct
        if step == "connection.connect_tcp.started":
            direct = info["host"] == request.url.raw_host.decode("ascii")  # `url.host` has decoded IDNA names
        elif step == "connection.connect_tcp.complete" and direct:
            stream = info["return_value"]
            host = stream.get_extra_info("server_addr")[0]
            if not _is_public(host):
                await stream.aclose()
                raise _refused(f"{request.url.host}, which is {host}")

    request.extensions["trace"] = watch


def _is_bound(api: httpx.URL) -> bool:
    return api.scheme == "https" and _is_public(api.host)


def _is_public(host: str) -> bool:
    """Return whether a host is a public address, or a name that is not resolved yet."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return False
    number = _number(name)
    return number is None or (number.is_global and not number.is_multicast)


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return a host as an IP address; None for a name.

    Resolvers also accept `127.1` and `0x7f000001`. Some IPv6 addresses contain the IPv4 address that they lead to.
    """
    try:
        number = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, UnicodeError, ValueError):
            return None
    if number.version == 4:  # noqa: PLR2004 - IPv4
        return number
    inside = number.ipv4_mapped or number.sixtofour
    return ipaddress.IPv4Address(number.packed[-4:]) if number in _NAT64 else inside or number


def _refused(where: str) -> ProviderUnavailable:
    message = f"the file's address is {where}, which is not a public https address"
    return ProviderUnavailable(message, code="malformed_answer")

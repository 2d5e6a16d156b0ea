"""Where a file may be sent: the address comes in an answer, and whoever wrote that must not choose a place of ours.

A provider that we reach by https across the internet names https and public places: no loopback, no private network, no
address of a cloud's own services. One that we reach otherwise, such as the sandbox, may name what it likes.

    the address    its scheme, and its host where that is a number or says `localhost`     before anything is opened
    the connection the number that a name has become, whoever resolved it                  before a byte is sent

Left alone: the port, what a proxy of ours makes of a name, and a connection of the API's own that is used again.
"""

import ipaddress
import socket
from typing import Any

import httpx

from receiver.errors import ProviderUnavailable

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def require_allowed(url: httpx.URL, *, api: httpx.URL) -> None:
    """Do nothing where a file may be sent to an address of an answer.

    Raises:
        ProviderUnavailable: it may not; the error does not show the path, which may hold a ticket.
    """
    if _is_bound(api) and (url.scheme != "https" or not _is_public(url.host)):
        raise _refused(f"{url.scheme}://{url.host}")


def guard(request: httpx.Request, *, api: httpx.URL) -> None:
    """Have a request go out only where a name has become a public place; otherwise it raises as above."""
    if not _is_bound(api):
        return
    ours = False  # whether the connection being made goes to the address itself, and not to a proxy

    async def watch(step: str, info: dict[str, Any]) -> None:
        nonlocal ours
        if step == "connection.connect_tcp.started":
            ours = info["host"] == request.url.raw_host.decode("ascii")  # not as a person would read it
        elif step == "connection.connect_tcp.complete" and ours:
            stream = info["return_value"]
            host = stream.get_extra_info("server_addr")[0]
            if not _is_public(host):
                await stream.aclose()
                raise _refused(f"{request.url.host}, which is {host}")

    request.extensions["trace"] = watch


def _is_bound(api: httpx.URL) -> bool:
    return api.scheme == "https" and _is_public(api.host)


def _is_public(host: str) -> bool:
    """Whether a host is a public address, or a name of which that is not known yet."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return False
    number = _number(name)
    return number is None or (number.is_global and not number.is_multicast)


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host is, None where it is a name.

    Resolvers read `127.1` and `0x7f000001` too, and some IPv6 addresses lead to the IPv4 address in them.
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
    said = f"the provider wants the file at {where}, which is no https address of a public place"
    return ProviderUnavailable(said, code="malformed_answer")

"""Refuse to exchange a file with a private address that a stranger names.

The address of an upload or a download comes in the provider's answer. The author of that answer must not make us reach
into our own network. So if the API itself is a public https address, the addresses in its answers must be https and
public too: not loopback, not a private network, not an address of a cloud's own services. Any other API, such as the
sandbox, can name any address.

    checked          what                                                       when
    the address      its scheme; its host, if that is a number or `localhost`   before a connection is opened
    the connection   the number to which the host name was resolved             before a byte is sent

Handlers keep their own requests to public addresses, or to private ones, in the same way: see `keep_to`.

A connection that was not checked is not used: those of each side have a pool of their own, see `egress.Routes`.

Not checked: the port, a name that our proxy resolves, and an address to which a redirect leads: do not follow it.
"""

from collections.abc import Callable
from typing import Any, Literal

import httpx

from receiver.errors import ProviderUnavailable
from receiver.providers.egress import POOL
from receiver.settings.addresses import is_public, number

Side = Literal["public", "private"]


class WrongSideError(httpx.TransportError):
    """A request would have left its side: see `keep_to`. Nothing was sent. The message shows no path."""


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
    if url.scheme != "https" or not is_public(url.host):
        raise _refused(f"{url.scheme}://{url.host}")


def guard(request: httpx.Request, *, api: httpx.URL) -> None:
    """Make a request fail, like `require_allowed`, if its host name is resolved to a private address."""
    if _is_bound(api):
        guard_public(request)


def guard_public(request: httpx.Request) -> None:
    """Make a request fail, like `require_public`, if its host name is resolved to a private address."""
    _watch(request, "public", _refused)


def keep_to(request: httpx.Request, side: Side) -> None:
    """Make a request fail if it would not go to a public address, or to a private one.

    Private are this machine and every network of one's own. A name is looked at when it is resolved, before a byte is
    sent; behind a proxy it is not looked at, and where a redirect leads neither. A connection that another request has
    opened is used only if that was kept to the same side.

    Raises:
        WrongSideError: its address is of the other side already. Sending the request raises it too.
    """

    def refused(where: str) -> WrongSideError:
        return WrongSideError(f"its address is {where}, which is not {side}")

    host = request.url.host
    if (number(host) is not None or not is_public(host)) and not _fits(host, side):
        raise refused(host)
    _watch(request, side, refused)


def _fits(host: str, side: Side) -> bool:
    return is_public(host) is (side == "public")


def _watch(request: httpx.Request, side: Side, refused: Callable[[str], Exception]) -> None:
    """Make a request fail before a byte is sent if it is connected to an address of the other side."""
    direct = False  # whether the new connection goes to the address itself, and not to a proxy

    async def watch(step: str, info: dict[str, Any]) -> None:
        nonlocal direct
        if step == "connection.connect_tcp.started":
            direct = info["host"] == request.url.raw_host.decode("ascii")  # `url.host` has decoded IDNA names
        elif step == "connection.connect_tcp.complete" and direct:
            stream = info["return_value"]
            host = stream.get_extra_info("server_addr")[0]
            if not _fits(host, side):
                await stream.aclose()
                raise refused(f"{request.url.host}, which is {host}")

    request.extensions["trace"], request.extensions[POOL] = watch, (side, request.url.raw_host)


def _is_bound(api: httpx.URL) -> bool:
    return api.scheme == "https" and is_public(api.host)


def _refused(where: str) -> ProviderUnavailable:
    message = f"the file's address is {where}, which is not a public https address"
    return ProviderUnavailable(message, code="malformed_answer")

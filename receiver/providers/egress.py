"""How we ask others over HTTP: through the proxy and with the certificates that the environment names.

What is on this machine is asked past any proxy, which could not reach it. A setting that cannot be used stops nothing
but the requests that it is for: each of those says which variable is wrong.
"""

import os
import socket
import ssl
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from types import TracebackType
from typing import Any, Self
from urllib.request import getproxies

import httpx

from receiver.settings.inherited import CERTIFICATES


class SettingError(httpx.TransportError):
    """A variable of the environment cannot be used for this request; the message names it, and never its value."""


def client(*, transport: httpx.AsyncBaseTransport | None = None, **options: Any) -> httpx.AsyncClient:
    """Return a client that takes the right way for each request; `options` are those of `httpx.AsyncClient`."""
    return httpx.AsyncClient(transport=transport or Routes(), trust_env=False, **options)


class Clients:
    """Clients that share their connections and nothing else: no header, cookie or address that one of them was given.

    Args:
        options: of each; those of `httpx.AsyncClient`.
    """

    def __init__(self, **options: Any) -> None:
        self._routes = Routes()
        self._options = options

    def another(self) -> httpx.AsyncClient:
        """Return a new client; closing it closes no connection."""
        return client(transport=_Lent(self._routes), **self._options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._routes.aclose()


def mistakes() -> list[str]:
    """Return which settings of the environment cannot be used, in a line each."""
    said = []
    for address in ("http://elsewhere.invalid", "https://elsewhere.invalid"):
        try:
            Routes().route(httpx.URL(address))
        except SettingError as exc:
            said.append(str(exc))
    return list(dict.fromkeys(said))


def why(error: BaseException) -> str:
    """Return why a request got no answer, in the words of the system, or those of the client where it has none."""
    for one in _behind(error):
        if isinstance(one, SettingError):
            return str(one)
        if isinstance(one, TimeoutError | httpx.TimeoutException):
            return "no answer in time"
        if isinstance(one, ssl.SSLError | socket.gaierror):
            return str(one.strerror or one)
        if isinstance(one, OSError) and one.errno:
            return os.strerror(one.errno).lower()
    return str(error) or type(error).__name__


def _behind(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and those that it came of."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += one.exceptions if isinstance(one, BaseExceptionGroup) else ()
            waiting += filter(None, (one.__cause__ or one.__context__,))


class Routes(httpx.AsyncBaseTransport):
    """A way for each request: straight on, or through the proxy of its scheme.

    Ways are made when they are first taken, because reading the certificates takes 30 ms.
    """

    def __init__(self) -> None:
        self._proxies = getproxies()  # of both cases, and the system's where it has them
        entries = [one.strip().lower() for one in self._proxies.get("no", "").split(",")]
        self._straight = [entry.replace("[", "").replace("]", "") for entry in entries if entry]
        self._made: dict[tuple[str, bool], httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on its way."""
        return await self.route(request.url).handle_async_request(request)

    async def aclose(self) -> None:
        """Close every way."""
        for transport in self._made.values():
            await transport.aclose()

    def route(self, url: httpx.URL) -> httpx.AsyncHTTPTransport:
        """Return the way to an address.

        Raises:
            SettingError: what it needs is set to something that cannot be used.
        """
        name = "" if self._goes_straight(url.host) else self._proxy_for(url.scheme)
        key = (name, url.scheme == "https")
        if key not in self._made:
            self._made[key] = _way(name, self._proxies.get(name, ""), _certificates(needed=key[1]))
        return self._made[key]

    def _proxy_for(self, scheme: str) -> str:
        return next((name for name in (scheme, "all") if self._proxies.get(name)), "")

    def _goes_straight(self, host: str) -> bool:
        return _is_here(host) or any(_is_within(host.lower(), entry) for entry in self._straight)


class _Lent(httpx.AsyncBaseTransport):
    """Somebody else's transport, which stays open."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on its way."""
        return await self._transport.handle_async_request(request)


def _is_here(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _is_within(host: str, entry: str) -> bool:
    """Whether an entry of no_proxy speaks of a host: by name, by the end of its name, or by the network it is in."""
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        name = entry.removeprefix("*").removeprefix(".")
        return entry == "*" or host == name or (bool(name) and host.endswith(f".{name}"))


def _certificates(*, needed: bool) -> ssl.SSLContext:
    if not needed:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which trusts nobody
    try:
        return httpx.create_ssl_context()
    except OSError as exc:
        names = " or ".join(name for name in CERTIFICATES if os.environ.get(name))
        raise SettingError(f"{names or 'the certificates'}: cannot be used ({exc.strerror})") from exc


def _way(name: str, proxy: str, certificates: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
    if not name:
        return httpx.AsyncHTTPTransport(verify=certificates)
    try:
        return httpx.AsyncHTTPTransport(verify=certificates, proxy=proxy if "://" in proxy else f"http://{proxy}")
    except ImportError:
        said = "a SOCKS proxy needs the package socksio: pip install 'httpx[socks]'"
    except (ValueError, httpx.InvalidURL):
        said = "must be the address of a proxy, such as http://proxy.example:3128"
    raise SettingError(f"{name.upper()}_PROXY: {said}")

"""HTTP clients for every outgoing request: they use the proxy and the certificates that the environment names.

A request to this machine uses no proxy, because a proxy could not reach it. An unusable setting fails only the requests
that need the setting. The error of such a request names the wrong variable.
"""

import os
import socket
import ssl
from ipaddress import ip_address, ip_network
from types import TracebackType
from typing import Any, Self
from urllib.request import getproxies

import httpx

from receiver.settings.inherited import CERTIFICATES

# A call can be silent for two hours, and routers forget connections that are silent for minutes. On the way through a
# proxy httpcore ignores these options.
_IDLE_SECONDS = 30
_IDLE = getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", None))  # the second name is macOS'
_KEEP_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *([] if _IDLE is None else [(socket.IPPROTO_TCP, _IDLE, _IDLE_SECONDS)]),
]


POOL = "receiver.pool"  # an extension of a request: the name of its pool of connections, and the host that it is for


class SettingError(httpx.TransportError):
    """An environment variable is unusable for this request. The message names the variable and never its value."""


def client(*, transport: httpx.AsyncBaseTransport | None = None, **options: Any) -> httpx.AsyncClient:
    """Return a client that chooses a route for each request; `options` are those of `httpx.AsyncClient`."""
    return httpx.AsyncClient(transport=transport or Routes(), trust_env=False, **options)


class Clients:
    """Clients that share their connections, but not their headers, cookies or base addresses.

    Args:
        options: the options of `httpx.AsyncClient` for each client.
    """

    def __init__(self, **options: Any) -> None:
        self._routes = Routes()
        self._options = options

    def another(self) -> httpx.AsyncClient:
        """Return a new client. Closing this client closes no connection."""
        return _Late(transport=_Lent(self._routes), trust_env=False, **self._options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._routes.aclose()


class _Late(httpx.AsyncClient):
    """A client that is made when it is first used.

    Most attempts at jobs use none. To make one and to collect it takes 25 µs, a third of a short job's time.
    """

    def __init__(self, **options: Any) -> None:
        self.__dict__["_options"] = options

    def __getattr__(self, name: str) -> Any:
        """Return what only a client that is made has."""
        if "_options" not in self.__dict__:
            raise AttributeError(name)
        self._make()
        return getattr(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set what making would otherwise set later."""
        if "_options" in self.__dict__:
            self._make()
        super().__setattr__(name, value)

    def _make(self) -> None:
        super().__init__(**self.__dict__.pop("_options"))


def mistakes() -> list[str]:
    """Return a line for each environment setting that is unusable."""
    lines = []
    for address in ("http://elsewhere.invalid", "https://elsewhere.invalid"):
        try:
            Routes().route(httpx.URL(address))
        except SettingError as exc:
            lines.append(str(exc))
    return list(dict.fromkeys(lines))


class Routes(httpx.AsyncBaseTransport):
    """A route for each request: direct, or through the proxy of its scheme.

    A route is made at its first use, because reading the certificates takes 30 ms. Requests with the extension `POOL`
    share their connections with others of the same pool alone, and not with requests to which they are redirected.
    """

    def __init__(self) -> None:
        self._proxies = getproxies()  # reads upper and lower case names, and the system's settings
        entries = [entry.strip().lower() for entry in self._proxies.get("no", "").split(",")]
        self._direct = [entry.replace("[", "").replace("]", "") for entry in entries if entry]
        self._made: dict[tuple[str, bool, str], httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on its way."""
        pool, host = request.extensions.get(POOL, ("", None))
        route = self.route(request.url, pool if host == request.url.raw_host else "")
        return await route.handle_async_request(request)

    async def aclose(self) -> None:
        """Close every route."""
        for transport in self._made.values():
            await transport.aclose()

    def route(self, url: httpx.URL, pool: str = "") -> httpx.AsyncHTTPTransport:
        """Return the route to an address, for the requests of a pool.

        Raises:
            SettingError: a setting that the route needs is unusable.
        """
        name = "" if self._is_direct(url.host) else self._proxy_for(url.scheme)
        key = (name, url.scheme == "https", pool)
        if key not in self._made:
            self._made[key] = _route(name, self._proxies.get(name, ""), _certificates(needed=key[1]))
        return self._made[key]

    def _proxy_for(self, scheme: str) -> str:
        return next((name for name in (scheme, "all") if self._proxies.get(name)), "")

    def _is_direct(self, host: str) -> bool:
        return _is_this_machine(host) or any(_matches(host.lower(), entry) for entry in self._direct)


class _Lent(httpx.AsyncBaseTransport):
    """A transport that belongs to another object and stays open."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on its way."""
        return await self._transport.handle_async_request(request)


def _is_this_machine(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _matches(host: str, entry: str) -> bool:
    """Return whether an entry of no_proxy matches a host: by its name, by the end of its name, or by its network."""
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        name = entry.removeprefix("*").removeprefix(".")
        return entry == "*" or host == name or (bool(name) and host.endswith(f".{name}"))


def _certificates(*, needed: bool) -> ssl.SSLContext:
    if not needed:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts no certificate
    try:
        return httpx.create_ssl_context()
    except OSError as exc:
        names = " or ".join(name for name in CERTIFICATES if os.environ.get(name))
        raise SettingError(f"{names or 'the certificates'}: cannot be used ({exc.strerror})") from exc


def _route(name: str, proxy: str, certificates: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
    if not name:
        return httpx.AsyncHTTPTransport(verify=certificates, socket_options=_KEEP_ALIVE)
    try:
        return httpx.AsyncHTTPTransport(verify=certificates, proxy=proxy if "://" in proxy else f"http://{proxy}")
    except ImportError:
        problem = "a SOCKS proxy needs the package socksio: pip install 'httpx[socks]'"
    except (ValueError, httpx.InvalidURL):
        problem = "must be the address of a proxy, such as http://proxy.example:3128"
    raise SettingError(f"{name.upper()}_PROXY: {problem}")

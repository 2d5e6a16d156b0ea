"""Run the application on a socket until told to stop, or until another process on the same socket takes over."""

import asyncio
import functools
import logging
import math
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from receiver.errors import ConfigError
from receiver.server.bounds import SERVICE, Bounds
from receiver.server.connections import Acceptor, Callers, allowed
from receiver.server.direct import CLOSE, DirectProtocol
from receiver.server.turns import Turns
from receiver.settings import addresses

# Proxies keep idle connections for a minute and more. If we close one first, a delivery can be lost with it.
KEEP_ALIVE_SECONDS = 75
# A delivery has 10 s to arrive and 3 s to be stored; no request waits longer for its answer.
SHUTDOWN_SECONDS = 14
LINGER_SECONDS = 1.0
LOOK_SECONDS = 0.05
_ORIGIN = re.compile(rb"https?://[^/]+", re.IGNORECASE)


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which would end the process before we have closed the database."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller."""
        yield

    async def linger(self, stop: asyncio.Event) -> None:
        """Return when no client is connected any more, or a second after `stop` is set.

        An idle connection might bring a request at this very moment, and closing it would reset the request.
        So until `stop` is set, a connection ends only when its client or the keep-alive's deadline ends it.
        """
        loop, end = asyncio.get_running_loop(), math.inf
        while self.server_state.connections and loop.time() < end:
            await asyncio.sleep(LOOK_SECONDS)
            if stop.is_set():
                end = min(end, loop.time() + LINGER_SECONDS)


def bind(host: str, port: int, *, advice: str = "set HOST or PORT") -> socket.socket:
    """Return a listening socket; `advice` is the error's hint for the user.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    try:
        name = addresses.bare(host)
        family = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0][0]
        # `::` is every address, of IPv4 too. One descriptor serves both families, because a child inherits only one.
        both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        listener = socket.create_server((name, port), family=family, backlog=2048, dualstack_ipv6=both)
    except UnicodeError as exc:
        raise ConfigError("HOST: is not a host name") from exc
    except OSError as exc:
        raise ConfigError(f"cannot listen on {host} port {port} ({_reason(exc)}): {advice}") from exc
    # Accepted sockets inherit this option. asyncio's own loop sets it only on a socket that names its protocol, and
    # ours does not. Without the option every answer on a kept connection waits 40 ms for the client's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def inherit(descriptor: int) -> socket.socket:
    """Return the listening socket that the parent process has bound. The parent keeps it open if this process dies."""
    listener = socket.socket(fileno=descriptor)
    listener.set_inheritable(False)  # otherwise the database's keeper, our child, would hold it forever
    return listener


def _reason(error: OSError) -> str:
    """Return the system's own words, without the address that create_server adds."""
    return str(error.strerror) if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)


async def serve(
    app: Starlette,
    listener: socket.socket,
    stop: asyncio.Event,
    *,
    relieved: asyncio.Event | None = None,
    bounds: Bounds = SERVICE,
) -> None:
    """Answer requests until `stop` is set, then let requests under way end within 14 s.

    A malformed request never reaches the application. It is reported to the application's `state.refused`, if that is
    set. An ordinary delivery does not reach it either: the application's `state.taking`, if that is set, takes it.
    `relieved` means that a successor serves the same socket: this server then accepts no new connection, and ends with
    its last one.
    """
    leaving, config = asyncio.Event(), _configure(app)
    server, clients = _Server(config), Callers()
    make = functools.partial(
        DirectProtocol, config=config, server_state=server.server_state, app_state={}, clients=clients,
        turns=Turns(at_once=bounds.turns), bounds=bounds, leaving=leaving,
        on_refused=getattr(app.state, "refused", None), taking=getattr(app.state, "taking", None),
    )  # fmt: skip
    acceptor = Acceptor(listener, make, clients, most=allowed(bounds.connections), bounds=bounds)
    serving = asyncio.create_task(server.serve(sockets=[]))
    ends = [asyncio.create_task(event.wait()) for event in (stop, relieved) if event is not None]
    await asyncio.wait({serving, *ends}, return_when=asyncio.FIRST_COMPLETED)
    leaving.set()
    await acceptor.close()
    await server.linger(stop)
    server.should_exit = True
    await serving
    for end in ends:
        end.cancel()


def _configure(app: ASGIApp) -> uvicorn.Config:
    """Return uvicorn's configuration, loaded, for an application."""
    # At info uvicorn logs about itself, at warning about every malformed request, and anyone can send one.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    config = uvicorn.Config(
        _unless_refused(_in_origin_form(_saying_close(app))), http=DirectProtocol, ws="none", lifespan="off",
        log_config=None, access_log=False, server_header=False, timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS, proxy_headers=False,
    )  # fmt: skip
    config.load()
    return config


def _unless_refused(app: ASGIApp) -> ASGIApp:
    """Leave out a request whose body was refused as malformed before the application began: one refusal is enough."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["state"]["is_refused"]():
            await app(scope, receive, send)

    return answer


def _in_origin_form(app: ASGIApp) -> ASGIApp:
    """Reduce a request target that is a whole URL to its path: a server must accept both (RFC 9112 3.2.2)."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        origin = _ORIGIN.match(scope["raw_path"])
        if origin is not None:
            raw = scope["raw_path"][origin.end() :] or b"/"
            scope = {**scope, "raw_path": raw, "path": unquote(raw.decode("ascii"))}
        await app(scope, receive, send)

    return answer


def _saying_close(app: ASGIApp) -> ASGIApp:
    """Add `Connection: close` to an answer after which its connection closes, so that no client uses it again."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def say(message: Message) -> None:
            if message["type"] == "http.response.start" and CLOSE not in message["headers"]:
                is_last = scope["state"]["is_last"](message["status"])
                message = {**message, "headers": [*message["headers"], *([CLOSE] if is_last else [])]}
            await send(message)

        await app(scope, receive, say)

    return answer

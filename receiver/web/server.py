"""Run the application on a socket until told to stop."""

import asyncio
import functools
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from receiver.errors import ConfigError
from receiver.web.connections import Acceptor, Clients, allowed
from receiver.web.protocol import DeadlineProtocol
from receiver.web.turns import Turns

# Proxies keep idle connections for a minute and more; one that we close first may take a delivery down with it.
KEEP_ALIVE_SECONDS = 75
# A delivery has 10 s to arrive and 3 s to be stored; nothing waits longer than that for an answer.
SHUTDOWN_SECONDS = 14


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which would end the process before we have closed the database."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller."""
        yield


def bind(host: str, port: int, *, advice: str = "set HOST or PORT") -> socket.socket:
    """Return a listening socket; `advice` says what to do where it cannot be had.

    Raises:
        ConfigError: the address cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except UnicodeError as exc:
        raise ConfigError("HOST: is no name of a host") from exc
    except OSError as exc:
        raise ConfigError(f"cannot listen on {host} port {port} ({_reason(exc)}): {advice}") from exc
    # What it accepts inherits this. asyncio's own loop sets it only where a socket names its protocol, which this one
    # does not; without it every answer on a kept connection waits 40 ms for the client's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _reason(error: OSError) -> str:
    """Return the system's own words; create_server adds the address once more."""
    return str(error.strerror) if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)


async def serve(app: Starlette, listener: socket.socket, stop: asyncio.Event) -> None:
    """Answer requests until `stop` is set, then let what is under way end, within 14 s."""
    # At info it tells of itself, and at warning of every malformed request, which anyone can send.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    config = uvicorn.Config(
        app, http=DeadlineProtocol, ws="none", lifespan="off", log_config=None, access_log=False, server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=SHUTDOWN_SECONDS, proxy_headers=False,
    )  # fmt: skip
    config.load()
    server, clients = _Server(config), Clients()
    make = functools.partial(
        DeadlineProtocol, config=config, server_state=server.server_state, app_state={}, clients=clients, turns=Turns()
    )
    acceptor = Acceptor(listener, make, clients, most=allowed())
    serving = asyncio.create_task(server.serve(sockets=[]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    await acceptor.close()
    server.should_exit = True
    await serving
    stopping.cancel()

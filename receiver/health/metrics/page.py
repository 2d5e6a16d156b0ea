"""The HTTP server for scrapes: `GET /metrics`."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from receiver.database import Connections
from receiver.errors import ConfigError
from receiver.handling import Handler
from receiver.health.metrics.exposition import Deadlines, Exposition
from receiver.server import bind, serve
from receiver.server.bounds import SERVICE
from receiver.settings import Settings

log = logging.getLogger(__name__)

USUAL = "127.0.0.1:9464"  # what exporters of OpenTelemetry use
AGAIN_SECONDS = 5.0
BOUNDS = replace(SERVICE, connections=50)


def listen(place: str) -> socket.socket:
    """Return a socket that listens at a place, such as `127.0.0.1:9464`.

    Raises:
        ConfigError: the place cannot be listened on.
    """
    host, _, port = place.rpartition(":")
    return bind(host, int(port), advice="set RECEIVER_METRICS or --listen to another place")


async def _free(place: str) -> socket.socket:
    said = False
    while True:
        try:
            return listen(place)
        except ConfigError as exc:
            if not said:
                log.error("there are no metrics yet: %s", exc)
            said = True
        await asyncio.sleep(AGAIN_SECONDS)


def application(exposition: Exposition) -> Starlette:
    """Return the ASGI application that answers scrapes."""
    return Starlette(routes=[Route("/metrics", _metrics(exposition)), Route("/", _root)])


async def answer(
    configured: Settings, url: str, handlers: Mapping[str, Handler], listener: socket.socket, stop: asyncio.Event
) -> None:
    """Answer scrapes on a socket until `stop` is set."""
    deadlines = Deadlines()
    connections = Connections(url, size=1, statement_seconds=deadlines.collect)
    try:
        await serve(application(Exposition(connections, configured, handlers)), listener, stop, bounds=BOUNDS)
    finally:
        connections.close()


async def keep(configured: Settings, url: str, handlers: Mapping[str, Handler], place: str) -> None:
    """Answer scrapes at a place until cancelled. While it is taken, for example by an older process, wait for it."""
    stop, listener = asyncio.Event(), await _free(place)
    with listener:
        answering = asyncio.create_task(answer(configured, url, handlers, listener, stop))
        try:
            await asyncio.shield(answering)
        finally:
            stop.set()
            await answering


def _metrics(exposition: Exposition) -> Callable[[Request], Awaitable[Response]]:
    async def metrics(request: Request) -> Response:
        text, kind = await exposition.render(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": kind})

    return metrics


async def _root(_: Request) -> Response:
    return PlainTextResponse("metrics are at /metrics\n")

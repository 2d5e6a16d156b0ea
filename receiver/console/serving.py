"""Run the console: listen, answer, and end cleanly."""

import asyncio
import logging
import socket
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from receiver.console import access
from receiver.console.app import application
from receiver.console.state import Console
from receiver.errors import ConfigError, ReceiverError
from receiver.handling import Handler
from receiver.health.organs import Organs
from receiver.server import bind, serve
from receiver.server.bounds import SERVICE
from receiver.settings import Settings, addresses

log = logging.getLogger(__name__)

USUAL = "127.0.0.1:8080"
BOUNDS = replace(SERVICE, connections=300)
AGAIN_SECONDS = 5.0
HERE = ("127.0.0.1", "::1", "localhost")


def listen(place: str) -> socket.socket:
    """Return a socket that listens at a place, such as `127.0.0.1:8080`.

    Raises:
        ConfigError: the place cannot be listened on.
    """
    host, _, port = place.rpartition(":")
    return bind(host, int(port), advice="set RECEIVER_CONSOLE or --port to another place")


def require_closed(configured: Settings, place: str) -> None:
    """Refuse a console that others can reach, and that no token closes.

    Raises:
        ConfigError: no token is set, or both are the same.
    """
    token, reading = configured.console_tokens
    if token and token == reading:
        raise ConfigError("RECEIVER_CONSOLE_READ_TOKEN is RECEIVER_CONSOLE_TOKEN too: take another one")
    if addresses.bare(place.rpartition(":")[0]) not in HERE and not token and not reading:
        raise ConfigError(
            f"the console would listen on {place}, where others come: set RECEIVER_CONSOLE_TOKEN to a long random text"
        )


async def answer(
    configured: Settings, url: str, handlers: Mapping[str, Handler], listener: socket.socket, stop: asyncio.Event
) -> None:
    """Answer requests on a socket until `stop` is set."""
    host, port = listener.getsockname()[:2]
    console = Console(configured, url, handlers, port=port)
    ending = asyncio.create_task(_end(console, stop))
    try:
        async with Organs(
            {"changes": console.changes.watch, "address": partial(_note, console, addresses.here(host, port))}
        ):
            await serve(application(console), listener, stop, bounds=BOUNDS)
    finally:
        ending.cancel()
        console.close()


async def _note(console: Console, address: str) -> None:
    """Note where the console is, as soon as the database answers."""
    while True:
        try:
            await console.read(lambda db: access.note_address(db, address))
        except ReceiverError as exc:
            log.debug("the console's address is not noted yet: %s", exc)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return


async def _end(console: Console, stop: asyncio.Event) -> None:
    """End the streams when the server ends: it would wait for them."""
    await stop.wait()
    console.ending.set()
    console.changes.end()

"""`mcp`: a server of the Model Context Protocol, for assistants."""

import importlib.util
import logging
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from receiver.cli.opening import database_url
from receiver.cli.options import WholeRange, examples
from receiver.cli.process import configure, run, stop_event
from receiver.errors import ConfigError
from receiver.health.start import check
from receiver.logs.extras import to_install
from receiver.server import bind
from receiver.settings import Settings
from receiver.settings.addresses import LAST_PORT

if TYPE_CHECKING:
    from receiver.handling import Handler

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
END_SECONDS = 2.0


@click.command(epilog=examples("receiver mcp", "receiver mcp --allow-replay", "receiver mcp --http 8090"))
@click.option("--http", "port", type=WholeRange(1, LAST_PORT), help="Answer on this port of 127.0.0.1, not on stdio.")
@click.option("--allow-replay", is_flag=True, help="Let assistants run an event's jobs again.")
def mcp(*, port: int | None, allow_replay: bool) -> None:
    """Answer the questions of an assistant, by the Model Context Protocol, until its end or Ctrl-C.

    The assistant starts this command itself, and speaks over its standard input and output. With --http it asks on a
    port of this machine instead, with the token of RECEIVER_MCP_TOKEN. It can search and read transcripts, and see
    events and dead jobs; it can change nothing without --allow-replay. With that, start this command in your project's
    folder: handlers are looked for there.
    """
    if importlib.util.find_spec("mcp") is None:
        raise ConfigError(f"`receiver mcp` needs the extra `mcp`: {to_install('mcp')}")
    from receiver.assistants.stdio import own_output  # noqa: PLC0415 - needs the extra

    with ExitStack() as stack:
        output = stack.enter_context(own_output())
        configured = configure(for_long=True)
        listener = None if port is None else stack.enter_context(_listener(configured, port))
        url = stack.enter_context(database_url(configured))
        handlers = _handlers(configured) if allow_replay else None
        run(_answer(configured, url, handlers, listener or output), end_within=END_SECONDS)


def _listener(configured: Settings, port: int) -> socket.socket:
    if not configured.assistants_token:
        raise ConfigError("set RECEIVER_MCP_TOKEN to a long random text: programs of others on this machine could ask")
    return bind(HOST, port, advice="pass another port to --http")


def _handlers(configured: Settings) -> "Mapping[str, Handler]":
    from receiver.handling import discovery  # noqa: PLC0415 - only replays need handlers

    # Not quietly: an assistant starts us in whatever folder, and the log says if no handlers of the user's are there.
    return discovery.load(configured)


async def _answer(
    configured: Settings, url: str, handlers: "Mapping[str, Handler] | None", on: socket.socket | int
) -> None:
    """Answer on a listening socket, or else on a descriptor of standard output."""
    from receiver.assistants import serving  # noqa: PLC0415 - needs the extra
    from receiver.assistants.state import State  # noqa: PLC0415 - the same

    await check(url)
    stop, state = stop_event(), State(configured, url, handlers)
    if isinstance(on, int):
        await serving.speak(state, sys.stdin.fileno(), on, stop)
        return
    log.info("assistants can ask at http://%s:%s%s", *on.getsockname(), serving.PATH)
    await serving.answer(state, configured.assistants_token, on, stop)

"""`console`: pages to look at what happens, and to act."""

import logging
import socket

import click

from receiver import console as pages
from receiver.cli.opening import with_database
from receiver.cli.options import WholeRange, examples, until_eof
from receiver.cli.process import configure, handlers_if_any, run, stop_event
from receiver.cli.up.line import beat, report_ready
from receiver.console import access
from receiver.console.access import Access
from receiver.database import Database
from receiver.database.opening import open_database
from receiver.errors import ConfigError, ImpossibleError
from receiver.health.organs import Organs
from receiver.health.start import check
from receiver.server import inherit
from receiver.settings import Settings, addresses
from receiver.settings.addresses import LAST_PORT, OFF

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 2.0


@click.command(epilog=examples("receiver console", "receiver console --port 8090", "receiver console --link"))
@click.option("--port", type=WholeRange(1, LAST_PORT), help="Listen on this port instead of that of RECEIVER_CONSOLE.")
@click.option("--link", is_flag=True, help="Print a link that signs you in, and end. The console must run.")
@click.option("--listener", "descriptor", type=int, hidden=True)  # the socket that `up` has bound and keeps open
@until_eof
def console(*, port: int | None, link: bool, descriptor: int | None, until_eof: bool) -> None:
    """Show pages in the browser until Ctrl-C: what happens, what is dead and why, and what to do about it.

    Whoever can read the database can sign in: --link prints a link that works for ten minutes, in a browser on the same
    machine. From elsewhere the console is closed, unless RECEIVER_CONSOLE_TOKEN is set and RECEIVER_CONSOLE says where
    to listen. `receiver up` runs a console too.
    """
    configured = configure(for_long=not link)
    place = _place(configured, port)
    if link:
        click.echo(with_database(configured, lambda db: sign_in_link(db, None if port is None else _here(place))))
        return
    pages.require_closed(configured, place)
    with (
        pages.listen(place) if descriptor is None else inherit(descriptor) as here,
        open_database(configured, create=False, patience=PATIENCE_SECONDS) as url,
    ):
        run(_answer(configured, url, here, has_line=until_eof), end_within=PATIENCE_SECONDS)


async def sign_in_link(db: Database, address: str | None) -> str:
    """Return a link to the console at an address; by default to the one that runs on this machine."""
    address = address or await access.address(db)
    if address is None:
        raise ImpossibleError("no console has ever run on this machine: run `receiver console`, or `receiver up`")
    return Access(await access.read_key(db)).link(address)


async def _answer(configured: Settings, url: str, listener: socket.socket, *, has_line: bool) -> None:
    await check(url)
    stop, here = stop_event(with_stdin=has_line), addresses.here(*listener.getsockname()[:2])
    async with Organs({"line": beat} if has_line else {}):
        log.info("the console is at %s; `receiver console --link` prints a link that signs you in", here)
        if has_line:
            report_ready()
        await pages.answer(
            configured, url, handlers_if_any(configured, "the console can replay nothing"), listener, stop
        )


def _place(configured: Settings, port: int | None) -> str:
    place = configured.console or pages.USUAL
    if port is None and place == OFF:
        raise ConfigError("RECEIVER_CONSOLE is off: pass --port")
    if port is None:
        return place
    host = pages.USUAL if place == OFF else place
    return f"{host.rpartition(':')[0]}:{port}"


def _here(place: str) -> str:
    host, _, port = place.rpartition(":")
    return addresses.here(host, int(port))

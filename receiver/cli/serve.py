"""`serve`: the web process, from its start to its end."""

import asyncio
import logging
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

import click

from receiver import database
from receiver.cli import startup
from receiver.cli.options import WholeRange, examples, until_eof
from receiver.cli.process import collect_seldom, configure, event_at, load_handlers, stop_event
from receiver.cli.up.line import beat, report_ready
from receiver.database import Connections, embedded
from receiver.errors import StoreUnavailableError
from receiver.handling import Handler, discovery
from receiver.health import Finding, advice, checks, start, watchdog
from receiver.health.metrics import page
from receiver.health.presence import Presence
from receiver.inbox.spool.opening import open_spool
from receiver.server import bind, inherit
from receiver.server import serve as serve_on
from receiver.server.bounds import SERVICE as BOUNDS
from receiver.server.bounds import Bounds
from receiver.settings import Settings, addresses
from receiver.settings.addresses import OFF
from receiver.web import Receiver, Submissions, application
from receiver.web.store import SERVICE
from receiver.webhooks import registration
from receiver.webhooks.keyring import Keyring
from receiver.webhooks.registrar import CONNECTIONS, Registrar

log = logging.getLogger(__name__)

LAST_DRAIN_SECONDS = 5.0
SUBMITTING = 2  # connections, opened when they are needed


@click.command(epilog=examples("receiver serve", "PORT=8080 receiver serve --host 0.0.0.0"))
@click.option("--host", help="Listen on this host instead of HOST (127.0.0.1).")
@click.option("--port", type=WholeRange(1, 65535), help="Listen on this port instead of PORT (8000).")
@click.option("--listener", "descriptor", type=int, hidden=True)  # the socket that `up` has bound and keeps open
@click.option("--shared", is_flag=True, hidden=True)  # whether other processes accept from this socket too
@until_eof
def serve(host: str | None, port: int | None, *, descriptor: int | None, shared: bool, until_eof: bool) -> None:
    """Answer deliveries. Register the webhook too if PUBLIC_URL and TRANSCRIBE_API_KEY are set."""
    configured = configure(for_long=True)
    listener = bind(host or configured.host, port or configured.port) if descriptor is None else inherit(descriptor)
    with listener:
        work = partial(_serve, configured, listener, replace(BOUNDS, shared=shared), has_line=until_eof)
        startup.run_for_long(configured, work, quiet=until_eof)


def most_connections(configured: Settings) -> int:
    """Return how many connections a web process can open: for deliveries and submissions, to register and to listen."""
    return Connections.SIZE + SUBMITTING + CONNECTIONS * len(configured.in_use) + 1


async def _serve(configured: Settings, listener: socket.socket, bounds: Bounds, url: str, *, has_line: bool) -> None:
    """Answer requests until a signal says to stop, or until the line to `up` closes, if there is one."""
    handlers = load_handlers(configured, quiet=has_line)
    has_database = await start.check(url)
    connections = Connections(url, statement_seconds=SERVICE.statement)
    if configured.spool_dir is None:
        embedded.prepare(configured.data_dir)  # the spool's folder is in the data folder
    receiver, submissions = _receiver(configured, connections, handlers, url), _submissions(configured, url)
    stop, relieved = stop_event(with_stdin=has_line), event_at(signal.SIGUSR1)
    if has_database:
        await receiver.keyring.read_again()
    else:
        receiver.store.leave(StoreUnavailableError("the database did not answer at the start"))
    await receiver.store.make_ready()
    presence = Presence(
        connections, kind="web", api_url=configured.chosen.api_url, counts=receiver.counts, told=receiver.told
    )
    _add_organs(receiver, configured, url, presence, has_line=has_line)
    async with receiver.organs:
        for finding in checks.spool_folder(configured):
            log.info("%s", finding.said)
        if has_line and await _has_secrets(receiver.keyring, stop, relieved):
            report_ready()
        here, found = addresses.here(*listener.getsockname()[:2]), discovery.listed(handlers.values())
        number = "1 handler" if len(handlers) == 1 else f"{len(handlers)} handlers"
        log.info("listening on %s with %s: %s", here, number, found)
        collect_seldom()
        app = application(receiver, submissions.routes)
        await serve_on(app, listener, stop, relieved=relieved, bounds=bounds)
    await receiver.close()
    with suppress(TimeoutError):  # the rest waits on disk for the next process
        async with asyncio.timeout(LAST_DRAIN_SECONDS):
            await receiver.store.drain()
    await receiver.store.close()
    await presence.leave()
    submissions.close()
    connections.close()


def _receiver(configured: Settings, connections: Connections, handlers: Mapping[str, Handler], url: str) -> Receiver:
    return Receiver(
        connections=connections,
        spool=open_spool(configured),
        handlers=handlers,
        url=url,
        accounts=configured.webhook_accounts,
        accepts_old=configured.stale == "accept",
    )


def _submissions(configured: Settings, url: str) -> Submissions:
    """Return the routes for programs that submit. They cannot use up the connections of deliveries."""
    connections = Connections(url, size=SUBMITTING, statement_seconds=SERVICE.statement)
    return Submissions(
        token=configured.token_digest, connections=connections, account_of=configured.account_of,
        seconds=SERVICE.database,
    )  # fmt: skip


def _add_organs(receiver: Receiver, configured: Settings, url: str, presence: Presence, *, has_line: bool) -> None:
    """Add the organs of a web process to those of the receiver."""
    organs = receiver.organs
    organs.add("listener", partial(database.listen, url, registration.CHANNEL, receiver.keyring.hurry))
    for one in configured.in_use:
        registrar = Registrar(one, url)
        organs.add(f"registration{one.chosen.mark}", registrar.keep)
        receiver.more_findings.append(partial(_registration, registrar))
    presence.add_to(organs)
    organs.add("watchdog", partial(watchdog.watch, stuck=watchdog.end))
    if has_line:
        organs.add("line", beat)  # and `up` has a process for metrics
    elif configured.metrics not in (None, OFF):
        organs.add("metrics", partial(page.keep, configured, url, receiver.handlers, configured.metrics))


def _registration(registrar: Registrar) -> list[Finding]:
    return advice.registration(
        mark=registrar.account.mark, option=registrar.account.option, is_refused=registrar.is_refused
    )


async def _has_secrets(keyring: Keyring, *ends: asyncio.Event) -> bool:
    """Wait until the keyring is usable or one of `ends` is set. Return whether the keyring is usable.

    A process that does not know the secrets must not replace one that knows them. Until then the old process answers.
    """
    waiting = [asyncio.create_task(event.wait()) for event in (keyring.is_usable, *ends)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    return keyring.is_usable.is_set()

"""`serve`, `work` and `migrate`: what a platform runs."""

import asyncio
import logging
import signal
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial

import click

from receiver import database, egress, embedded, jobs, migrations, registration, registry, watchdog
from receiver.cli import environment, killed
from receiver.cli.children import run_once
from receiver.cli.line import beat, tell_ready
from receiver.cli.running import (
    configure,
    event_at,
    examples,
    hurry_event,
    open_database,
    open_provider,
    open_spool,
    run,
    stop_event,
    tell,
    until_eof,
)
from receiver.database import Connections, query
from receiver.errors import ImpossibleError, StartupError, StoreMisconfiguredError, StoreUnavailableError
from receiver.handling import Handler
from receiver.health import advice
from receiver.organs import Organs
from receiver.presence import Presence
from receiver.session import read_queries
from receiver.settings import Settings
from receiver.web import Receiver, address, application, bind, inherit
from receiver.web import serve as serve_on
from receiver.web.keyring import Keyring
from receiver.web.store import SERVICE
from receiver.webhooks.registrar import Registrar
from receiver.worker import Deadlines, Lapsed, Leases, Worker, note_lent

log = logging.getLogger(__name__)

CLAIM_SECONDS = 3.0
START_WITHOUT_SECONDS = 2.0  # until we answer, deliveries wait in the listener's queue; the provider waits 10 s
CHECK_SECONDS = 2.0
LAST_DRAIN_SECONDS = 5.0
ENDING_SECONDS = 3.0


@click.command(epilog=examples("receiver migrate", "DATABASE_URL=postgresql://… receiver migrate"))
def migrate() -> None:
    """Bring the database's schema up to this code's version. Safe to repeat, and for several at once."""
    configured = configure()

    async def main(url: str) -> None:
        connection = await database.connect(url)
        try:
            applied = await migrations.migrate(connection)
        finally:
            await connection.close()
        tell(f"migrated to {applied[-1]}" if applied else "the schema is up to date")

    with open_database(configured, create=True) as url:
        run(main(url))


@click.command(epilog=examples("receiver serve", "PORT=8080 receiver serve --host 0.0.0.0"))
@click.option("--host", help="Listen here instead of on HOST (127.0.0.1).")
@click.option("--port", type=click.IntRange(1, 65535), help="Listen here instead of on PORT (8000).")
@click.option("--listener", "descriptor", type=int, hidden=True)  # `up` has bound it, and holds it open
@until_eof
def serve(host: str | None, port: int | None, *, descriptor: int | None, until_eof: bool) -> None:
    """Answer deliveries. Registers by itself when PUBLIC_URL and TRANSCRIBE_API_KEY are set."""
    configured = configure(for_long=True)
    listener = bind(host or configured.host, port or configured.port) if descriptor is None else inherit(descriptor)

    async def main(url: str) -> None:
        handlers = registry.load(configured.handlers)
        is_there = await _check_start(url)
        connections = Connections(url, statement_seconds=SERVICE.statement)
        if configured.spool_dir is None:
            embedded.prepare(configured.data_dir)  # the spool's folder lies in it
        receiver = _receiver(configured, connections, handlers, url)
        stop, relieved = stop_event(with_stdin=until_eof), event_at(signal.SIGUSR1)
        keyring = receiver.keyring
        if is_there:
            await keyring.read_again()
        await receiver.store.make_ready()
        registrar = Registrar(configured, url, partial(open_provider, configured, url))
        receiver.found_elsewhere.append(lambda: advice.registration(is_refused=registrar.is_refused))
        presence = Presence(connections, kind="web", api_url=configured.api_url)
        organs = receiver.organs
        organs.add("listener", partial(database.listen, url, registration.CHANNEL, keyring.hurry))
        organs.add("registration", registrar.keep)
        organs.add("presence", presence.keep)
        organs.add("watchdog", partial(watchdog.watch, stuck=watchdog.end))
        if until_eof:
            organs.add("line", beat)
        async with organs:
            if configured.database_url is not None and configured.spool_dir is None:
                where = open_spool(configured).folder.path
                log.info(
                    "what the database cannot take waits in %s: set RECEIVER_SPOOL_DIR to a disk that stays", where
                )
            if until_eof and await _knows(keyring, stop, relieved):
                tell_ready()
            here, found = address(*listener.getsockname()[:2]), registry.listed(handlers.values())
            log.info("listening on %s with %d handlers: %s", here, len(handlers), found)
            await serve_on(application(receiver), listener, stop, relieved=relieved)
        receiver.close()
        with suppress(TimeoutError):  # what is left waits on the disk for the next process
            async with asyncio.timeout(LAST_DRAIN_SECONDS):
                await receiver.store.drain()
        await receiver.store.close()
        await presence.leave()
        connections.close()

    _warn_embedded(configured, quiet=until_eof)
    with listener, open_database(configured, create=True, patience=START_WITHOUT_SECONDS) as url:
        run(main(url), end_within=ENDING_SECONDS)


async def _knows(keyring: Keyring, *ends: asyncio.Event) -> bool:
    """Wait until secrets were read, or some are known; whoever knows none must not replace a process that does.

    Nobody is answered until then: the process that is to be replaced does that.
    """
    waiting = [asyncio.create_task(event.wait()) for event in (keyring.is_usable, *ends)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    return keyring.is_usable.is_set()


def _receiver(configured: Settings, connections: Connections, handlers: Mapping[str, Handler], url: str) -> Receiver:
    return Receiver(
        connections=connections, spool=open_spool(configured), handlers=handlers, url=url, api_url=configured.api_url,
        configured_secrets=configured.own_secrets,
    )  # fmt: skip


@click.command(epilog=examples("receiver work", "RECEIVER_LANES=2 receiver work"))
@click.option("--lapsed", is_flag=True, hidden=True)  # a worker starts itself so, see `worker.lapsed`
@until_eof
def work(*, lapsed: bool, until_eof: bool) -> None:
    """Run handlers. Start as many as you like, on as many machines as share the database."""
    configured = configure(for_long=True)
    lanes = 1 if lapsed else configured.lanes

    async def main(url: str) -> None:
        killed.offer("self", killed.WORKER)  # not before: what serves the embedded database may be ours
        start = environment.remember()
        handlers = registry.load(configured.handlers)
        await _check_start(url)
        stop = stop_event(with_stdin=until_eof)
        hurry = hurry_event(stop)
        async with (
            database.pool(url, size=2 * lanes + 4, lent=note_lent) as db,
            open_provider(configured, url, retries=()) as provider,
            egress.Clients(timeout=10) as http,
            Organs({"line": beat} if until_eof else {}),
        ):
            connections = Connections(url, statement_seconds=Deadlines().server)
            lease = timedelta(seconds=configured.lease_seconds)
            worker = Worker(
                connections=connections, db=db, handlers=handlers, provider=provider, http=http,
                formats=configured.timestamps, lanes=lanes, lapsed=lapsed,
                lease=lease, poll=timedelta(seconds=configured.poll_seconds),
            )  # fmt: skip
            presence = Presence(connections, kind="worker", api_url=configured.api_url, trouble=worker.trouble)
            others = Lapsed(
                connections, handlers=handlers, api_url=configured.api_url, lease=lease,
                poll=timedelta(seconds=configured.poll_seconds),
                run=partial(
                    run_once, "work", "--lapsed", environment=start.environment, folder=start.folder, hurry=hurry,
                    ending=configured.shutdown_seconds + 2 * ENDING_SECONDS,
                ),
            )  # fmt: skip
            listening = partial(database.listen, url, jobs.CHANNEL, worker.wake)
            organs = Organs()
            if not lapsed:
                organs = Organs({"listener": listening, "presence": presence.keep, "lapsed": others.watch})
            async with Leases(url, lease=lease, held=worker.held, lost=worker.lose, stuck=watchdog.end):
                async with organs:
                    if until_eof:
                        tell_ready()
                    said = "taking what another worker left behind, with" if lapsed else "working with"
                    log.info("%s %d lanes for %s", said, lanes, registry.listed(handlers.values()))
                    await _work_until(stop, worker)
                within = timedelta(seconds=configured.shutdown_seconds)
                await asyncio.gather(presence.leave(), others.end(), _stop(worker, within, hurry))
            connections.close()
            if not lapsed and not stop.is_set():
                raise ImpossibleError(
                    "too many handlers go on although they were told to stop; ending with them, for another worker "
                    "to take the place of this one"
                )

    _warn_embedded(configured, quiet=until_eof)
    with open_database(configured, create=True, patience=START_WITHOUT_SECONDS) as url:
        run(main(url), end_within=ENDING_SECONDS)


async def _work_until(stop: asyncio.Event, worker: Worker) -> None:
    """Claim jobs until told to stop; where claiming ends by itself, so does the process."""
    working, stopping = asyncio.create_task(worker.run()), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    worker.leave()
    await asyncio.wait({working}, timeout=CLAIM_SECONDS)
    if working.done():
        working.result()
    working.cancel()


async def _stop(worker: Worker, within: timedelta, hurry: asyncio.Event) -> None:
    """Let what the worker holds end `within`, or until it is to hurry; the rest is stopped and given back."""
    stopping, hurrying = asyncio.create_task(worker.stop(within=within)), asyncio.create_task(hurry.wait())
    await asyncio.wait({stopping, hurrying}, return_when=asyncio.FIRST_COMPLETED)
    hurrying.cancel()
    if not stopping.done():
        stopping.cancel()
        await asyncio.wait({stopping})
        await worker.stop(within=timedelta(0))
    else:
        stopping.result()


def _warn_embedded(configured: Settings, *, quiet: bool) -> None:
    if configured.database_url is None and not quiet:
        log.warning(
            "DATABASE_URL is not set: using the embedded database in %s. "
            "On a platform whose disk vanishes with every deploy, everything stored vanishes with it",
            embedded.locate(configured.data_dir).path,
        )


async def _check_start(url: str) -> bool:
    """Refuse what can never work, warn of a server that forgets; returns whether the database answered.

    Raises:
        SchemaError: the schema is too old, or the role may not use it.
        StartupError: the database cannot be connected to as it is configured.
    """
    read_queries()
    migrations.latest()
    for mistake in egress.mistakes():
        log.error("%s; whoever is asked that way is not reached", mistake)
    connections = Connections(url, size=1)
    try:
        await connections.run(migrations.require, seconds=CHECK_SECONDS)
        durable = await connections.run(lambda c: c.fetchrow(query("durability")), seconds=CHECK_SECONDS)
    except StoreMisconfiguredError as exc:  # no outage: what it spools would never be stored
        raise StartupError(str(exc.__cause__)) from exc
    except StoreUnavailableError as exc:
        log.warning("%s; starting without it", exc)
        return False
    finally:
        connections.close()
    if durable is not None and not all(durable.values()):
        off = " and ".join(name for name, holds in durable.items() if not holds)
        log.error("this server runs with %s off: what is stored does not survive a crash", off)
    return True

"""Collect all findings. A finding that cannot be made yet, for lack of another one, is left out."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain

from receiver import database
from receiver.database import TROUBLE, Connection, database_id, dsn, outages
from receiver.database.opening import open_database
from receiver.errors import ConfigError, HandlerLoadError, StartupError, StoreUnavailableError
from receiver.handling import Handler, discovery, ending
from receiver.health import advice, around, checks, feeds, postgres, presence, snapshots, submitted, telling
from receiver.health.finding import Finding
from receiver.inbox import jobs, listing, spooled
from receiver.inbox.spool import Spool
from receiver.inbox.spool.opening import open_spool
from receiver.providers import TranscribeSo
from receiver.providers.opening import open_client
from receiver.settings import Settings
from receiver.submissions import announcing
from receiver.webhooks import doubts, secrets

SECONDS = 10.0
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Subjects:
    """What is looked at, beside the settings and the provider.

    Attributes:
        place: the database's URL, or why there is none.
        handlers: the handlers, or why they cannot be loaded.
        spool: the spool of this user's web processes on this machine, as a value of its own: a thread uses it.
    """

    place: str | StartupError
    handlers: Mapping[str, Handler] | HandlerLoadError
    spool: Spool


@dataclass(frozen=True, slots=True)
class Seen:
    """The findings about the database, and what other findings need from it.

    Attributes:
        findings: about the database and its content.
        name: the database's id; None if it does not answer, or its schema does not fit.
        is_well: whether other checks can use it.
        secrets: the known secrets that verify at a webhook, the default account's first.
    """

    findings: list[Finding]
    name: str | None = None
    is_well: bool = False
    secrets: tuple[bytes, ...] = field(default=(), repr=False)


@contextmanager
def subjects(configured: Settings, *, patience: float | None = None) -> Iterator[Subjects]:
    """Open what is configured, for a survey. What cannot be opened is there as its error. This can block for a minute.

    A process that has the database and the handlers open already makes the `Subjects` of these. `patience` is how many
    seconds to wait for an embedded database that does not answer yet.
    """
    place: str | StartupError
    with ExitStack() as stack:
        try:
            place = stack.enter_context(open_database(configured, create=False, patience=patience))
        except StartupError as exc:
            place = exc
        yield Subjects(place, _handlers(configured), open_spool(configured))


def _handlers(configured: Settings) -> Mapping[str, Handler] | HandlerLoadError:
    try:
        return discovery.load(configured, quiet=True)
    except HandlerLoadError as exc:
        return exc


async def survey(configured: Settings, subjects: Subjects) -> list[Finding]:
    """Return all findings, in an order in which each explains the next."""
    here, seen = await _here(configured, subjects)
    url = subjects.place if seen.is_well and isinstance(subjects.place, str) else None
    return [
        *here,
        *await around.reachable(configured, seen.secrets or secrets.own(configured)),
        *await _providers(configured, url),
        *await submitted.accounts(configured, url),
        *await submitted.buckets(configured),
    ]


async def at_home(configured: Settings, subjects: Subjects) -> list[Finding]:
    """Return the findings for which nobody is asked but the database and this machine."""
    return (await _here(configured, subjects))[0]


async def _here(configured: Settings, subjects: Subjects) -> tuple[list[Finding], Seen]:
    # The trial of the spool waits for the disk, and the database for its server.
    trying = asyncio.create_task(asyncio.to_thread(_try_out, configured, subjects.spool))
    seen = await _database(configured, subjects)
    url = subjects.place if isinstance(subjects.place, str) else None
    findings = [
        checks.settings(configured),
        checks.loaded(subjects.handlers),
        *seen.findings,
        await asyncio.to_thread(_spool, subjects.spool, await trying, seen.name, url),
        *submitted.artifacts_folder(configured),
        *await asyncio.to_thread(submitted.files_folder, configured),
        *await asyncio.to_thread(checks.notify, configured),
    ]
    return findings, seen


def those_of(subjects: Subjects) -> Mapping[str, Handler]:
    """Return the handlers; none if they cannot be loaded."""
    return {} if isinstance(subjects.handlers, HandlerLoadError) else subjects.handlers


async def stored(connection: Connection, url: str, configured: Settings, handlers: Mapping[str, Handler]) -> Seen:
    """Return the findings about the database and its content."""
    server, schema = await postgres.server(connection, url, configured), await postgres.usable(connection)
    if not schema.holds:
        return Seen([server, schema])
    found = await inside(connection, configured, handlers)
    name = await database_id(connection)
    return Seen(
        [server, schema, *found.findings], name, is_well=server.holds, secrets=found.secrets if server.holds else ()
    )


async def inside(connection: Connection, configured: Settings, handlers: Mapping[str, Handler]) -> Seen:
    """Return the findings about what the database has in it. Each statement reads little however much that is."""
    api_url = configured.chosen.api_url
    counts = await jobs.counts(connection, [account.id for account in configured.accounts])
    # Where handlers cannot be loaded, nobody knows which exist.
    known_handlers = [*handlers, jobs.SUBMISSIONS] if handlers else []
    known = await secrets.read(connection, [account.id for account in configured.webhook_accounts])
    verifying = [(one, secrets.of_webhook(one.chosen, known)) for one in configured.in_use]
    findings = [
        advice.orphans(counts, known_handlers),
        checks.worker(await presence.missing_worker(connection, handlers=handlers, api_url=api_url)),
        checks.processes(await telling.processes(connection, api_url)),
        await checks.oldest(connection, known_handlers, configured),
        await postgres.clock(connection, api_url),
        await snapshots.old(connection),
        checks.dead(counts, known_handlers),
        await submitted.waiting(connection),
        *checks.targets(configured, await ending.ended(connection)),
        advice.elsewhere(counts),
        advice.doubted(await doubts.counts(connection, api_url)),
        *advice.arrivals(
            await listing.recent_types(connection, api_url),
            handlers.values(),
            configured.chosen.source,
            known=announcing.known_types(),
        ),
        *[await checks.secret(connection, one, its) for one, its in verifying],
        *[found for one, _ in verifying for found in await feeds.transcriptions(connection, one.chosen)],
        *[await feeds.feed_of(connection, one.chosen, its) for one, its in verifying if its],
    ]
    return Seen(findings, secrets=tuple(secret for _, its in verifying for secret in its))


async def _database(configured: Settings, subjects: Subjects) -> Seen:
    place = subjects.place
    if isinstance(place, StartupError):
        return _unseen(place)
    try:
        connection = await database.connect(place, seconds=SECONDS)
    except (StoreUnavailableError, ConfigError) as exc:
        return _unseen(exc)
    try:
        return await stored(connection, place, configured, those_of(subjects))
    except TROUBLE as exc:
        return _unseen(outages.of_work(exc))
    finally:
        connection.terminate()


def _unseen(why: Exception) -> Seen:
    return Seen([Finding("database", holds=False, seen=str(why))])


def _try_out(configured: Settings, spool: Spool) -> str | None:
    """Try the spool as the web processes do, and return what is wrong with it."""
    try:
        if configured.spool_dir is not None or spool.folder.configured.parent.exists():
            spool.try_out()
    except OSError as exc:
        return f"in an outage deliveries would be refused: {spool.folder.path} cannot be used ({exc.strerror})"
    return None


def _spool(spool: Spool, trouble: str | None, name: str | None, url: str | None) -> Finding:
    """Return the finding about a spool that was tried."""
    number = 0
    if name is not None and url is not None:
        number = spooled.foreign(spool.records(), name, dsn.fingerprint(url, os.environ))
    found = spool.look()
    found = replace(found, trouble=trouble or found.trouble, foreign=number)
    return checks.spool(found, database_answers=name is not None)


async def _providers(configured: Settings, url: str | None) -> list[Finding]:
    """Ask once for each account, and some of them at the same time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def ask(one: Settings) -> list[Finding]:
        async with turns:
            return [finding.of(one.chosen.mark) for finding in await _provider(one, url)]

    return [*chain.from_iterable(await asyncio.gather(*map(ask, configured.in_use)))]


async def _provider(configured: Settings, url: str | None) -> list[Finding]:
    if configured.chosen.key is None:
        todo = "set TRANSCRIBE_API_KEY: handlers fetch with it"
        return [Finding("provider", holds=False, seen="not asked", todo=todo)]
    async with open_client(TranscribeSo, configured.chosen, url, retries=()) as provider:
        return await around.provider(provider, configured)

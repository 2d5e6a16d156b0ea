"""`work`: a worker process."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial

import click

from receiver import database
from receiver.cli import startup
from receiver.cli.options import examples, until_eof
from receiver.cli.process import configure, event_at, hurry_event, load_handlers, stop_event
from receiver.cli.startup import ENDING_SECONDS
from receiver.cli.up import killed
from receiver.cli.up.children import run_once
from receiver.cli.up.line import beat, report_ready
from receiver.database import Connections
from receiver.errors import ImpossibleError
from receiver.events import COSTS_NOTICE, DEAD_NOTICE, AccountId
from receiver.handling import Handler, discovery
from receiver.health import advice, resources, watchdog
from receiver.health.counts import CALL_SECONDS, CALLS, WAIT_SECONDS, Counts
from receiver.health.organs import Organs
from receiver.health.presence import Presence
from receiver.health.start import check
from receiver.health.telling import Told
from receiver.inbox import attempts, jobs, replays
from receiver.inbox.daily import Daily
from receiver.providers import Source, egress
from receiver.providers.asked import Call
from receiver.providers.opening import CONNECTIONS, open_providers
from receiver.settings import Settings, environment, ready_notify
from receiver.settings.accounts import TRANSCRIBE
from receiver.settings.environment import Start
from receiver.submissions import announcing, balances, working
from receiver.submissions.announcing import Interested
from receiver.submissions.ledger import Ledger
from receiver.submissions.leftovers import Leftovers
from receiver.submissions.library.indexing import Indexing
from receiver.submissions.reconciling import reconciler
from receiver.submissions.shelf import Shelf, open_shelf
from receiver.submissions.watching import Watcher
from receiver.submissions.working import Working
from receiver.worker import Crew, Deadlines, Lapsed, Leases, Notices, Worker, note_lent
from receiver.worker.lapsed import Limits

log = logging.getLogger(__name__)

GIVEN_UP = (
    "too many handlers kept running after they were cancelled; this worker exits and ends them; another can take its "
    "place"
)


@click.command(epilog=examples("receiver work", "RECEIVER_LANES=2 receiver work"))
@click.option("--lapsed", is_flag=True, hidden=True)  # a worker starts a process with this, see `worker.lapsed`
@until_eof
def work(*, lapsed: bool, until_eof: bool) -> None:
    """Run handlers, and send what was submitted, with the keys that are set here.

    Start as many workers as you like, on any machine that can reach the database.
    """
    configured = configure(for_long=True)
    ready_notify.check(configured.notify_addresses)
    startup.run_for_long(configured, partial(_work, configured, lapsed=lapsed, has_line=until_eof), quiet=until_eof)


def most_connections(configured: Settings) -> int:
    """Return how many connections a worker can open, together with its processes for lapsed jobs."""
    fixed = Connections.SIZE + 1 + CONNECTIONS * len(configured.accounts)  # to claim and settle, for leases, of clients
    return (
        _pool_size(configured, lapsed=False) + fixed + 1  # to listen
        + Limits().at_once * (_pool_size(configured, lapsed=True) + fixed)
    )  # fmt: skip


def _pool_size(configured: Settings, *, lapsed: bool) -> int:
    """Return the size of a worker's pool: each lane can hold two connections, and the rest is for the worker."""
    lanes = 1 if lapsed else configured.lanes + configured.calls
    return 2 * lanes + 4


async def _work(configured: Settings, url: str, *, lapsed: bool, has_line: bool) -> None:
    """Run handlers until a signal says to stop, the worker gives up, or the line to `up` closes, if there is one."""
    killed.offer("self", killed.WORKER)  # not earlier: an embedded server that we start would inherit the score
    start = environment.remember()
    handlers = load_handlers(configured, quiet=has_line or lapsed)
    await check(url)
    stop, relieved = stop_event(with_stdin=has_line), event_at(signal.SIGUSR1)
    hurry = hurry_event(stop)
    lease, poll = timedelta(seconds=configured.lease_seconds), timedelta(seconds=configured.poll_seconds)
    interested, shelf = partial(discovery.interested, handlers.values()), open_shelf(configured)
    own, counts = working.handler(Working(interested, shelf, pays=not lapsed)), Counts()
    async with (
        database.pool(url, size=_pool_size(configured, lapsed=lapsed), lent=note_lent) as db,
        open_providers(configured.accounts, url, heard=partial(_count, counts)) as providers,
        egress.Clients(timeout=10) as http,
        Organs({"line": beat} if has_line else {}),
    ):
        connections = Connections(url, statement_seconds=Deadlines().server)
        worker = partial(
            Worker, connections=connections, db=db, providers=providers, http=http, configured=configured,
            lease=lease, poll=poll, counts=counts,
        )  # fmt: skip
        crew = _crew(configured, worker, handlers, own, lapsed=lapsed)
        lapsed_jobs = partial(Lapsed, connections, handlers=[*handlers, own.name], accounts=providers, lease=lease)
        others = lapsed_jobs(poll=poll, run=_for_lapsed(configured, start, hurry))
        organs, presence = _beside(configured, connections, crew, counts, {} if lapsed else {
            "listener": partial(database.listen, url, jobs.CHANNEL, crew.wake), "lapsed": others.watch,
            **_organs(configured, db, providers, interested, shelf),
        })  # fmt: skip
        async with Leases(url, lease=lease, held=crew.held, lost=crew.lose, stuck=watchdog.end):
            async with organs:
                if has_line:
                    report_ready()
                await crew.work_until(stop, relieved)
            ending = crew.stop(configured.shutdown_seconds, configured.calls_shutdown_seconds, end=stop, hurry=hurry)
            await asyncio.gather(presence.leave(), others.end(), ending)
        await presence.leave()  # with the counts of the jobs that have ended meanwhile
        connections.close()
        if not (lapsed or stop.is_set() or relieved.is_set()):
            raise ImpossibleError(GIVEN_UP)


def _count(counts: Counts, account: AccountId, call: Call) -> None:
    """Count a request to a provider."""
    counts.add(CALLS, account.source, account.account, call.endpoint, call.status)
    counts.add(WAIT_SECONDS, account.source, account.account, by=call.waited)
    if call.seconds is not None:
        counts.observe(CALL_SECONDS, call.seconds, account.source)


def _beside(
    configured: Settings, connections: Connections, crew: Crew, counts: Counts,
    organs: Mapping[str, Callable[[], Awaitable[None]]],
) -> tuple[Organs, Presence]:  # fmt: skip
    """Return what goes on beside the jobs, and what keeps this process's row, if anything goes on."""
    beside = Organs(organs)
    presence = Presence(
        connections, kind="worker", api_url=configured.chosen.api_url, trouble=crew.trouble, counts=counts,
        told=partial(_told, beside, _sends_for(configured)),
    )  # fmt: skip
    if organs:
        presence.add_to(beside)
    return beside, presence


async def _told(organs: Organs, sends_for: frozenset[AccountId]) -> Told:
    """Return what this process knows, for others to read."""
    return Told(findings=[organs.finding(), *resources.findings()], sends_for=sends_for)


def _sends_for(configured: Settings) -> frozenset[AccountId]:
    """Return the accounts for which this process sends submissions."""
    able = [one for one in configured.accounts if one.key is not None or one.source != TRANSCRIBE.source]
    return frozenset(one.id for one in able) if configured.calls else frozenset()


def _crew(
    configured: Settings, worker: Callable[..., Worker], handlers: Mapping[str, Handler], own: Handler, *, lapsed: bool
) -> Crew:
    """Return the workers of this process. One for lapsed jobs runs them all one by one, and pays for nothing."""
    if lapsed:
        log.info("running jobs that another worker left behind")
        return Crew(worker(handlers={**handlers, own.name: own}, lanes=1, lapsed=True), None)
    lanes, calls = configured.lanes, configured.calls
    listed, name = discovery.listed(handlers.values()), attempts.this_process()  # `show` prints this name
    log.info("working with %d lanes for %s, as %s", lanes, listed, name)
    for one, pattern, similar in advice.misspelt(handlers.values(), announcing.known_types()):
        log.warning("%s of %s matches no known type of event: is %s meant?", pattern, one.name, similar)
    call_lanes = len(configured.accounts) * calls
    return Crew(
        worker(handlers=handlers, lanes=lanes),
        worker(handlers={own.name: own}, lanes=call_lanes, each=calls) if call_lanes else None,
    )


def _organs(
    configured: Settings, db: database.Pool, providers: Mapping[AccountId, Source], interested: Interested, shelf: Shelf
) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return the organs that go on beside the jobs: looks, comparisons, replays, ledger, library, …."""
    leftovers = Leftovers(db, list(providers), interested, shelf)
    reconciling = reconciler.of(db, providers, configured, interested)
    organs: dict[str, Callable[[], Awaitable[None]]] = {
        "watcher": Watcher(db, providers, interested).watch, "leftovers": leftovers.watch,
        "reconciler": reconciling.watch, "doubts": reconciling.watch_doubts,
        "replays": partial(replays.watch, db), "ledger": Ledger(db).watch,
        "balances": partial(balances.watch, db, providers), "library": Indexing(db).watch,
    }  # fmt: skip
    if any(interested(one, account.source) for one in (DEAD_NOTICE, COSTS_NOTICE) for account in providers):
        thresholds = ready_notify.thresholds(configured.notify_on)
        organs["notices"] = Notices(db, interested, thresholds).watch
    if configured.prune_days is not None:
        organs["retention"] = Daily(db, timedelta(days=configured.prune_days)).watch
    return organs


def _for_lapsed(configured: Settings, start: Start, hurry: asyncio.Event) -> Callable[..., Awaitable[int]]:
    """Return the function that runs a process for lapsed jobs."""
    return partial(
        run_once, "work", "--lapsed", environment=start.environment, folder=start.folder, hurry=hurry,
        ending=configured.shutdown_seconds + 2 * ENDING_SECONDS,
    )  # fmt: skip

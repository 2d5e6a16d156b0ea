"""`work`: a worker process."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import click

from receiver import database
from receiver.cli import startup
from receiver.cli.options import examples, until_eof
from receiver.cli.process import configure, hurry_event, stop_event
from receiver.cli.startup import ENDING_SECONDS
from receiver.cli.up import killed
from receiver.cli.up.children import run_once
from receiver.cli.up.line import beat, report_ready
from receiver.database import Connections
from receiver.errors import ImpossibleError
from receiver.handling import discovery
from receiver.health import watchdog
from receiver.health.organs import Organs
from receiver.health.presence import Presence
from receiver.health.start import check
from receiver.inbox import jobs
from receiver.providers import egress
from receiver.providers.opening import open_providers
from receiver.settings import Settings, environment
from receiver.settings.environment import Start
from receiver.worker import Deadlines, Lapsed, Leases, Worker, note_lent

log = logging.getLogger(__name__)

CLAIM_SECONDS = 3.0
GIVEN_UP = (
    "too many handlers kept running after they were cancelled; this worker exits and ends them; another can take its "
    "place"
)


@click.command(epilog=examples("receiver work", "RECEIVER_LANES=2 receiver work"))
@click.option("--lapsed", is_flag=True, hidden=True)  # a worker starts a process with this, see `worker.lapsed`
@until_eof
def work(*, lapsed: bool, until_eof: bool) -> None:
    """Run handlers. Start as many workers as you like, on any machine that can reach the database."""
    configured = configure(for_long=True)
    startup.run_for_long(configured, partial(_work, configured, lapsed=lapsed, has_line=until_eof), quiet=until_eof)


async def _work(configured: Settings, url: str, *, lapsed: bool, has_line: bool) -> None:
    """Run handlers until a signal says to stop, the worker gives up, or the line to `up` closes, if there is one."""
    killed.offer("self", killed.WORKER)  # not earlier: an embedded server that we start would inherit the score
    start = environment.remember()
    handlers = discovery.load(configured.handlers)
    await check(url)
    stop = stop_event(with_stdin=has_line)
    hurry = hurry_event(stop)
    lanes = 1 if lapsed else configured.lanes
    lease, poll = timedelta(seconds=configured.lease_seconds), timedelta(seconds=configured.poll_seconds)
    async with (
        database.pool(url, size=2 * lanes + 4, lent=note_lent) as db,
        open_providers(configured.accounts, url, retries=()) as providers,
        egress.Clients(timeout=10) as http,
        Organs({"line": beat} if has_line else {}),
    ):
        connections = Connections(url, statement_seconds=Deadlines().server)
        worker = Worker(
            connections=connections, db=db, handlers=handlers, providers=providers, http=http,
            formats=configured.timestamps, lanes=lanes, lapsed=lapsed, lease=lease, poll=poll,
        )  # fmt: skip
        others = Lapsed(
            connections, handlers=handlers, accounts=providers, lease=lease, poll=poll,
            run=_for_lapsed(configured, start, hurry),
        )  # fmt: skip
        presence = Presence(connections, kind="worker", api_url=configured.chosen.api_url, trouble=worker.trouble)
        listening = partial(database.listen, url, jobs.CHANNEL, worker.wake)
        organs = Organs({"listener": listening, "presence": presence.keep, "lapsed": others.watch})
        async with Leases(url, lease=lease, held=worker.held, lost=worker.lose, stuck=watchdog.end):
            async with Organs() if lapsed else organs:
                if has_line:
                    report_ready()
                doing = "running jobs that another worker left behind, with" if lapsed else "working with"
                log.info("%s %d lanes for %s", doing, lanes, discovery.listed(handlers.values()))
                await _work_until(stop, worker)
            await asyncio.gather(presence.leave(), others.end(), _stop(worker, configured.shutdown_seconds, hurry))
        connections.close()
        if not lapsed and not stop.is_set():
            raise ImpossibleError(GIVEN_UP)


def _for_lapsed(configured: Settings, start: Start, hurry: asyncio.Event) -> Callable[..., Awaitable[int]]:
    """Return the function that runs a process for lapsed jobs."""
    return partial(
        run_once, "work", "--lapsed", environment=start.environment, folder=start.folder, hurry=hurry,
        ending=configured.shutdown_seconds + 2 * ENDING_SECONDS,
    )  # fmt: skip


async def _work_until(stop: asyncio.Event, worker: Worker) -> None:
    """Claim jobs until `stop` is set or the worker gives up."""
    working, stopping = asyncio.create_task(worker.run()), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    worker.leave()
    await asyncio.wait({working}, timeout=CLAIM_SECONDS)
    if working.done():
        working.result()
    working.cancel()


async def _stop(worker: Worker, seconds: float, hurry: asyncio.Event) -> None:
    """Give the running jobs `seconds` to end, or until `hurry` is set. Stop the others and give them back."""
    stopping = asyncio.create_task(worker.stop(within=timedelta(seconds=seconds)))
    hurrying = asyncio.create_task(hurry.wait())
    await asyncio.wait({stopping, hurrying}, return_when=asyncio.FIRST_COMPLETED)
    hurrying.cancel()
    if not stopping.done():
        stopping.cancel()
        await asyncio.wait({stopping})
        await worker.stop(within=timedelta(0))
    else:
        stopping.result()

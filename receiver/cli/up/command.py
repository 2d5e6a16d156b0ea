"""`up`: run everything on one machine with one command, and print what happens."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import click

from receiver import database
from receiver.cli.console import sign_in_link
from receiver.cli.options import WholeRange, examples
from receiver.cli.process import configure, event_at, hurry_event, run, stop_event
from receiver.cli.up import room, samples, story
from receiver.cli.up import simulation as simulating
from receiver.cli.up.children import Child, Leaving, Patience
from receiver.cli.up.listeners import Listeners, listening
from receiver.cli.up.simulation import SIMULATED, Simulation
from receiver.database import Pool, embedded, migrations
from receiver.database.opening import open_database
from receiver.errors import ConfigError, ImpossibleError, ProviderError, StartupError
from receiver.handling import discovery
from receiver.health.organs import Organs
from receiver.inbox import listing
from receiver.inbox.happenings import Happenings
from receiver.inbox.spool.opening import open_spool
from receiver.logs import say
from receiver.server import KEEP_ALIVE_SECONDS, bind
from receiver.settings import WEBHOOK_PATH, Settings, addresses, environment
from receiver.settings.environment import Start
from receiver.settings.model import MOST_PROCESSES
from receiver.submissions.working import JOB_SECONDS
from receiver.webhooks import registrar, registration
from receiver.webhooks.secrets import lacking

WEB_ENDS_SECONDS = 20.0
MANY = 100  # workers that leave at once: most have no call under way, and end soon
WORKER_SILENT_SECONDS = 60.0
STORY_ENDS_SECONDS = 3.0
PROCESSES = WholeRange(1, MOST_PROCESSES)


@click.command(
    epilog=examples(
        "receiver up --sandbox",
        "receiver up --sandbox --all",
        "receiver up",
        "receiver up --web 2 --workers 2",
        "PORT=8080 receiver up --sandbox --sandbox-port 9100",
    )
)
@click.option("--sandbox", is_flag=True, help="Run simulated providers too, and send a sample through everything.")
@click.option(
    "--sandbox-port",
    type=WholeRange(1, 65535),
    default=9000,
    show_default=True,
    help="The port of the simulated providers.",
)
@click.option(
    "--all", "everything", is_flag=True,
    help="With --sandbox: a sample through each simulated provider, and two accounts of transcribe.so.",
)  # fmt: skip
@click.option("--web", type=PROCESSES, metavar="N", help="Start N web processes, not RECEIVER_WEB (1).")
@click.option("--workers", type=PROCESSES, metavar="N", help="Start N workers, not RECEIVER_WORKERS (1).")
def up(*, sandbox: bool, sandbox_port: int, everything: bool, web: int | None, workers: int | None) -> None:
    """Run everything on one machine.

    Migrates the database, runs web processes and workers, and prints what happens. Ctrl-C ends it. The console is at
    127.0.0.1:8080 and metrics are at 127.0.0.1:9464, or at the next free ports: RECEIVER_CONSOLE and RECEIVER_METRICS
    move them or switch them off.

    SIGHUP replaces these processes, so that they load changed handlers or code. No delivery is refused.
    """
    if everything and not sandbox:
        raise click.UsageError("--all needs --sandbox: samples go to no real provider")
    unknown, sandbox_url = environment.enter(), f"http://127.0.0.1:{sandbox_port}"
    simulation = simulating.simulate(sandbox_url, everything=everything) if sandbox else None
    configured = configure(unknown, for_long=True)
    configured = configured.model_copy(update={"web": web or configured.web, "workers": workers or configured.workers})
    start = environment.remember()
    if sandbox and configured.port == sandbox_port:
        raise ConfigError(f"PORT and --sandbox-port are both {sandbox_port}: set one of them to another port")
    # Report a mistake in a handler here, once, and not in every process.
    discovery.load(configured)
    if simulation is not None:
        bind("127.0.0.1", sandbox_port, advice="pass another --sandbox-port").close()
        if simulation.left_out:
            say(f"without {', '.join(simulation.left_out)}: `.env` sets them, and samples are not for them")
    with listening(configured) as listeners, open_database(configured, create=True) as url:
        run(_up(configured, listeners, url, simulation, start))


async def _up(
    configured: Settings, listeners: Listeners, url: str, simulation: Simulation | None, start: Start
) -> None:
    stop = stop_event()
    try:
        await _keep(configured, listeners, url, simulation, start, stop=stop)
    except (StartupError, ProviderError):
        if not stop.is_set():
            raise  # after a signal this is no error: our processes might have got the signal too


async def _keep(
    configured: Settings, listeners: Listeners, url: str, simulation: Simulation | None, start: Start,
    *, stop: asyncio.Event,
) -> None:  # fmt: skip
    again, hurry = event_at(signal.SIGHUP), hurry_event(stop)
    longest = max(WEB_ENDS_SECONDS, configured.shutdown_seconds + 10, configured.calls_shutdown_seconds + 10)
    async with database.pool(url, size=room.OURS) as db:
        async with db.acquire() as connection:
            await migrations.migrate(connection)
            await room.check(connection, configured)
        happenings = Happenings(await listing.newest_key(db))
        say(f"data   {_place(configured)}")
        say(f"reload run `kill -HUP {os.getpid()}` after you change a handler; no delivery is refused meanwhile")
        children: list[Child] = []
        try:
            if simulation is not None:
                await _run_until(stop, _start_sandbox(configured, url, db, children, start))
            if stop.is_set():
                return
            web = _web(configured, listeners.web, start, longest=longest)
            others = [
                *_workers(configured, start),
                *_extra("metrics", listeners.metrics, start),
                *_extra("console", listeners.console, start),
            ]
            for child in (*web, *others):
                children.append(child)
                await child.start()
            async with Organs({"story": partial(story.tell, db, happenings)}):
                await _run_until(
                    stop,
                    _open(configured, url, db, web, simulation=simulation, start=start, console=listeners.console),
                    _restart(web, others, again),
                    *(child.keep() for child in children),
                )
        finally:
            listeners.web.close()  # new clients are refused at once, because nothing would answer them
            await _end(children, configured.shutdown_seconds, hurry, longest=longest)
            _say_what_waits(configured)


def _web(configured: Settings, listener: socket.socket, start: Start, *, longest: float) -> list[Child]:
    """Return the web processes. A replaced one leaves when its connections have ended."""
    leaving = Leaving(signal.SIGUSR1, KEEP_ALIVE_SECONDS + longest)
    shared = ["--shared"] if configured.web > 1 else []
    begin = partial(Child, "serve", *shared, folder=start.folder, vital=True, listener=listener, leaving=leaving)
    names = _names("web", configured.web)
    return [begin(name=name, environment=_environment(start, name)) for name in names]


def _workers(configured: Settings, start: Start) -> list[Child]:
    """Return the workers. A replaced one leaves when its calls have ended."""
    # A handler can block its worker for a whole lease. Then the worker ends itself, so wait longer than that.
    patience = Patience(silence=configured.lease_seconds + WORKER_SILENT_SECONDS)
    leaving = Leaving(signal.SIGUSR1, JOB_SECONDS, MANY)
    begin = partial(Child, "work", folder=start.folder, vital=False, patience=patience, leaving=leaving)
    names = _names("worker", configured.workers)
    return [begin(name=name, environment=_environment(start, name)) for name in names]


def _extra(command: str, listener: socket.socket | None, start: Start) -> list[Child]:
    """Return the process of a command that `up` can do without, if it has a socket."""
    if listener is None:
        return []
    return [
        Child(command, environment=_environment(start, command), folder=start.folder, vital=False, listener=listener)
    ]


def _names(kind: str, number: int) -> list[str | None]:
    """Return the names of so many processes of a kind. A single one needs none."""
    return [None] if number == 1 else [f"{kind} {place}" for place in range(1, number + 1)]


def _environment(start: Start, name: str | None) -> dict[str, str]:
    """Return the environment of a process, with its name."""
    return {**start.environment, **({} if name is None else {environment.PROCESS: name})}


async def _end(children: Sequence[Child], seconds: float, hurry: asyncio.Event, *, longest: float) -> None:
    """End the children, the sandbox last. Print that running jobs have `seconds` to finish; `hurry` stops them now."""
    first = [child for child in children if child.name != "sandbox"]
    ending = asyncio.gather(*(child.end(longest) for child in first))
    await asyncio.sleep(0)  # the children get their signal before we print
    if first:
        say(
            f"stopping: running jobs have {seconds:g} s to finish; "
            "press Ctrl-C again to stop them now and put them back in the queue"
        )
    hurrying = asyncio.create_task(_hurry(first, hurry))
    await ending
    hurrying.cancel()
    await asyncio.gather(*(child.end(longest) for child in children))
    if first:
        say("stopped")


async def _hurry(children: Sequence[Child], hurry: asyncio.Event) -> None:
    while True:
        await hurry.wait()
        hurry.clear()
        for child in children:
            child.hurry()


def _say_what_waits(configured: Settings) -> None:
    with suppress(OSError):
        spool = open_spool(configured).look()
        if not spool.is_empty:
            say(f"spool  {spool.used} bytes of deliveries wait on disk; the next start stores them in the database")


async def _run_until(stop: asyncio.Event, *work: Coroutine[Any, Any, None]) -> None:
    """Run coroutines concurrently until `stop` is set, all of them have ended, or one raises."""
    stopping = asyncio.create_task(stop.wait())
    tasks: list[asyncio.Task[Any]] = [stopping, *map(asyncio.create_task, work)]
    waiting = set(tasks)
    try:
        while not stop.is_set() and waiting != {stopping}:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # raises the error of a coroutine
    finally:
        for task in tasks:
            task.cancel()
        # Do not wait for all: a statement might wait for a database that hangs.
        ended, _ = await asyncio.wait(tasks, timeout=STORY_ENDS_SECONDS)
        for task in ended:
            task.cancelled() or task.exception()  # marks its error as retrieved: only the first error is raised


async def _restart(web: Sequence[Child], others: Sequence[Child], again: asyncio.Event) -> None:
    """Each time `again` is set, replace the web processes, then the others, until a new process fails.

    One is replaced after the other, so that there is memory for one more process, and not for twice as many.
    """
    attended = os.isatty(0)
    for child in web:
        await child.ready()
    while True:
        await again.wait()
        if attended and not os.isatty(0):  # a terminal that closes sends SIGHUP too: then we should end
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGHUP)
        again.clear()  # a SIGHUP from here on asks for another restart
        for child in (*web, *others):
            if not await child.replace():
                break
            say(f"restart {child.name} has a new process; the old one finishes its work")


async def _open(
    configured: Settings, url: str, db: Pool, web: Sequence[Child], *, simulation: Simulation | None, start: Start,
    console: socket.socket | None,
) -> None:  # fmt: skip
    """Print the address once every web process is ready. Then submit samples, or say that settings are missing."""
    for child in web:
        await child.ready()
    here = addresses.here(configured.host, configured.port)
    say(f"web    listening on {here}{WEBHOOK_PATH}")
    if console is not None:
        link = await sign_in_link(db, addresses.here(*console.getsockname()[:2]))
        say(f"console {link}")
    if simulation is None:
        first = configured.in_use[0]
        missing = " and ".join(lacking(first))
        if missing and not first.chosen.own_secrets:
            say(f"web    deliveries need a secret: set {missing}; `receiver check` says more")
        return
    first_sample, *_ = [await samples.transcribe(one.chosen, url) for one in configured.in_use]
    if simulation.everything:
        await samples.submit_to_others(configured, url, db)
    command = sys.argv[0] if sys.argv[0].endswith("receiver") else "receiver"
    if first_sample is not None:
        say("       when its jobs are done, run in another terminal:")
        say(f"         {command} transcript {first_sample}")
        say(f"         {command} timestamps {first_sample} --format youtube")
    say("       before you use the sandbox from there (transcribe, submit, check, test-event, …), run:")
    say(f"         {simulation.export_line(configured, here, start.environment)}")


async def _start_sandbox(configured: Settings, url: str, db: Pool, children: list[Child], start: Start) -> None:
    """Start the sandbox, and register the webhooks again, because a new sandbox has none."""
    sandbox_url = configured.chosen.api_url
    real = [api for api in await listing.other_apis(db, sandbox_url) if not api.startswith("http://127.0.0.1:")]
    if real:
        raise ImpossibleError(
            f"this database holds events of {real[0]}; the sandbox needs its own database: "
            f"set RECEIVER_DATA_DIR to a new folder, and unset DATABASE_URL"
        )
    port, variables = sandbox_url.rsplit(":", 1)[1], simulating.of_a_sandbox(start.environment)
    child = Child("sandbox", "--port", port, environment=variables, folder=start.folder, vital=True)
    children.append(child)
    await child.start()
    await child.ready()
    *names, last = (source.source for source in SIMULATED)
    say(f"sandbox simulates {', '.join(names)} and {last} on {sandbox_url}, 60 times as fast")
    here = addresses.here(configured.host, configured.port) + WEBHOOK_PATH
    for one in configured.in_use:
        await registration.forget(db, one.chosen)
        say((await registrar.register_now(one, url, given=here)).sentence)


def _place(configured: Settings) -> str:
    if configured.dsn is not None:
        return f"in the database at {database.where(configured.dsn)}"
    return embedded.describe(configured.data_dir)

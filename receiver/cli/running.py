"""What every command needs to run: a database, a loop, an end."""

import asyncio
import importlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from receiver import (
    addresses,
    budget,
    database,
    embedded,
    failpoints,
    logs,
    migrations,
    settings,
    streams,
)
from receiver.archive import Archive
from receiver.budget import SharedBudget
from receiver.cli import environment
from receiver.database import Connections, Pool
from receiver.errors import ImpossibleError, NoDataError
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import RETRY_SECONDS, wire
from receiver.settings import WEBHOOK_PATH, Settings
from receiver.spool import Spool
from receiver.streams import OutputError

log = logging.getLogger(__name__)

T = TypeVar("T")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
# `up` starts its processes with this: standard input is their line to it (see `line`), and they end with it.
until_eof = click.option("--until-eof", is_flag=True, hidden=True)


def configure(unknown: Sequence[str] | None = None, *, for_long: bool = False) -> Settings:
    """Read `.env` and the settings, and set up the log as they say; every command does this first.

    `unknown` is what `environment.enter` has returned, where that was done already. In what runs `for_long` stdout is
    only told: what a handler prints is there at once, line by line, and neither fails nor waits.
    """
    if for_long:
        sys.stdout = streams.telling(sys.stdout)
    os.umask(0o077)  # what we make is ours alone, parents and locks too; what others pass through says so itself
    if unknown is None:
        unknown = environment.enter()
    configured = settings.load()
    logs.configure(configured.log, configured.log_level)
    if unknown:
        log.warning("there is no setting of this name: %s", ", ".join(unknown))
    failpoints.arm(configured.failpoint)
    if configured.failpoint is not None:
        log.error("RECEIVER_FAILPOINT is set, for tests: this process kills itself at %s", configured.failpoint.point)
    return configured


def webhook_url(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    """Return the address of a receiver, which may be given with or without our path, as its webhook's."""
    try:
        return None if given is None else addresses.base(given, without=WEBHOOK_PATH) + WEBHOOK_PATH
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc


def transcription_id(_: click.Context, __: click.Parameter, given: str) -> str:
    """Return the id of a transcription as the provider writes it.

    Raises:
        InvalidRequest: there can be none of this id, so nobody needs to be asked, and nothing looked up.
    """
    return wire.path(given.strip()).rpartition("/")[2]


def stripped(_: click.Context, __: click.Parameter, given: str) -> str:
    """Return an id without the blanks that it was copied with."""
    return given.strip()


def examples(*lines: str) -> str:
    """Return a command's epilog of examples."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def run(work: Coroutine[Any, Any, T], *, end_within: float | None = None) -> T:
    """Run a coroutine in a new event loop, uvloop's where the platform has it.

    With `end_within` the process ends that many seconds after the coroutine, whatever a handler left behind: the
    loop's own end waits for threads, and for tasks that swallow their cancellation.
    """
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with suppress(ImportError):  # absent on some platforms
        factory = importlib.import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        try:
            return runner.run(work)
        finally:
            if end_within is not None:
                ending = threading.Timer(end_within, streams.end, args=(0 if sys.exc_info()[0] is None else 1,))
                ending.daemon = True
                ending.start()


@contextmanager
def open_database(configured: Settings, *, create: bool, patience: float | None = None) -> Iterator[str]:
    """Yield the URL of the configured database; without `DATABASE_URL` that is the embedded one.

    With `patience` an embedded one that is still starting after so many seconds is not waited for any longer.

    Raises:
        NoDataError: there is no embedded database and `create` is false.
    """
    if configured.dsn is not None:
        yield configured.dsn
        return
    with embedded.attach(configured.data_dir, create=create, patience=patience) as url:
        yield url


def open_spool(configured: Settings) -> Spool:
    """Return the spool of the configured folder, by default one in the data folder; makes nothing."""
    folder = configured.spool_dir or embedded.locate(configured.data_dir).path / "spool"
    megabyte = 1024 * 1024
    return Spool(
        folder, limit_bytes=int(configured.spool_max_mb * megabyte),
        room_bytes=int(configured.spool_reserve_mb * megabyte),
    )  # fmt: skip


@asynccontextmanager
async def open_provider(
    configured: Settings, url: str | None, *, retries: tuple[float, ...] = RETRY_SECONDS
) -> AsyncIterator[TranscribeSo]:
    """Open the client of the configured API, whose budget every process on the same database shares.

    Without a database (`url` is None) the client keeps the budget for itself.
    """
    if url is None or configured.api_key is None:
        async with TranscribeSo(configured.api_url, configured.api_key, retries=retries) as provider:
            yield provider
        return
    connections = Connections(url, size=2, statement_seconds=budget.STATEMENT_SECONDS / 2)
    whose = configured.account()
    shared = SharedBudget(connections, api_url=whose.api_url, key_fingerprint=whose.key_fingerprint)
    try:
        async with TranscribeSo(configured.api_url, configured.api_key, retries=retries, budget=shared) as provider:
            yield provider
    finally:
        connections.close()


@asynccontextmanager
async def _stored(url: str) -> AsyncIterator[Pool]:
    async with database.pool(url, size=2) as db:
        await migrations.require(db)
        yield db


def with_database(configured: Settings, work: Callable[[Pool], Awaitable[T]]) -> T:
    """Run `work` on a database that is there and has our schema.

    Raises:
        NoDataError: there is no database.
        SchemaError: its schema is older than this code.
    """

    async def main(url: str) -> T:
        async with _stored(url) as db:
            return await work(db)

    with open_database(configured, create=False) as url:
        return run(main(url))


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command that asks the provider works with: its client, and the database where there is one."""

    provider: TranscribeSo
    db: "Pool | None"

    @property
    def archive(self) -> Archive:
        """The provider's answers, kept where there is a database."""
        return Archive(self.provider, self.db)


@asynccontextmanager
async def opened(configured: Settings, *, needs_key: bool = True) -> AsyncIterator[Desk]:
    """Open the provider's client, and the database where there is one.

    Where the provider need not be asked, `needs_key` is false: then either a key or a database is enough.

    Raises:
        ImpossibleError: no key is set, though it is needed.
        NoDataError: there is neither a key nor a database.
        SchemaError: the database's schema is older than this code.
    """
    if needs_key:
        configured.account()
    async with AsyncExitStack() as stack:
        url = db = None
        try:
            with interruptible():
                url = stack.enter_context(open_database(configured, create=False))
        except NoDataError:
            if configured.api_key is None:
                raise
        if url is not None:
            db = await stack.enter_async_context(_stored(url))
        yield Desk(await stack.enter_async_context(open_provider(configured, url)), db)


def event_at(*numbers: signal.Signals) -> asyncio.Event:
    """Return an event that any of these signals sets."""
    event, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, event.set)
    return event


def hurry_event(stop: asyncio.Event) -> asyncio.Event:
    """Return an event that SIGINT sets where `stop` is set already, which it sets else: a person's second Ctrl-C.

    Not SIGTERM: a platform may send that to us, and to who started us and passes it on.
    """
    hurry = asyncio.Event()

    def told() -> None:
        (hurry if stop.is_set() else stop).set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, told)
    return hurry


def stop_event(*, with_stdin: bool = False) -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set, and the end of standard input where asked."""
    stop, loop = event_at(signal.SIGINT, signal.SIGTERM), asyncio.get_running_loop()
    if with_stdin:

        def read() -> None:
            try:
                ended = not os.read(sys.stdin.fileno(), 1024)
            except BlockingIOError:
                return
            except OSError:  # reset: it ended before it had read all that we have said
                ended = True
            if ended:
                loop.remove_reader(sys.stdin)
                stop.set()

        loop.add_reader(sys.stdin, read)
    return stop


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end at once what blocks the loop, which would keep it for the time after."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def confirm(question: str) -> None:
    """Ask a person whether to go on.

    Raises:
        Abort: no, or Ctrl-C.
        ImpossibleError: nobody is there to answer.
    """
    try:
        with interruptible():
            click.confirm(question, abort=True, err=True)
    except click.Abort as exc:
        if isinstance(exc.__context__, EOFError):
            raise ImpossibleError("nobody is there to answer, so nothing was done: --yes answers it") from exc
        raise


def tell(done: str) -> None:
    """Say on stdout what was done, and on stderr where stdout cannot be written: it is done all the same."""
    try:
        click.echo(done)
    except OutputError as exc:
        click.echo(f"{done} (standard output cannot be written: {exc.strerror})", err=True)


def print_json(value: object) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2))

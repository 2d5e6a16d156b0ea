"""A command's process: its settings, its log, its event loop and its signals."""

import asyncio
import gc
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import click

from receiver import failpoints, logs, settings
from receiver.cli.options import ACCOUNT
from receiver.errors import HandlerLoadError
from receiver.events import DEFAULT_ACCOUNT
from receiver.logs import exporting, streams
from receiver.settings import Settings, environment

if TYPE_CHECKING:
    from receiver.handling import Handler

log = logging.getLogger(__name__)

COLLECT = (20_000, 20, 50)  # new objects before the garbage collector looks; by default 700, 10, 10

T = TypeVar("T")


def configure(unknown: Sequence[str] | None = None, *, for_long: bool = False) -> Settings:
    """Read `.env` and the settings, choose the account, and set up the log. Every command does this first.

    Args:
        unknown: what `environment.enter` returned, if the caller has called it already.
        for_long: the process runs until it is told to end. Its stdout accepts every line at once, never fails and never
            waits, so a handler can print.

    Raises:
        ConfigError: a setting is wrong.
        ImpossibleError: there is no account of the name that the command was given.
    """
    if for_long:
        sys.stdout = streams.telling(sys.stdout)
    os.umask(0o077)  # only we may use the files we make; code that makes a folder for others sets its mode itself
    if unknown is None:
        unknown = environment.enter()
    configured = settings.load()
    logs.configure(configured.log, configured.log_level, process=os.environ.get(environment.PROCESS, ""))
    if unknown:
        log.warning("there is no setting of this name: %s", ", ".join(unknown))
    failpoints.arm(configured.failpoint)
    if configured.failpoint is not None:
        log.error("RECEIVER_FAILPOINT is set, for tests: this process kills itself at %s", configured.failpoint.point)
    context = click.get_current_context(silent=True)
    return configured if context is None else configured.choosing(context.meta.get(ACCOUNT, DEFAULT_ACCOUNT))


def load_handlers(configured: Settings, *, quiet: bool) -> "Mapping[str, Handler]":
    """Load the handlers, and then begin to send traces, if that is wanted: what a handler's module has set up is kept.

    If `quiet`, do not say that these are the bundled ones.

    Raises:
        HandlerLoadError: a handler could never run.
    """
    from receiver.handling import discovery  # noqa: PLC0415 - most commands need no handlers

    handlers = discovery.load(configured, quiet=quiet)
    exporting.begin()
    return handlers


def handlers_if_any(configured: Settings, otherwise: str) -> "Mapping[str, Handler]":
    """Return the handlers. Where they cannot be loaded, log what follows from that, and return none."""
    from receiver.handling import discovery  # noqa: PLC0415 - most commands need no handlers

    try:
        return discovery.load(configured, quiet=True)
    except HandlerLoadError as exc:
        log.warning("%s: %s", otherwise, exc)
        return {}


def run(work: Coroutine[Any, Any, T], *, end_within: float | None = None) -> T:
    """Run a coroutine in a new event loop, uvloop's where the platform has it.

    With `end_within` the process ends at most that many seconds after the coroutine. Closing the loop would wait for
    what a handler left behind: threads, and tasks that swallow their cancellation.
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


def collect_seldom() -> None:
    """Let the garbage collector leave alone what a start has made, and run seldom: 5 to 10% more answers a second."""
    gc.freeze()
    gc.set_threshold(*COLLECT)


def event_at(*numbers: signal.Signals) -> asyncio.Event:
    """Return an event that any of these signals sets."""
    event, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, event.set)
    return event


def hurry_event(stop: asyncio.Event) -> asyncio.Event:
    """Return an event that a person's second Ctrl-C sets: SIGINT sets `stop` first, then this event.

    A second SIGTERM does not set it: a platform might send SIGTERM to us and also to our parent, which passes it on.
    """
    hurry = asyncio.Event()

    def on_interrupt() -> None:
        (hurry if stop.is_set() else stop).set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, on_interrupt)
    return hurry


def stop_event(*, with_stdin: bool = False) -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set, and with `with_stdin` also the end of standard input."""
    stop, loop = event_at(signal.SIGINT, signal.SIGTERM), asyncio.get_running_loop()
    if with_stdin:

        def read() -> None:
            try:
                ended = not os.read(sys.stdin.fileno(), 1024)
            except BlockingIOError:
                return
            except OSError:  # connection reset: `up` ended before it had read everything
                ended = True
            if ended:
                loop.remove_reader(sys.stdin)
                stop.set()

        loop.add_reader(sys.stdin, read)
    return stop


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C interrupt code that blocks the loop. Otherwise the loop would handle Ctrl-C only afterwards."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def paid_once(*, again: bool) -> Iterator[None]:
    """Tell a person who interrupts the command how to continue. With `--again` the same command would pay again."""
    command = "the same command without --again" if again else "the same command"
    try:
        yield
    except KeyboardInterrupt as exc:
        raise KeyboardInterrupt(f"run {command} to continue; you do not pay twice") from exc

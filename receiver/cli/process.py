"""A command's process: its settings and its log, its loop, the signals that end it."""

import asyncio
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from receiver import failpoints, logs, settings
from receiver.logs import streams
from receiver.settings import Settings, environment

log = logging.getLogger(__name__)

T = TypeVar("T")


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

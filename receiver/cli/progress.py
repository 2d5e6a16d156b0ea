"""Tell a person at a terminal how far something is: one line on stderr, which is gone when it is over.

Telling never fails the work: whatever becomes of the terminal, what is told about goes on.
"""

import asyncio
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

import click

from receiver.logs import printable

Show: TypeAlias = Callable[[str], None]
EVERY_SECONDS = 1.0
CLEAR = "\r\x1b[K"


def is_shown() -> bool:
    """Whether there is a terminal to tell on."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


@contextmanager
def line(label: str) -> Iterator[Show]:
    """Yield what shows how far `label` is, in a few words; on anything but a terminal nothing is shown."""
    if not is_shown():
        yield lambda _: None
        return
    width, last = shutil.get_terminal_size().columns - 1, ""

    def show(words: str) -> None:
        nonlocal last
        if words != last:
            last = words
            _write(f"{CLEAR}{f'{printable(label)}  {printable(words)}'[:width]}")

    show("")
    try:
        yield show
    finally:
        _write(CLEAR)


@contextmanager
def bar(label: str, size: int) -> Iterator[Callable[[int], None]]:
    """Yield what shows how many of `size` bytes there are."""
    with line(label) as show:
        show("0%")
        yield lambda there: show(f"{100 * there // size}% of {size / 1_000_000:.1f} MB")


@contextmanager
def clock(label: str) -> Iterator[None]:
    """Show for how long something has been going on, of which nothing else is known; inside a running loop."""
    began = time.monotonic()

    async def tick(show: Show) -> None:
        while True:
            show(f"{time.monotonic() - began:.0f} s")
            await asyncio.sleep(EVERY_SECONDS)

    with line(label) as show:
        ticking = asyncio.create_task(tick(show)) if is_shown() else None
        try:
            yield
        finally:
            if ticking is not None:
                ticking.cancel()


def _write(text: str) -> None:
    with suppress(OSError, ValueError):
        click.echo(text, err=True, nl=False)

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
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.submissions.following import Following

Show: TypeAlias = Callable[[str | None], None]
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
    """Yield what shows how far `label` is, in a few words, None being nothing; only a terminal is shown anything."""
    if not is_shown():
        yield lambda _: None
        return
    width, last = shutil.get_terminal_size().columns - 1, None

    def show(words: str | None) -> None:
        nonlocal last
        if words != last:
            last = words
            _write(CLEAR if words is None else f"{CLEAR}{f'{printable(label)}  {printable(words)}'[:width]}")

    try:
        yield show
    finally:
        _write(CLEAR)


@contextmanager
def bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Yield what shows how many of how many bytes there are, and goes when all are there."""
    with line(label) as show:

        def showing(there: int, size: int) -> None:
            show(f"{100 * there // size}% of {size / 1_000_000:.1f} MB" if there else "0%")
            if there == size:
                show(None)  # what follows writes lines of its own

        yield showing


async def to_its_end(following: Following, transcription_id: int) -> TranscriptionStatus:
    """Follow a transcription to its end, and show how far it is."""
    with line(f"transcription {transcription_id}") as show:
        show("")
        told = (lambda status: show(_so_far(status))) if is_shown() else None
        return await following.until_ended(transcription_id, progressed=told)


def _so_far(status: TranscriptionStatus) -> str:
    done = "" if status.progress is None else f", {status.progress:.0f}%"
    return f"{status.stage or status.status}{done}"


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

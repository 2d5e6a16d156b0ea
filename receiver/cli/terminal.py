"""Show a person at a terminal how far some work is: one line on stderr, which is cleared when the work ends.

Showing never fails the work. If the terminal goes away, the work goes on.
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
    """Whether stderr is a terminal."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is no stderr, or it is closed
        return False


@contextmanager
def line(label: str) -> Iterator[Show]:
    """Yield a function that shows `label` and a few words on the terminal, if there is one. None clears the line."""
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
    """Yield a function that shows how many of how many bytes are sent, and clears the line when all are."""
    with line(label) as show:

        def show_sent(sent: int, size: int) -> None:
            show(f"{100 * sent // size}% of {size / 1_000_000:.1f} MB" if sent else "0%")
            if sent == size:
                show(None)  # the command prints lines of its own after the upload

        yield show_sent


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
    """Show for how many seconds the work has been going on. Needs a running loop."""
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

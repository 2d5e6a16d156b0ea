"""Show a person at a terminal how far some work is: one line on stderr, which is cleared when the work ends.

Showing never fails the work. If the terminal goes away, the work continues.
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
from receiver.submissions.following import Progressed

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
def line() -> Iterator[Show]:
    """Yield a function that shows a few words on the terminal, if there is one. None clears the line."""
    if not is_shown():
        yield lambda _: None
        return
    width, last = shutil.get_terminal_size().columns - 1, None

    def show(words: str | None) -> None:
        nonlocal last
        if words != last:
            last = words
            _write(CLEAR if words is None else f"{CLEAR}{printable(words)[:width]}")

    try:
        yield show
    finally:
        show(None)


@contextmanager
def bar(label: str, *, first: str | None = None) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows how much of a file is sent, and clears the line when all of it is sent.

    Until then the line says `first`: what comes before can wait for the provider's rate.
    """
    with line() as show:
        show(first)

        def show_sent(sent: int, size: int) -> None:
            show(f"{label}  {f'{100 * sent // size}% of {size / 1_000_000:.1f} MB' if sent else '0%'}")
            if sent == size:
                show(None)  # the command prints lines of its own after the upload

        yield show_sent


@contextmanager
def transcription() -> Iterator[tuple[Progressed, Progressed | None]]:
    """Yield a function that shows which transcription is followed, and one that shows how far it is.

    Without a terminal nobody watches, and the second one is None.
    """
    with line() as show:

        def show_followed(status: TranscriptionStatus) -> None:
            show(f"transcription {status.id}  ")

        def show_so_far(status: TranscriptionStatus) -> None:
            show(f"transcription {status.id}  {status.so_far}")

        yield show_followed, show_so_far if is_shown() else None


@contextmanager
def clock(label: str) -> Iterator[None]:
    """Show how many seconds the work has taken so far. Needs a running loop."""
    began = time.monotonic()

    async def tick(show: Show) -> None:
        while True:
            show(f"{label}  {time.monotonic() - began:.0f} s")
            await asyncio.sleep(EVERY_SECONDS)

    with line() as show:
        ticking = asyncio.create_task(tick(show)) if is_shown() else None
        try:
            yield
        finally:
            if ticking is not None:
                ticking.cancel()


def _write(text: str) -> None:
    with suppress(OSError, ValueError):
        click.echo(text, err=True, nl=False)

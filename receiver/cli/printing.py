"""Print a command's result, and ask a person before it does something."""

import json
from datetime import datetime

import click

from receiver.cli.process import interruptible
from receiver.errors import ImpossibleError
from receiver.logs import clock
from receiver.logs.streams import OutputError


def confirm(question: str) -> None:
    """Ask a person whether to continue.

    Raises:
        Abort: the answer is no, or Ctrl-C.
        ImpossibleError: standard input is closed, so there is no answer.
    """
    try:
        with interruptible():
            click.confirm(question, abort=True, err=True)
    except click.Abort as exc:
        if isinstance(exc.__context__, EOFError):
            raise ImpossibleError(
                "standard input is closed, so nothing was done: pass --yes to continue without a question"
            ) from exc
        raise


def say_done(done: str) -> None:
    """Print on stdout what was done. If stdout cannot be written, print it on stderr, because the work is done."""
    try:
        click.echo(done)
    except OutputError as exc:
        click.echo(f"{done} (standard output cannot be written: {exc.strerror})", err=True)


def print_json(value: object) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2))


def jobs(number: int, state: str = "") -> str:
    """Return how many jobs there are, in words; with a state, such as `dead`."""
    return f"{number} {f'{state} ' if state else ''}{'job' if number == 1 else 'jobs'}"


def came_between(number: int, times: tuple[datetime, datetime] | None) -> str:
    """Return in words when the first and the last event of so many jobs came, to go on with a sentence."""
    if times is None:
        return ""
    first, last = map(clock, times)
    return f"; its event came {first}" if number == 1 else f"; their events came from {first} to {last}"

"""What a command says to a person, and asks."""

import json

import click

from receiver.cli.process import interruptible
from receiver.errors import ImpossibleError
from receiver.logs.streams import OutputError


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

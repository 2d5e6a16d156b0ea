"""Print a command's result, and ask a person before it does something."""

import json

import click

from receiver.cli.process import interruptible
from receiver.errors import ImpossibleError
from receiver.logs.streams import OutputError


def confirm(question: str) -> None:
    """Ask a person whether to go on.

    Raises:
        Abort: the answer is no, or Ctrl-C.
        ImpossibleError: standard input is closed, so nobody can answer.
    """
    try:
        with interruptible():
            click.confirm(question, abort=True, err=True)
    except click.Abort as exc:
        if isinstance(exc.__context__, EOFError):
            raise ImpossibleError(
                "nobody is there to answer, so nothing was done: pass --yes to go on without asking"
            ) from exc
        raise


def tell(done: str) -> None:
    """Print on stdout what was done. If stdout cannot be written, print it on stderr: the work is done all the same."""
    try:
        click.echo(done)
    except OutputError as exc:
        click.echo(f"{done} (standard output cannot be written: {exc.strerror})", err=True)


def print_json(value: object) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2))

"""The options by which lists show only some events, jobs, submissions or transcripts, and how they are read."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from receiver.cli.options import since_option, stripped
from receiver.events import is_pattern
from receiver.logs import printable
from receiver.providers import SOURCES
from receiver.settings import Settings, accounts

F = TypeVar("F", bound=Callable[..., Any])


def event_type(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    """Return a type or a family; None for every type."""
    if given is None or given.strip() == "*":
        return None
    if not is_pattern(given.strip()):
        raise click.BadParameter(f"{given!r} is no type: write transcription.failed, or a family: 'transcription.*'")
    return given.strip()


_TITLE = click.option("--title", metavar="TEXT", help="Only those with this text in their title, in capitals or not.")
_SOURCE = click.option(
    "--source", type=click.Choice([source.name for source in SOURCES]), help="Only those of a source."
)
_SINCE = since_option("those")


def of_transcripts(command: F) -> F:
    """Add the options that choose transcripts: `title`, `source` and `since`."""
    return _options(command, _TITLE, _SOURCE, _SINCE)


def of_submissions(command: F) -> F:
    """Add the options that choose submissions: `title`, `source`, `account` and `since`."""
    account = click.option(
        "--account", metavar="NAME", help="Only those of the accounts of this name, such as big-show."
    )
    return _options(command, _TITLE, _SOURCE, account, _SINCE)


def of_events(command: F) -> F:
    """Add the argument and the options that choose events, or jobs by their events: the names are those of `Filter`."""
    return _options(
        of_submissions(command),
        click.argument("about", metavar="[ID]", required=False, callback=stripped),
        click.option(
            "--type",
            metavar="TYPE",
            callback=event_type,
            help="Only those of a type, or of a family: 'transcription.*'.",
        ),
        click.option("--handler", metavar="NAME", help="Only jobs of this handler, or events that have one."),
    )


def say_unknown_account(configured: Settings, name: str | None) -> None:
    """Say that no account has a name, if that is so. Accounts that are gone can have events nevertheless."""
    if name is not None and all(account.name != name for account in configured.accounts):
        click.echo(accounts.no_such(printable(name), configured.accounts), err=True)


def _options(command: F, *options: Callable[[F], F]) -> F:
    for option in reversed(options):
        command = option(command)
    return command

"""Options and arguments that several commands have, and how they are read."""

import click

from receiver.providers.transcribe_so import wire
from receiver.settings import WEBHOOK_PATH, addresses

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
# `up` starts its processes with this: standard input is their line to it (see `line`), and they end with it.
until_eof = click.option("--until-eof", is_flag=True, hidden=True)


def webhook_url(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    """Return the address of a receiver, which may be given with or without our path, as its webhook's."""
    try:
        return None if given is None else addresses.base(given, without=WEBHOOK_PATH) + WEBHOOK_PATH
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc


def transcription_id(_: click.Context, __: click.Parameter, given: str) -> str:
    """Return the id of a transcription as the provider writes it.

    Raises:
        InvalidRequest: there can be none of this id, so nobody needs to be asked, and nothing looked up.
    """
    return wire.path(given.strip()).rpartition("/")[2]


def stripped(_: click.Context, __: click.Parameter, given: str) -> str:
    """Return an id without the blanks that it was copied with."""
    return given.strip()


def examples(*lines: str) -> str:
    """Return a command's epilog of examples."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)

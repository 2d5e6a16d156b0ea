"""`tokens`: the tokens of an account of Timbr. Each is named by its fingerprint; none is shown."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import click

from receiver.cli.opening import database_if_there
from receiver.cli.options import as_json, examples, yes_option
from receiver.cli.printing import confirm, print_json, say_done
from receiver.cli.process import configure, run
from receiver.events import DEFAULT_ACCOUNT
from receiver.providers import Timbr
from receiver.providers.opening import open_client
from receiver.providers.timbr import issued
from receiver.providers.timbr.issued import IssuedToken

T = TypeVar("T")


@click.group(
    epilog=examples(
        "receiver tokens list",
        "receiver tokens issue",
        "receiver tokens delete 3f9c0a12b4de",
        "receiver tokens --account big-show list --json",
    )
)
@click.option(
    "--account", metavar="NAME", default=DEFAULT_ACCOUNT, show_default=True, help="Which account of Timbr is meant."
)
@click.pass_context
def tokens(ctx: click.Context, account: str) -> None:
    """List, issue or delete the tokens of an account of Timbr.

    A token is never shown, only its fingerprint and its last four characters. An account with a client id gets its
    tokens by itself: one for all processes on the same database, and one for each command without a database.
    """
    ctx.obj = account


@tokens.command(name="list", epilog=examples("receiver tokens list", "receiver tokens list --json"))
@as_json
@click.pass_obj
def list_tokens(account: str, *, as_json: bool) -> None:
    """List the tokens that have not expired."""
    found = _asked(account, issued.listed)
    if as_json:
        print_json([token.to_json() for token in found])
        return
    for token in found:
        click.echo(_line(token))
    if not found:
        click.echo("no tokens", err=True)


@tokens.command(epilog=examples("receiver tokens issue", "receiver tokens --account big-show issue"))
@as_json
@click.pass_obj
def issue(account: str, *, as_json: bool) -> None:
    """Issue a token, which all processes on the same database send from now on.

    The earlier ones stay valid until they expire or are deleted.
    """
    made = _asked(account, issued.issue)
    print_json(made.to_json()) if as_json else say_done(_line(made))


@tokens.command(epilog=examples("receiver tokens delete 3f9c0a12b4de", "receiver tokens delete 3f9c… 81ab… --yes"))
@click.argument("fingerprints", metavar="FINGERPRINT...", nargs=-1, required=True)
@yes_option
@as_json
@click.pass_obj
def delete(account: str, fingerprints: tuple[str, ...], *, yes: bool, as_json: bool) -> None:
    """Delete tokens at the provider.

    `receiver tokens list` shows each FINGERPRINT. A process that still sends a deleted token gets the next one by
    itself; another program that has it is refused.
    """
    wanted = tuple(dict.fromkeys(given.strip() for given in fingerprints))
    if not yes:
        confirm(f"Delete {', '.join(wanted)}? Other programs with such a token are refused from then on.")
    deleted = _asked(account, lambda client: issued.delete(client, wanted))
    print_json({"deleted": deleted}) if as_json else say_done(f"tokens deleted: {deleted}")


def _asked(account: str, work: Callable[[Timbr], Awaitable[T]]) -> T:
    """Ask with an account of Timbr. If there is a database, it keeps the token that all processes send."""
    configured = configure()
    asks = configured.account_of(Timbr.name, account)

    async def main(url: str | None) -> T:
        async with open_client(Timbr, asks, url) as client:
            return await work(client)

    with database_if_there(configured) as url:
        return run(main(url))


def _line(token: IssuedToken) -> str:
    left = timedelta(seconds=int(token.life.total_seconds()))
    end = f"…{token.last_four}" if token.last_four else ""
    return f"{token.fingerprint}  {end:<5}  expires in {left}"

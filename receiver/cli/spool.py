"""`spool`: show the deliveries that wait on disk, and store those of a database that is gone."""

import click

from receiver.cli.options import as_json, examples
from receiver.cli.printing import print_json
from receiver.cli.process import configure, run
from receiver.database.opening import open_database
from receiver.handling import discovery
from receiver.web import takeover


@click.command(epilog=examples("receiver spool", "receiver spool --take-over", "receiver spool --json | jq .waiting"))
@click.option(
    "--take-over",
    "takes_over",
    is_flag=True,
    help="Store here the deliveries for a database that is permanently gone.",
)
@as_json
def spool(*, takes_over: bool, as_json: bool) -> None:
    """Show the deliveries that wait in the spool.

    Shows how many wait for each database, and how many files were kept because they could not be stored.
    """
    configured = configure()
    taken = 0
    if takes_over:
        handlers = discovery.load(configured, quiet=True)
        with open_database(configured, create=False) as url:
            taken = run(takeover.take_over(url, configured, handlers))
    waiting = takeover.waiting(configured)
    found = waiting.condition
    if as_json:
        print_json(waiting.to_json(taken=taken))
        return
    if takes_over:
        click.echo(f"stored {taken} deliveries in this database")
    click.echo(f"folder   {found.path}")
    for name, count in waiting.numbers.items() or {"nothing": 0}.items():
        click.echo(f"waiting  {count} for {name}" if count else "waiting  nothing")
    click.echo(f"kept     {found.refused} refused, {found.damaged} damaged files, {found.unknown} of another version")

"""`spool`: show the deliveries that wait on disk, and store those of a database that is gone."""

import click

from receiver.cli.opening import open_database, open_spool
from receiver.cli.options import as_json, examples
from receiver.cli.printing import print_json
from receiver.cli.process import configure, run
from receiver.handling import discovery
from receiver.settings import Settings
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
    opened = open_spool(configured)
    takeover.usable(opened)
    taken = _take_over(configured) if takes_over else 0
    waiting = takeover.waiting(opened, configured.dsn)
    found = waiting.condition
    if as_json:
        print_json({
            "folder": str(found.path), "taken": taken, "waiting": dict(waiting.numbers), "refused": found.refused,
            "damaged": found.damaged, "unknown": found.unknown,
        })  # fmt: skip
        return
    if takes_over:
        click.echo(f"stored {taken} deliveries in this database")
    click.echo(f"folder   {found.path}")
    for name, count in waiting.numbers.items() or {"nothing": 0}.items():
        click.echo(f"waiting  {count} for {name}" if count else "waiting  nothing")
    click.echo(f"kept     {found.refused} refused, {found.damaged} damaged files, {found.unknown} of another version")


def _take_over(configured: Settings) -> int:
    handlers = discovery.load(configured.handlers)
    with open_database(configured, create=False) as url:
        return run(takeover.take_over(url, open_spool(configured), handlers=handlers, api_url=configured.api_url))

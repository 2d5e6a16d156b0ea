"""`handlers`: the handlers that are found, and their files."""

import click

from receiver.cli.options import as_json, examples
from receiver.cli.printing import print_json
from receiver.cli.process import configure
from receiver.handling import discovery
from receiver.logs import printable


@click.command(epilog=examples("receiver handlers", "RECEIVER_HANDLERS=handlers,mine receiver handlers --json"))
@as_json
def handlers(*, as_json: bool) -> None:
    """List the handlers that are found, with their files, and those that are left out."""
    found = discovery.find(configure())
    if as_json:
        print_json([discovery.to_json(h) for h in found.handlers.values()])
        return
    for h in found.handlers.values():
        tries = f"{h.retry.attempts} tries of {h.timeout:g} s"
        wanted = ", ".join(h.patterns) + ("" if h.sources is None else f" of {', '.join(h.sources)}")
        click.echo(f"{h.name:<24} {wanted:<40} {tries:<20} {printable(discovery.shown_file(h))}")
    for h in found.left_out:
        click.echo(f"{printable(h.name):<24} is left out: {h.needs} is not set", err=True)

"""`handlers`: the handlers that are found, and their files."""

import textwrap
from collections.abc import Collection, Iterator

import click

from receiver.cli.options import as_json, examples
from receiver.cli.printing import print_json
from receiver.cli.process import configure
from receiver.handling import Handler, discovery
from receiver.logs import printable

NAME_WIDTH = 24
WANTED_WIDTH = 40


@click.command(epilog=examples("receiver handlers", "RECEIVER_HANDLERS=handlers,mine receiver handlers --json"))
@as_json
def handlers(*, as_json: bool) -> None:
    """List the handlers that are found, with their files, and those that are left out."""
    found = discovery.find(configure())
    if as_json:
        print_json([discovery.to_json(h) for h in found.handlers.values()])
        return
    for line in _lines(found.handlers.values()):
        click.echo(line)
    for h in found.left_out:
        click.echo(f"{printable(h.name):<24} is left out: {h.needs} is not set", err=True)


def _lines(handlers: Collection[Handler]) -> Iterator[str]:
    """Yield the lines of handlers in columns. Types that have no room in theirs go on below."""
    width = max([NAME_WIDTH, *(len(printable(h.name)) for h in handlers)])
    for h in handlers:
        tries = f"{h.retry.attempts} tries of {h.timeout:g} s"
        wanted = ", ".join(h.patterns) + ("" if h.sources is None else f" of {', '.join(h.sources)}")
        first, *more = textwrap.wrap(wanted, WANTED_WIDTH, break_on_hyphens=False)
        yield f"{printable(h.name):<{width}} {first:<{WANTED_WIDTH}} {tries:<20} {printable(discovery.shown_file(h))}"
        yield from (f"{'':<{width}} {one}" for one in more)

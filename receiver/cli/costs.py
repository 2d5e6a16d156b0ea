"""`costs`: what the providers have charged."""

import shutil
import sys
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import get_args

import click

from receiver.cli.opening import with_database
from receiver.cli.options import Duration, as_json, examples
from receiver.cli.printing import print_json
from receiver.cli.process import configure
from receiver.logs import clock, printable
from receiver.submissions import costs as ledger
from receiver.submissions.costs import By, Cost, Costs, total

BLOCK, PLAIN = "\N{FULL BLOCK}", "#"
LONGEST_BAR = 60
LONGEST_NAME = 40


@click.command(
    epilog=examples(
        "receiver costs",
        "receiver costs --since 7d --by title",
        "receiver costs --since 365d --by account --json | jq '.units[] | {unit, total}'",
    )
)
@click.option(
    "--since", type=Duration(), default="30d", show_default=True, metavar="DURATION",
    help="Only what was charged in the last 7d or 12h, for example.",
)  # fmt: skip
@click.option("--by", type=click.Choice(get_args(By)), default="day", show_default=True, help="Add it up by this.")
@as_json
def costs(since: timedelta, by: By, *, as_json: bool) -> None:
    """Show what the providers have charged.

    Dollars and credits are never added up. What a provider charges for is in the ledger for good: submissions,
    transcriptions that were submitted elsewhere (the provider's events tell), `retry`, and regenerations. A worker
    reads the events, so it must run. Days are those of UTC.
    """
    found = with_database(configure(), lambda db: ledger.of(db, since, by))
    if as_json:
        print_json(_json(found, by))
        return
    if not found.parts:
        click.echo("nothing was charged", err=True)
    for number, (unit, parts) in enumerate(found.by_unit.items()):
        _show(unit, parts, by, is_first=number == 0)
    if found.unread_since is not None:
        click.echo(
            f"events since {clock(found.unread_since)} are not in it yet: a worker reads them (`receiver work`)",
            err=True,
        )


def _json(found: Costs, by: By) -> dict[str, object]:
    units = [
        {
            "unit": unit or None, "total": total(parts).to_json(),
            by: [{by: part.part or None} | part.to_json() for part in parts],
        }
        for unit, parts in found.by_unit.items()
    ]  # fmt: skip
    unread = None if found.unread_since is None else found.unread_since.isoformat()
    return {"by": by, "units": units, "unread_since": unread}


def _show(unit: str, parts: Sequence[Cost], by: By, *, is_first: bool) -> None:
    """Print the charges of a unit: a line for each part, and the total."""
    if not is_first:
        click.echo()
    names = [_name(part, by) for part in parts]
    amounts = [part.said for part in (*parts, total(parts))]
    name_width, width = max(map(len, ("total", *names))), max(map(len, amounts))
    click.echo(unit or "no unit is told")
    facts = [
        f"{name:<{name_width}}  {amount:>{width}}" for name, amount in zip((*names, "total"), amounts, strict=True)
    ]
    room = min(LONGEST_BAR, shutil.get_terminal_size().columns - 1 - len(facts[0]) - 2 - len(total(parts).counts) - 2)
    most = max(part.amount for part in parts)
    for part, fact in zip(parts, facts[:-1], strict=True):
        bar = "" if by != "day" or room < 1 else f"{_bar(part.amount, most, room):<{room}}  "
        click.echo(f"{fact}  {bar}{part.counts}".rstrip())
    click.echo(f"{facts[-1]}  {total(parts).counts}")
    for sentence in total(parts).missing:
        click.echo(sentence, err=True)


def _name(part: Cost, by: By) -> str:
    name = printable(part.name(by))
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."


def _bar(amount: Decimal, most: Decimal, room: int) -> str:
    """Return a bar: the longest for the most, and none for nothing."""
    if most <= 0 or amount <= 0:
        return ""
    return bar_character() * max(1, int(amount * room / most))


def bar_character() -> str:
    """Return what a bar is made of: blocks if the output can have them."""
    try:
        BLOCK.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return BLOCK

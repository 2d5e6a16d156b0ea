"""`dead` and `drop`: look at dead jobs by their cause, and end those that are to be left."""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from functools import partial

import click

from receiver.cli import terminal
from receiver.cli.choosing import job_options, known_handlers, say_unknown_handler
from receiver.cli.opening import database_url, on_database, with_database
from receiver.cli.options import as_json, examples, limit_option, stripped, yes_option
from receiver.cli.printing import came_between, confirm, jobs, print_json, say_done
from receiver.cli.process import configure
from receiver.inbox import dead as dead_jobs
from receiver.inbox import dropping, replays
from receiver.inbox.attempts import this_person
from receiver.inbox.dead import Filter, Group, Seen
from receiver.logs import clock, printable

UNDER_WAY = 20  # bulk replays that run are mentioned at most


@click.command(
    epilog=examples("receiver dead", "receiver dead --handler crm --since 7d", "receiver dead --json | jq '.dead[0]'")
)
@job_options
@limit_option(20)
@as_json
def dead(wanted: Filter, limit: int, *, as_json: bool) -> None:
    """Show dead jobs by handler and cause, the largest group first; then those that wait for turns, money or a key.

    The cause is the first line of the error, without its numbers and ids. A dead job runs again only after `receiver
    replay`; `receiver drop` ends one that is to be left.
    """
    configured = configure()
    found, waiting, under_way = with_database(
        configured,
        lambda db: asyncio.gather(
            dead_jobs.groups(db, wanted),
            dead_jobs.waiting(db, wanted),
            replays.recent(db, limit=UNDER_WAY, state="running"),
        ),
    )
    shown, waits = found[: limit or None], waiting[: limit or None]
    if as_json:
        print_json(
            {
                "dead": [group.to_json() for group in shown],
                "waiting": [group.to_json() for group in waits],
                "replays": [one.to_json() for one in under_way],
            }
        )
        return
    for group in shown:
        click.echo(_dead_lines(group))
    for group in waits:
        click.echo(_waiting_lines(group))
    if more := len(found) - len(shown) + len(waiting) - len(waits):
        click.echo(f"and {more} more groups; --limit 0 shows all", err=True)
    if not found:
        click.echo("no dead jobs", err=True)
    if wanted.handler is not None and not found and not waiting:
        known = known_handlers(configured)
        with_database(configured, lambda db: say_unknown_handler(db, wanted.handler, known))
    for one in under_way:
        click.echo(
            f"bulk replay {one.id} is under way: {one.moved} of {one.total} moved; see `receiver replays`", err=True
        )


@click.command(
    epilog=examples(
        "receiver drop evt_1234", 'receiver drop --handler crm --error "answered 410" --reason "customer left"',
        "receiver drop --handler gone_handler --yes",
    )
)  # fmt: skip
@click.argument("event", required=False, callback=stripped)
@job_options
@click.option("--reason", metavar="TEXT", help="Why, in at most 500 characters; `receiver show` tells it.")
@yes_option
@as_json
def drop(event: str | None, wanted: Filter, reason: str | None, *, yes: bool, as_json: bool) -> None:
    """End dead jobs that are to be left, of one EVENT or by the options, and unfinished jobs of handlers that are gone.

    A dropped job keeps its error and counts as ended. `receiver replay EVENT` brings it back. Running jobs, and pending
    jobs of handlers that exist, are never dropped.
    """
    if event is None and wanted.is_empty:
        raise click.UsageError("say which jobs: an EVENT, --handler, --error, --since or --type; see `receiver dead`")
    if event is not None and wanted != Filter(wanted.handler):
        raise click.UsageError("--error, --since and --type do not go with an EVENT")
    reason = dropping.read_reason(reason)
    configured = configure()
    known = known_handlers(configured)
    with database_url(configured) as url:
        found = _without_own_work(on_database(url, lambda db: dropping.droppable(db, event, wanted, known=known)))
        if found and not yes:
            _say_found(url, found, known)
            confirm("Drop them?")
        dropped = _dropped(url, found, reason) if found else []
        if not found:
            on_database(url, lambda db: say_unknown_handler(db, wanted.handler, known))
    left = len(found) - len(dropped)
    if as_json:
        print_json({"dropped": len(dropped), "left": left})
    elif found:
        say_done(f"dropped {jobs(len(dropped))}; `receiver replay EVENT` brings one back whose handler exists")
    else:
        click.echo("no jobs to drop", err=True)
    if left:
        click.echo(f"left alone: {jobs(left)}, because somebody has replayed or dropped them meanwhile", err=True)


def _without_own_work(found: Sequence[Seen]) -> list[Seen]:
    """Return jobs without those of submissions, and say so."""
    others = dropping.without_own_work(found)
    if own := len(found) - len(others):
        click.echo(dropping.of_own_work(own), err=True)
    return others


def _say_found(url: str, found: Sequence[Seen], known: Collection[str]) -> None:
    for state in ("dead", "pending"):
        its = [job for job in found if job.state == state]
        if its:
            came = on_database(url, partial(dead_jobs.came, jobs=its))
            names = Counter(job.handler for job in its)
            of = ", ".join(f"{printable(name)} ({number})" for name, number in sorted(names.items()))
            click.echo(f"{jobs(len(its), state)} of {of}{came_between(len(its), came)}", err=True)
    if any(job.state == "pending" for job in found):
        click.echo(f"pending jobs are dropped because only these handlers exist here: {', '.join(known)}", err=True)


def _dropped(url: str, found: Sequence[Seen], reason: str | None) -> list[int]:
    """Drop jobs, show how far it is, and return those dropped.

    Raises:
        KeyboardInterrupt: Ctrl-C. What was dropped stays so, and the message says so.
    """
    looked_at = 0
    try:
        with terminal.line() as show:

            def show_so_far(number: int) -> None:
                nonlocal looked_at
                looked_at = number
                show(f"dropping: {number} of {len(found)}  ")

            work = partial(dropping.drop, jobs=found, by=this_person(), reason=reason, show=show_so_far)
            return on_database(url, work)
    except KeyboardInterrupt as exc:
        raise KeyboardInterrupt(
            f"about {looked_at} of {len(found)} are dropped; run the same command to go on"
        ) from exc


def _dead_lines(group: Group) -> str:
    when = clock(group.newest) if group.count == 1 else f"{clock(group.oldest)} to {clock(group.newest)}"
    return _lines(group, when)


def _waiting_lines(group: Group) -> str:
    due = "" if group.due_at is None else f", due {clock(group.due_at)}"
    waits = f"waiting since {clock(group.oldest)}{due}"
    return _lines(group, waits)


def _lines(group: Group, when: str) -> str:
    """Return a group as lines of a terminal: how many, of whom and when; the cause; an example."""
    lines = (f"{group.count:>7}  {printable(group.handler)}  {when}", printable(group.cause), _example(group))
    return f"\n{'':9}".join(lines)


def _example(group: Group) -> str:
    about = "" if group.transcription_id is None else f" transcription {group.transcription_id}"
    title = "" if group.title is None else f" “{printable(group.title)}”"
    return f"for example {group.example}{about}{title}"

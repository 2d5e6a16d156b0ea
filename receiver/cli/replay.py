"""`replay` and `replays`: run jobs again, those of one event or many dead ones."""

import shlex
from datetime import datetime

import click

from receiver.cli import terminal
from receiver.cli.choosing import job_options, known_handlers, say_unknown_handler
from receiver.cli.opening import database_url, on_database, with_database
from receiver.cli.options import WholeRange, as_json, examples, limit_option, stripped, yes_option
from receiver.cli.printing import came_between, confirm, jobs, print_json, say_done
from receiver.cli.process import configure
from receiver.database import Pool
from receiver.handling import choice, discovery
from receiver.handling import replay as replaying
from receiver.handling.choice import Choice
from receiver.health import telling
from receiver.inbox import dead as dead_jobs
from receiver.inbox import replays as bulk
from receiver.inbox.attempts import this_person
from receiver.inbox.dead import Filter
from receiver.inbox.jobs import counted
from receiver.inbox.replays import Replay
from receiver.logs import clock, printable

LOOK_AGAIN_SECONDS = 10.0  # without anything moving, until workers are looked for again


@click.command(
    epilog=examples(
        "receiver replay evt_1234", "receiver replay evt_1234 --handler transcripts",
        'receiver replay --dead --error "answered 503" --since 7d', "receiver replay --dead --limit 10",
    )
)  # fmt: skip
@click.argument("event", required=False, callback=stripped)
@click.option("--dead", is_flag=True, help="Run dead jobs again: all of them, or those of the following options.")
@job_options
@click.option("--limit", type=WholeRange(1), help="Replay at most this many dead jobs, the oldest first.")
@yes_option
@as_json
def replay(
    event: str | None, wanted: Filter, limit: int | None, *, dead: bool, yes: bool, as_json: bool
) -> None:  # fmt: skip
    """Run an event's jobs again, or many dead jobs, each with all its tries.

    EVENT is an event's id, source/id, @key, or a transcription's id. Done, dead and dropped jobs become pending. A new
    handler gets a job. Running jobs are left alone. A quarantined body is read again first.

    With --dead, workers replay dead jobs a few at a time, behind what is live. The command says how many and what they
    cost before it asks, and shows how far they are. Ctrl-C leaves them to the workers: see `receiver replays`.
    """
    if dead and event is not None:
        raise click.UsageError("an EVENT and --dead exclude each other")
    if event is None and not dead:
        raise click.UsageError("name an EVENT, or pass --dead for many dead jobs; `receiver dead` shows them")
    if event is not None:
        if wanted != Filter(wanted.handler) or limit is not None:
            raise click.UsageError("--error, --since, --type and --limit go with --dead, not with an EVENT")
        _replay_event(event, wanted.handler, as_json=as_json)
    else:
        _replay_dead(wanted, limit, yes=yes, as_json=as_json)


def _replay_event(event: str, only: str | None, *, as_json: bool) -> None:
    configured = configure()
    known = discovery.load(configured, quiet=True)
    chosen = replaying.chosen(known, only)
    done = with_database(configured, lambda db: replaying.replay(db, event, chosen, known=known))
    if as_json:
        print_json(done.to_json())
    elif done.pending:
        of = "" if done.instead is None else f"; the webhook came late, so these are jobs of {printable(done.instead)}"
        say_done(f"pending again: {', '.join(done.pending)}{of}")
    elif not done.running:
        say_done("no handler wants this event")
    if done.gone and only is None:
        click.echo(f"left alone, because there is no such handler: {printable(', '.join(done.gone))}", err=True)
    done.require_all()


def _replay_dead(wanted: Filter, limit: int | None, *, yes: bool, as_json: bool) -> None:
    configured = configure()
    known = known_handlers(configured)
    with database_url(configured) as url:
        found = on_database(url, lambda db: choice.choose(db, wanted, limit=limit, known=known, configured=configured))
        _say_left_out(found)
        if not found.jobs:
            click.echo("no dead jobs to replay", err=True)
            on_database(url, lambda db: say_unknown_handler(db, wanted.handler, known))
            if as_json:
                print_json(None)
            return
        _say_chosen(found, on_database(url, lambda db: dead_jobs.came(db, found.jobs)))
        if listed := on_database(url, lambda db: bulk.listed(db, found.jobs)):
            text = f"{jobs(listed)} of these belong to a bulk replay under way, and run again only once"
            click.echo(f"{text}; see `receiver replays`", err=True)
        if not yes:
            confirm("Replay them?")
        begun = on_database(url, lambda db: bulk.start(db, found.jobs, wanted, by=this_person(), limit=limit))
        ended = _followed(url, configured.chosen.api_url, begun)
    if as_json:
        print_json(ended.to_json() | found.to_json())
    else:
        say_done(f"bulk replay {ended.id} {_outcome(ended)}")


def _say_left_out(found: Choice) -> None:
    for name, number in found.gone.items():
        text = f"left out: {jobs(number)} of {printable(name)}, because there is no such handler"
        click.echo(f"{text}; `receiver drop --handler {printable(name)}` ends them", err=True)
    if found.elsewhere:
        click.echo(f"left out: {jobs(found.elsewhere)} of accounts that are not configured here", err=True)


def _say_chosen(found: Choice, came: tuple[datetime, datetime] | None) -> None:
    names = ", ".join(f"{printable(name)} ({number})" for name, number in sorted(found.handlers.items()))
    click.echo(f"{jobs(len(found.jobs), 'dead')} of {names}{came_between(len(found.jobs), came)}", err=True)
    click.echo(found.cost, err=True)


def _followed(url: str, api_url: str, begun: Replay) -> Replay:
    """Show how far a bulk replay is until it does not run any more; return it. Say it if no worker of the API is seen.

    Raises:
        KeyboardInterrupt: Ctrl-C. It goes on, and the message says so.
    """

    async def follow(db: Pool) -> Replay:
        async def show_so_far(seen: Replay, still: float) -> None:
            show(f"bulk replay {seen.id}: {_so_far(seen)}  ")
            if (seen is begun or still == LOOK_AGAIN_SECONDS) and not await telling.has_worker(db, api_url):
                show(None)
                click.echo(telling.NO_WORKER, err=True)

        return await bulk.followed(db, begun, show_so_far)

    try:
        with terminal.line() as show:
            return on_database(url, follow)
    except KeyboardInterrupt as exc:
        how = "`receiver replays` shows how far it is"
        raise KeyboardInterrupt(
            f"bulk replay {begun.id} goes on; {how}, and `receiver replays --cancel {begun.id}` ends it"
        ) from exc


@click.command(epilog=examples("receiver replays", "receiver replays --cancel 3", "receiver replays --resume 3"))
@click.option(
    "--cancel", metavar="ID", type=WholeRange(1, bulk.HIGHEST), help="Leave the jobs that were not moved yet dead."
)
@click.option("--resume", metavar="ID", type=WholeRange(1, bulk.HIGHEST), help="Let a cancelled one go on.")
@limit_option(20)
@as_json
def replays(cancel: int | None, resume: int | None, limit: int, *, as_json: bool) -> None:
    """List bulk replays, newest first; or cancel one, or let it go on."""
    if cancel is not None and resume is not None:
        raise click.UsageError("--cancel and --resume exclude each other")

    configured, steered = configure(), [number for number in (cancel, resume) if number is not None]
    if steered:
        steer = bulk.resume if cancel is None else bulk.cancel
        found = [with_database(configured, lambda db: steer(db, steered[0]))]
    else:
        found = with_database(configured, lambda db: bulk.recent(db, limit=limit or None))
    if as_json:
        print_json([one.to_json() for one in found])
        return
    for one in found:
        (say_done if steered else click.echo)(_line(one))
        if cancel is not None:
            click.echo(_left(one), err=True)
    if not found:
        click.echo("no bulk replays yet", err=True)


def _line(one: Replay) -> str:
    """Return a bulk replay as one line."""
    options = (f"--{name} {printable(shlex.quote(str(value)))}" for name, value in one.filter.items())
    asked = " ".join(options) or "all dead jobs"
    who = f"{clock(one.started_at)} by {printable(one.started_by)}"
    return f"{one.id:>4}  {one.state:<9}  {_so_far(one)}  begun {who}  {asked}"


def _left(one: Replay) -> str:
    """Return what goes on of a bulk replay that was cancelled, and what does not."""
    dead = (
        f"{jobs(one.total - one.looked_at)} not moved yet: left dead; `receiver replays --resume {one.id}` moves them"
    )
    if not (waiting := one.waiting + one.running):
        return dead
    return f"{counted(waiting)} of the moved jobs still wait or run, and go on; {dead}"


def _so_far(one: Replay) -> str:
    numbers = {"done": one.done, "dead again": one.dead, "running": one.running, "waiting": one.waiting}
    became = ", ".join(f"{counted(number)} {what}" for what, number in numbers.items() if number)
    passed = f"; {one.passed} left alone" if one.passed else ""
    return f"{one.moved} of {one.total} moved{became and f': {became}'}{passed}"


def _outcome(one: Replay) -> str:
    """Return what became of a bulk replay that does not run, and of the jobs that it has moved."""
    more = f"; `receiver replays` shows what becomes of {'it' if one.total == 1 else 'them'}"
    what = "has moved its jobs" if one.state == "done" else f"is {one.state}"
    return f"{what}: {_so_far(one)}{more if one.waiting or one.running else ''}"

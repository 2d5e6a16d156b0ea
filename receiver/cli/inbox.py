"""`events`, `show`, `jobs` and `replay`: look at stored events, and run their jobs again."""

import click

from receiver.cli.opening import with_database
from receiver.cli.options import as_json, examples, limit_option, stripped
from receiver.cli.printing import print_json, say_done
from receiver.cli.process import configure
from receiver.handling import discovery
from receiver.handling import replay as replaying
from receiver.inbox import listing, lookup
from receiver.inbox.attempts import Attempt
from receiver.inbox.listing import Stored, StoredJob
from receiver.inbox.lookup import Whole
from receiver.logs import clock, printable


@click.command(epilog=examples("receiver events", "receiver events --json --limit 0 | jq length"))
@limit_option(50)
@as_json
def events(limit: int, *, as_json: bool) -> None:
    """List events, newest first."""
    found = with_database(configure(), lambda db: listing.recent(db, limit=limit or None))
    if as_json:
        print_json([event.to_json() for event in found])
        return
    for event in found:
        click.echo(_line(event))
    if not found:
        click.echo("no events yet", err=True)


@click.command(
    epilog=examples("receiver show evt_1234", "receiver show transcribe.so/evt_1234 --json | jq -r .raw | base64 -d")
)
@click.argument("event", callback=stripped)
@as_json
def show(event: str, *, as_json: bool) -> None:
    """Show one event with its deliveries, its jobs, their attempts and its body.

    EVENT is an event's id, source/id, @key, or a transcription's id.
    """
    whole = with_database(configure(), lambda db: lookup.whole(db, event))
    if as_json:
        print_json(whole.to_json())
        return
    found = whole.event
    click.echo(_line(found))
    if found.unreadable is not None:
        click.echo(f"  quarantined: {found.unreadable}")
    elif found.is_unwanted:
        click.echo("  no handler wants it, so it is done")
    if found.same_as is not None:
        click.echo(f"  came late: its jobs are those of @{found.same_as}, which the provider's list has shown before")
    for variant in whole.variants:
        click.echo(f"  another body with this id, quarantined: @{variant.key} {variant.id}")
    _say_delivered(whole)
    for job in found.jobs:
        click.echo(f"  {_job_line(job)}")
        for attempt in whole.attempts_at(job):
            click.echo(f"    {_attempt_line(attempt)}")
    click.echo(printable(whole.raw.decode("utf-8", "backslashreplace").rstrip("\r\n")))


@click.command(epilog=examples("receiver jobs", "receiver jobs --dead --json"))
@click.option("--dead", is_flag=True, help="Show only dead jobs: they run again only after `receiver replay`.")
@limit_option(50)
@as_json
def jobs(limit: int, *, dead: bool, as_json: bool) -> None:
    """List jobs, newest first."""
    found = with_database(configure(), lambda db: listing.jobs(db, only_dead=dead, limit=limit or None))
    if as_json:
        print_json([listed.to_json() for listed in found])
        return
    for listed in found:
        click.echo(f"{listed.event}  {_job_line(listed.job)}")
    if not found:
        click.echo("no dead jobs" if dead else "no jobs yet", err=True)


@click.command(epilog=examples("receiver replay evt_1234", "receiver replay evt_1234 --handler transcripts"))
@click.argument("event", callback=stripped)
@click.option("--handler", "only", help="Run only this handler's job.")
@as_json
def replay(event: str, only: str | None, *, as_json: bool) -> None:
    """Run an event's jobs again, each with all its tries.

    EVENT is an event's id, source/id, @key, or a transcription's id. Done and dead jobs become pending. A new handler
    gets a job. Running jobs are left alone. A quarantined body is read again first.
    """
    configured = configure()
    known = discovery.load(configured.handlers)
    chosen = replaying.chosen(known, only)
    done = with_database(configured, lambda db: replaying.replay(db, event, chosen, known=known))
    if as_json:
        print_json(done.to_json())
    elif done.pending:
        say_done(f"pending again: {', '.join(done.pending)}")
    elif not done.running:
        say_done("no handler wants this event")
    if done.gone and only is None:
        click.echo(f"left alone, because there is no such handler: {printable(', '.join(done.gone))}", err=True)
    done.require_all()


def _line(event: Stored) -> str:
    about = "" if event.transcription_id is None else f"  transcription {event.transcription_id}"
    repeats = "" if event.deliveries == 1 else f"  delivered {event.deliveries} times"
    states = "".join(f"  {job.handler}:{job.state}" for job in event.jobs)
    if event.is_unwanted:
        states = "  no handler"
    return f"{clock(event.received_at)}  {event.state:<11}  {event.type or '-':<23}  {event.id}{about}{repeats}{states}"


def _say_delivered(whole: Whole) -> None:
    """Print how each delivery of an event came."""
    for one in whole.delivered:
        how = "by the spool" if one.how == "spooled" else one.how
        off = "" if one.seconds_off is None else f", signed {_off(one.seconds_off)}"
        secret = f", by secret {one.secret_fingerprint}" if one.secret_fingerprint else ""
        click.echo(f"  delivered {clock(one.at)}  {how}{off}{secret}")
    if more := whole.event.deliveries - len(whole.delivered):
        click.echo(f"  and {more} more")


def _off(seconds: float) -> str:
    return f"{abs(seconds):.0f} s {'before' if seconds >= 0 else 'after'}"


def _job_line(job: StoredJob) -> str:
    wait = f", due in {job.waits_seconds:.0f} s" if job.state == "pending" and job.waits_seconds > 0 else ""
    error = "" if job.error is None else f": {printable(job.error)}"
    return f"{job.handler}  {job.state}, attempt {job.attempt}{wait}{error}"


def _attempt_line(attempt: Attempt) -> str:
    took = "" if attempt.seconds is None else f" after {attempt.seconds:.2f} s"
    where = "" if attempt.worker is None else f" on {printable(attempt.worker)}"
    error = "" if attempt.error is None else f": {printable(attempt.error)}"
    return f"{clock(attempt.ended_at)}  attempt {attempt.attempt} {attempt.outcome}{took}{where}{error}"

"""`events`, `show` and `jobs`: look at stored events and their jobs."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import click

from receiver.cli import filters
from receiver.cli.choosing import known_handlers, say_unknown_handler
from receiver.cli.opening import with_database
from receiver.cli.options import as_json, examples, limit_option, stripped
from receiver.cli.printing import print_json
from receiver.cli.process import configure
from receiver.events import DEFAULT_ACCOUNT
from receiver.inbox import listing, lookup
from receiver.inbox.attempts import Attempt
from receiver.inbox.filters import ALL, ALL_JOBS, JOB_STATES, EventState, Filter, JobState
from receiver.inbox.listing import Stored, StoredJob
from receiver.inbox.lookup import Whole
from receiver.logs import clock, printable
from receiver.providers import TranscribeSo
from receiver.settings import Settings


@click.command(
    epilog=examples(
        "receiver events",
        "receiver events 4821",
        "receiver events --title 'lecture 7' --type 'transcription.*'",
        "receiver events --state dead --handler transcripts --since 7d",
        "receiver events --json --limit 0 | jq length",
    )
)
@filters.of_events
@click.option("--state", type=click.Choice(get_args(EventState)), help="Only those in this state.")
@limit_option(50)
@as_json
def events(limit: int, *, as_json: bool, state: EventState | None, **known: Any) -> None:
    """List events, newest first; with options, only those that match all of them.

    ID is that of an event, a transcription or a submission: the events that it means. With --handler, an event that is
    pending or dead is so because of the job of this handler.
    """
    wanted = Filter(state=state, **known)
    if wanted.contradiction:
        raise click.UsageError(wanted.contradiction)
    configured = configure()
    found = with_database(configured, lambda db: listing.recent(db, wanted, limit=limit or None))
    if as_json:
        print_json([event.to_json() for event in found])
        return
    for event in found:
        click.echo(_line(event))
    if not found:
        click.echo("no events yet" if wanted == ALL else "no such events", err=True)
        _say_unknown(configured, wanted)


@click.command(
    epilog=examples("receiver show evt_1234", "receiver show transcribe.so/evt_1234 --json | jq -r .raw | base64 -d")
)
@click.argument("event", callback=stripped)
@as_json
def show(event: str, *, as_json: bool) -> None:
    """Show one event with its deliveries, its jobs, their attempts and its body.

    EVENT is an event's id, source/id, @key, or the id of a transcription or a submission.
    """
    whole = with_database(configure(), lambda db: lookup.whole(db, event))
    if as_json:
        print_json(whole.to_json())
        return
    found = whole.event
    _say_what_it_is(found)
    for variant in whole.variants:
        click.echo(f"  another body with this id, quarantined: @{variant.key} {variant.id}")
    for late in whole.late:
        click.echo(f"  a webhook came late for it, and has no jobs of its own: @{late.key} {late.id}")
    _say_delivered(whole)
    for job in found.jobs:
        click.echo(f"  {_job_line(job)}")
        if (drop := whole.drop_of(job)) is not None:
            why = "" if drop.reason is None else f": {printable(drop.reason)}"
            click.echo(f"    dropped {clock(drop.dropped_at)} by {printable(drop.dropped_by)}{why}")
        for attempt in whole.attempts_at(job):
            click.echo(f"    {_attempt_line(attempt)}")
    if found.pruned_at is None:
        click.echo(printable(whole.raw.decode("utf-8", "backslashreplace").rstrip("\r\n")))


@click.command(
    epilog=examples(
        "receiver jobs",
        "receiver jobs 4821",
        "receiver jobs --dead --json",
        "receiver jobs --waiting                     what waits for turns, money or a key",
        "receiver jobs --state pending --handler transcripts",
    )
)
@filters.of_events
@click.option("--state", type=click.Choice(JOB_STATES), help="Only those in this state.")
@click.option("--dead", is_flag=True, help="Show only dead jobs: they run again only after `receiver replay`.")
@click.option(
    "--waiting", is_flag=True,
    help="Show only jobs that cannot run now for want of turns, money or a key, or because their handler says so.",
)  # fmt: skip
@limit_option(50)
@as_json
def jobs(limit: int, *, as_json: bool, state: JobState | None, dead: bool, waiting: bool, **known: Any) -> None:
    """List jobs, those of the newest events first; with options, only those that match all of them.

    ID is that of an event, a transcription or a submission: the jobs of the events that it means.
    """
    if (state is not None) + dead + waiting > 1:
        raise click.UsageError("--state, --dead and --waiting exclude each other")
    chosen: JobState | None = "dead" if dead else "pending" if waiting else state
    states = JOB_STATES if chosen is None else (chosen,)
    wanted = Filter(job_states=states, only_waiting=waiting, **known)
    configured = configure()
    found = with_database(configured, lambda db: listing.jobs(db, wanted, limit=limit or None))
    if as_json:
        print_json([listed.to_json() for listed in found])
        return
    for listed in found:
        account = "" if listed.account == DEFAULT_ACCOUNT else f"  {listed.source}/{listed.account}"
        about = account + _about(listed.transcription_id, listed.title)
        click.echo(f"{clock(listed.received_at)}  {listed.event}{about}  {_job_line(listed.job)}")
    if not found:
        is_plain = wanted == replace(ALL_JOBS, job_states=states, only_waiting=waiting)
        kind = "waiting jobs" if waiting else "jobs yet" if chosen is None else f"{chosen} jobs"
        click.echo(f"no {kind}" if is_plain else "no such jobs", err=True)
        _say_unknown(configured, wanted)


def _say_unknown(configured: Settings, wanted: Filter) -> None:
    """Say which wanted names nothing has here: they can be mistyped."""
    filters.say_unknown_account(configured, wanted.account)
    if wanted.handler is not None:
        known = known_handlers(configured)
        with_database(configured, lambda db: say_unknown_handler(db, wanted.handler, known))


_ORIGINS = {
    "webhook": "it came to the webhook",
    "callback": "it came to a callback",
    "submission": "we wrote it about a submission",
    "notice": "we wrote it about this service",
    "reconciled": "we found it in the provider's list, because no webhook had announced it",
}


def _about(transcription_id: str | None, title: str | None) -> str:
    """Return what an event is about, as lists say it."""
    about = "" if transcription_id is None else f"  transcription {transcription_id}"
    return about if title is None else f"{about}  “{printable(title)}”"


def _whose(event: Stored) -> str:
    """Return the source and the account of an event, as lists say them: only what is not usual."""
    if event.account != DEFAULT_ACCOUNT:
        return f"  {event.source}/{event.account}"
    return "" if event.source == TranscribeSo.name else f"  {event.source}"


def _line(event: Stored) -> str:
    about = _whose(event) + _about(event.transcription_id, event.title)
    repeats = "" if event.deliveries == 1 else f"  delivered {event.deliveries} times"
    states = "".join(f"  {job.handler}:{job.state}" for job in event.jobs)
    if event.is_unwanted:
        states = "  no handler"
    elif event.same_as is not None:
        states = f"  same as @{event.same_as}"
    if event.pruned_at is not None:
        states = "  pruned"
    return f"{clock(event.received_at)}  {event.state:<11}  {event.type or '-':<23}  {event.id}{about}{repeats}{states}"


def _say_what_it_is(found: Stored) -> None:
    """Print an event's line, and what is special about it."""
    click.echo(_line(found))
    if found.unreadable is not None:
        click.echo(f"  quarantined: {found.unreadable}")
    elif found.pruned_at is not None:
        click.echo(f"  pruned {clock(found.pruned_at)}: its body and its jobs are gone")
    elif found.is_unwanted:
        click.echo("  no handler wants it, so it is done")
    if found.same_as is not None:
        click.echo(
            f"  came late: its jobs are those of @{found.same_as}, which was made before because no webhook had come"
        )
    how = _ORIGINS.get(found.origin, found.origin)  # a later version can know more of them
    click.echo(f"  of {found.source}, account {found.account}, at {found.api_url}; {how}")


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
    is_due_later = job.state == "pending" and job.waits_seconds > 0
    due = f", due in {_length(timedelta(seconds=job.waits_seconds))}" if is_due_later else ""
    error = "" if job.error is None else f": {printable(job.error)}"
    if job.waiting_since is None or job.waited is None:
        return f"{job.handler}  {job.state}, attempt {job.attempt}{due}{error}"
    since = f"waiting for {_length(job.waited)}, since {clock(job.waiting_since)}"
    return f"{job.handler}  {since}, attempt {job.attempt}{due}{error}"


def _length(age: timedelta) -> str:
    """Return a length of time in its largest whole unit."""
    for unit, seconds in (("d", 86_400), ("h", 3600), ("min", 60)):
        if age.total_seconds() >= 2 * seconds:
            return f"{age.total_seconds() // seconds:.0f} {unit}"
    return f"{max(age.total_seconds(), 0):.0f} s"


def _attempt_line(attempt: Attempt) -> str:
    took = "" if attempt.seconds is None else f" after {attempt.seconds:.2f} s"
    where = "" if attempt.worker is None else f" on {printable(attempt.worker)}"
    error = "" if attempt.error is None else f": {printable(attempt.error)}"
    return f"{clock(attempt.ended_at)}  attempt {attempt.attempt} {attempt.outcome}{took}{where}{error}"

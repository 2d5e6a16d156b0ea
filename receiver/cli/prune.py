"""`prune`: delete what is old and over."""

import asyncio
import signal
import time
from datetime import timedelta

import click

from receiver.cli import terminal
from receiver.cli.opening import with_database
from receiver.cli.options import Duration, as_json, examples, yes_option
from receiver.cli.printing import confirm, print_json, say_done
from receiver.cli.process import configure
from receiver.cli.terminal import Show
from receiver.database import Pool
from receiver.inbox import retention
from receiver.inbox.retention import Gone, Horizon, Prune, many
from receiver.logs import clock
from receiver.submissions import clearing, costs
from receiver.submissions.shelf import open_shelf

ONLY_HERE = "the transcripts of other providers than transcribe.so cannot be fetched again"


@click.command(
    epilog=examples(
        "receiver prune --older-than 90d",
        "receiver prune --older-than 90d --archive --artifacts",
        "receiver prune --older-than 365d --yes --json",
    )
)
@click.option(
    "--older-than", type=Duration(), required=True, metavar="DURATION", help="What is older: 90d or 12w, for example."
)
@click.option("--archive", is_flag=True, help="Also the providers' answers: transcripts and timestamps as they came.")
@click.option(
    "--artifacts", is_flag=True, help="Also the files of submissions, those on this machine or in the bucket."
)
@yes_option
@as_json
def prune(older_than: timedelta, *, archive: bool, artifacts: bool, yes: bool, as_json: bool) -> None:
    """Delete old events whose jobs have all ended.

    Their jobs, attempts, deliveries and bodies are deleted with them. An event that was delivered in the last 30 days
    loses only its body and its jobs, so that a repeat is still a duplicate. These stay: events with dead or unfinished
    jobs, quarantined ones, those of submissions that are not over, and all that handlers have stored.
    """
    configured = configure()
    shelf = open_shelf(configured)

    async def work(db: Pool) -> tuple[Prune, bool, bool]:
        before = await retention.horizon(db, older_than)
        if not yes and not await _ask(db, before, archive=archive, artifacts=artifacts):
            return Prune(db, before), True, False
        with terminal.line() as show:
            run = Prune(db, before, stop=_stop_event())
            run.told = _Progress(run, show).told
            is_done = await run.run(answers=archive)
            if is_done and artifacts:
                show("files")
                is_done = await clearing.clear(run, shelf)
        unread = await costs.unread_since(db)
        return run, is_done, unread is not None and unread < before.at

    run, is_done, is_unread = with_database(configured, work)
    if not is_done:
        raise KeyboardInterrupt(f"pruned {run.gone}; the same command goes on")
    if as_json:
        print_json(run.gone.to_json())
    else:
        say_done(f"pruned {run.gone}")
    if is_unread:
        click.echo("left what the ledger of costs has not read yet: start `receiver work`, and prune again", err=True)
    if number := run.gone.files_elsewhere:
        left = f"{many(number, 'file')} that {'is' if number == 1 else 'are'} not in {shelf.bucket or shelf.place}"
        click.echo(f"left {left} or cannot be deleted: prune where they are", err=True)


class _Progress:
    """Shows how many events are gone, how many in a second, and how far the walk is."""

    def __init__(self, run: Prune, show: Show) -> None:
        self._run = run
        self._show = show
        self._began = time.monotonic()

    def told(self, share: float) -> None:
        """Show how far it is."""
        number = self._run.gone.events + self._run.gone.bodies
        rate = number / max(time.monotonic() - self._began, 0.001)
        done = round(20 * share)
        self._show(f"[{'#' * done}{'.' * (20 - done)}] {share:4.0%}  {number:,} events, {rate:,.0f}/s")


async def _ask(db: Pool, before: Horizon, *, archive: bool, artifacts: bool) -> bool:
    """Say how much goes at most, and ask; return False if there is nothing to ask for."""
    most, is_exact = await retention.count(db, before, answers=archive)
    if artifacts:
        files = await clearing.count(db, before)
        most.files, most.bytes, is_exact = files.most.files, files.most.bytes, is_exact and files.is_exact
    if most.answers:
        click.echo(f"{ONLY_HERE}: what handlers have stored of them stays, and nothing else", err=True)
    if most == Gone():
        click.echo(f"nothing is older than {clock(before.at)}", err=True)
        return False
    about = "" if is_exact else "about "
    estimate = "" if is_exact else " (an estimate: to count them would read them all)"
    click.echo(
        f"at most {about}{most}{estimate}, from before {clock(before.at)}; events with dead or unfinished jobs stay",
        err=True,
    )
    confirm("Delete them?")
    return True


def _stop_event() -> asyncio.Event:
    """Return an event that the first Ctrl-C sets; the batch under way ends. A second Ctrl-C interrupts it."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def on_interrupt() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, on_interrupt)
    return stop

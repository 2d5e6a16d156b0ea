"""`reconcile`: compare the provider's list with what was announced, now."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import click

from receiver.cli import terminal
from receiver.cli.opening import database_if_there
from receiver.cli.options import Duration, as_json, examples, yes_option
from receiver.cli.printing import confirm, print_json, say_done
from receiver.cli.process import configure, run
from receiver.database.opening import open_pool
from receiver.errors import ImpossibleError, NoDataError
from receiver.events import Event
from receiver.handling import discovery
from receiver.logs import printable
from receiver.providers import TranscribeSo
from receiver.providers.opening import open_client
from receiver.providers.rate import Rate
from receiver.settings import Settings
from receiver.settings.accounts import set_up
from receiver.submissions.announcing import Interested
from receiver.submissions.reconciling import asked, feed, reconciler

TITLES = 5


@click.command(
    epilog=examples(
        "receiver reconcile", "receiver reconcile --since 7d", "receiver reconcile --account big-show --json"
    )
)
@click.option(
    "--since", type=Duration(), metavar="TIME",
    help="Also take what was created within this time, has ended and has no event here, even from before this "
    "receiver's beginning: such as 7d, 12h. Asks first.",
)  # fmt: skip
@click.option("--account", "only", metavar="NAME", help="Compare only this account's list.")
@yes_option
@as_json
def reconcile(since: timedelta | None, only: str | None, *, yes: bool, as_json: bool) -> None:
    """Compare the provider's list with what it has announced, and make events of what it has not.

    Workers do the same every RECEIVER_RECONCILE_SECONDS. Whatever ended before this receiver's first registration is
    left alone without --since.
    """
    configured = configure()
    handlers = discovery.load(configured, quiet=True)
    interested = partial(discovery.interested, handlers.values())

    with database_if_there(configured) as url:
        if url is None:
            raise NoDataError("there is no database yet: run `receiver up`, or set DATABASE_URL")
        found, declined = list[dict[str, Any]](), False
        for one in _chosen(configured, only):
            try:
                found.append(run(_compare(one, url, interested, since, yes=yes, quiet=as_json)))
            except click.Abort as exc:
                if isinstance(exc.__context__, KeyboardInterrupt):
                    raise
                declined = True
                click.echo(f"{one.chosen.source}{one.chosen.mark}: left alone", err=True)
    if as_json:
        print_json(found)
    if declined:
        raise click.exceptions.Exit(1)


def _chosen(configured: Settings, only: str | None) -> list[Settings]:
    names = [account.name for account in set_up(configured.webhook_accounts) if account.key is not None]
    if only is not None and only not in names:
        known = ", ".join(names) or "none"
        raise ImpossibleError(f"there is no account {only} of transcribe.so with a key; there are: {known}")
    if not names:
        configured.account()  # says which key is missing
    return [configured.choosing(name) for name in names if only in (None, name)]


async def _compare(
    configured: Settings, url: str, interested: Interested, since: timedelta | None, *, yes: bool, quiet: bool
) -> dict[str, Any]:
    its = configured.chosen
    async with open_pool(url) as db, open_client(TranscribeSo, configured.account(), url) as client:
        with terminal.line() as show:
            what = f"comparing {its.source}{its.mark}"
            reconciling = reconciler.of(db, {its.id: client}, configured, interested)
            account = replace(
                reconciling.accounts[its.id], patiently=True,
                progressed=lambda compared, found: show(f"{what}  {compared} compared, {found} found"),
            )  # fmt: skip
            reconciling = replace(reconciling, accounts={its.id: account})
            show(what)
            comparison = await asked.compare_now(
                reconciling, its.id, waits=lambda: show(f"{what}: another process compares it now, waiting")
            )
            known, state = comparison.found, await reconciling.feed(its.id)

            def ask(events: Sequence[Event]) -> None:
                show(None)
                if not yes:
                    confirm(f"{its.source}{its.mark}: {_described(events, configured)}. Run their handlers?")

            compared = comparison.compared
            if since is not None:
                stored, number = await asked.take_since(account, since, confirm=ask)
                known, compared = known + len(stored), max(compared, number)
        counted = await feed.coverage(db, its.id)
    if not quiet:
        later = f"; {comparison.unripe} ended just now, and may still be announced" if comparison.unripe else ""
        say_done(f"{its.source}{its.mark}: {compared} compared, {known} stored that had no event{later}")
        if state.looks_off:
            click.echo(f"{its.source}{its.mark}: {feed.LOOKS_OFF}", err=True)
    return {
        "source": its.source, "account": its.name, "compared": compared, "stored": known, "unripe": comparison.unripe,
        "feed_looks_off": state.looks_off, "announced": counted.announced, "ended": counted.ended,
    }  # fmt: skip


def _described(events: Sequence[Event], configured: Settings) -> str:
    titles = [printable(one.transcription.title or f"transcription {one.transcription.id}") for one in events]
    more = f" and {len(titles) - TITLES:,} more" if len(titles) > TITLES else ""
    have, which = ("has", "1 transcription") if len(titles) == 1 else ("have", f"{len(titles):,} transcriptions")
    calls = len(events) * (1 + len(configured.timestamps))
    minutes = calls * Rate.of(configured.chosen.requests_a_minute).step / 60
    return (
        f"{which} {have} ended and {have} no event here: {', '.join(titles[:TITLES])}{more}. What was pruned has no "
        f"event either. The bundled handlers make at most about {calls:,} calls, which takes {minutes:,.0f} min"
    )

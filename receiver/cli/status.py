"""`status`: the whole state on one screen."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from math import ceil

import click

from receiver.cli.options import as_json, examples
from receiver.cli.printing import print_json
from receiver.cli.process import configure, run
from receiver.health import Finding, survey
from receiver.health.counts import DELIVERIES, REFUSALS, by_label
from receiver.health.failures import UNTIL_OFF
from receiver.health.figures import AccountFeed, Figures
from receiver.health.status import DEAD, SECONDS, Status, look
from receiver.health.telling import budgets_used
from receiver.inbox.jobs import counted as counted_up
from receiver.logs import clock, printable
from receiver.submissions.costs import amount

EVERY_SECONDS = 2.0
PATIENCE_SECONDS = 2.0
ONCE_SECONDS = 20.0  # nobody looks again by itself
CLEAR = "\x1b[H\x1b[2J\x1b[3J"
WIDTH = 11
MB = 1_000_000


@click.command(epilog=examples("receiver status", "receiver status --watch", "receiver status --json"))
@click.option("--watch", is_flag=True, help="Show it again every 2 seconds until Ctrl-C.")
@as_json
def status(*, watch: bool, as_json: bool) -> None:
    """Show the whole state on one screen: what is wrong, what comes, what waits, who runs.

    No provider is asked. While the database is away, a web process on this machine is asked.

    The exit status is 0, whatever is wrong: `receiver check` has one that tells.
    """
    if watch and (as_json or not sys.stdout.isatty()):
        raise click.UsageError("--watch needs a terminal, and no --json")
    configured = configure()
    with survey.subjects(configured, patience=PATIENCE_SECONDS) as subjects:

        async def show() -> None:
            while True:
                seen = await look(configured, subjects, seconds=SECONDS if watch else ONCE_SECONDS)
                if as_json:
                    print_json(seen.to_json())
                else:
                    lines = _fitting(_lines(seen)) if watch else _lines(seen)
                    click.echo((CLEAR if watch else "") + "\n".join(lines), color=_in_colour())
                if not watch:
                    return
                await asyncio.sleep(EVERY_SECONDS)

        if not watch:
            run(show())
            return
        with suppress(KeyboardInterrupt):  # how a watch ends
            run(show())


def _fitting(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines for which a screen has room: what is wrong stands at the top, and must stay there."""
    width, room = shutil.get_terminal_size()
    for line in lines:
        room -= max(1, ceil(len(click.unstyle(line)) / width))
        if room < 1:
            return
        yield line


def _in_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _lines(seen: Status) -> Iterator[str]:
    found = seen.figures
    schema = "" if found is None else f", schema {found.schema}"
    yield click.style(f"receiver {seen.version}{schema}   {clock(datetime.now(UTC))}", bold=True)
    yield from _findings(seen.findings)
    if found is None:
        if seen.told is not None:
            for account, number in sorted(budgets_used([seen.told]).items()):
                yield _row("account", f"{account}: {number:.0f} of {UNTIL_OFF} authentic deliveries refused in a row")
        return
    yield from _section("accounts", (_account(one, found) for one in found.feeds))
    yield from _section("deliveries", _deliveries(found))
    size, age = found.spools
    yield _row(
        "spool", f"{size / MB:,.1f} MB wait, the oldest for {_span(timedelta(seconds=age))}" if size else "empty"
    )
    yield from _section("jobs", _queues(found))
    causes = (f"{number} x {handler}: {printable(cause)}" for (handler, cause), number in seen.causes)
    yield from _section(f"newest {DEAD}" if _dead(found) > DEAD else "dead", causes)
    submitted = (f"{number} {state} ({source})" for (source, state), number in found.submissions.items() if number)
    yield from _section("submissions", [", ".join(submitted) or "none under way"])
    yield from _section(
        "replays", (f"{one.id}: {one.moved} of {one.total} moved, {one.passed} passed" for one in seen.replays)
    )
    budgets = (
        f"{turns.account.source} {turns.account.name}: {turns.free} of {turns.burst} requests free at once"
        + (f", the next in {turns.next_in:.0f} s" if turns.next_in else "")
        for turns in found.turns
    )
    yield from _section("budgets", budgets)
    yield from _section("money", _money(found))
    yield from _section("processes", _processes(found))
    yield from _section("database", [_database(found)])


def _findings(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield what does not hold, then what is only advice."""
    wrong = [finding for finding in findings if not finding.holds]
    for finding in wrong:
        yield click.style(f"{finding.sign}  ", fg="red", bold=True) + printable(f"{finding.name}: {finding.said}")
    for finding in findings:
        if finding.holds and finding.todo:
            yield click.style(f"{finding.sign}  ", fg="yellow") + printable(f"{finding.name}: {finding.said}")
    if not wrong:
        yield click.style("ok  ", fg="green") + "everything that was checked holds"


def _section(name: str, rows: Iterable[str]) -> Iterator[str]:
    for place, row in enumerate(rows):
        yield _row("" if place else name, row)


def _row(name: str, text: str) -> str:
    return click.style(f"{name:<{WIDTH}} ", fg="cyan") + text


def _account(one: AccountFeed, found: Figures) -> str:
    state = one.feed
    feed = "no secret" if state is None else "on"
    if state is not None and state.looks_off and state.missed_at is not None:
        feed = click.style(f"off: what ended {_ago(datetime.now(UTC) - state.missed_at)} was not announced", fg="red")
    heard = "nothing yet" if state is None or state.heard_at is None else _ago(datetime.now(UTC) - state.heard_at)
    share = "" if one.coverage.share is None else f", {100 * one.coverage.share:.1f} % announced"
    return (
        f"{one.account.name}: feed {feed}, last delivery {heard}{share}, "
        f"{found.budgets_used.get(one.account.name, 0):.0f} of {UNTIL_OFF} refused in a row"
    )


def _deliveries(found: Figures) -> Iterator[str]:
    for when, counted in (("last hour", found.last_hour), ("in all", found.totals)):
        answers, reasons = by_label(counted, DELIVERIES), by_label(counted, REFUSALS)
        why = f" ({', '.join(f'{number:,.0f} {reason}' for reason, number in reasons.items())})" if reasons else ""
        said = ", ".join(f"{number:,.0f} {answer}" for answer, number in answers.items())
        yield f"{when}: {said or 'none'}{why}"
    if found.quarantined:
        yield f"{counted_up(found.quarantined)} in quarantine: `receiver events --state quarantined`"


def _queues(found: Figures) -> Iterator[str]:
    queues = [queue for queue in found.queues if queue.due or queue.waiting or queue.running or queue.dead]
    if not queues:
        yield "none wait, run or are dead"
        return
    width = max(len("handler"), *(len(queue.handler) for queue in queues))
    yield f"{'handler':<{width}} {'due':>7} {'waiting':>7} {'running':>7} {'dead':>7}   oldest due"
    for queue in queues:
        oldest = "" if queue.oldest is None else _span(queue.oldest)
        unknown = "" if queue.is_known else " (no such handler here)"
        yield (
            f"{queue.handler:<{width}} {queue.due:>7} {queue.waiting:>7} {queue.running:>7} {queue.dead:>7}   "
            f"{oldest}{unknown}"
        )


def _dead(found: Figures) -> int:
    return sum(queue.dead for queue in found.queues)


def _money(found: Figures) -> Iterator[str]:
    for account, balance in found.balances.items():
        if balance.balance is not None or balance.trouble is not None:
            seen = "" if balance.seen_at is None else f", asked {_ago(datetime.now(UTC) - balance.seen_at)}"
            yield f"{account.source} {account.account}: {printable(balance.said)}{seen}"
    for account, units in sorted(found.charges.items()):
        for unit, charged in units.items():
            yield f"{account.source} {account.account}: {f'{amount(charged)} {unit}'.rstrip()} charged so far"
    for account, number in sorted(found.untold_charges.items()):
        yield f"{account.source} {account.account}: charges whose amount is not told: {number:,}"


def _processes(found: Figures) -> Iterator[str]:
    if not found.processes:
        yield "none"
    for process in found.processes:
        seen = f"seen {_ago(process.unseen_for)}"
        seen = seen if process.is_running else click.style(f"{seen}: hung, or gone without a word", fg="yellow")
        yield f"{process.name}, {process.version}, since {clock(process.started_at)}, {seen}"
    for api_url, number in found.elsewhere.items():
        yield f"{number} run for {api_url}, which is not looked at here: TRANSCRIBE_API_URL is another one"


def _database(found: Figures) -> str:
    facts = found.facts
    standbys = ", ".join(facts.standbys) if facts.standbys else "no standby"
    return (
        f"PostgreSQL {facts.version}, {facts.bytes / MB:,.1f} MB, {facts.connections} of {facts.most_connections} "
        f"connections, {standbys}, oldest snapshot {_span(found.oldest_snapshot)}"
    )


def _ago(span: timedelta) -> str:
    return f"{_span(span)} ago"


def _span(span: timedelta) -> str:
    seconds = max(0.0, span.total_seconds())
    for most, divisor, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < most:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"

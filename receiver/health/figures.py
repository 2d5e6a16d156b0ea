"""Read what an operator asks for from the database: who runs, what waits, what is broken, what is left.

Status, metrics and pages show the same figures. Each statement reads little however much is stored.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import NamedTuple

from receiver.database import Database, query
from receiver.events import AccountId, columns
from receiver.health import telling
from receiver.health.counts import CHARGES, UNTOLD, Series
from receiver.health.snapshots import Holder, holders
from receiver.health.telling import SPOOL_BYTES, Process
from receiver.inbox.jobs import COUNTED, SUBMISSIONS
from receiver.providers.rate import Rate
from receiver.settings import Account, Settings
from receiver.submissions import balances
from receiver.submissions.balances import Balance
from receiver.submissions.reconciling import feed
from receiver.submissions.reconciling.feed import Coverage, Feed
from receiver.webhooks import secrets


class Queue(NamedTuple):
    """The jobs of a handler, each number counted up to `COUNTED`.

    Attributes:
        due: pending, and could be claimed now.
        waiting: pending, for a later time.
        oldest: how long the oldest due live job has waited; None if none is due.
        is_known: whether this installation has the handler: jobs of another one are claimed by nobody.
    """

    handler: str
    due: int
    waiting: int
    running: int
    dead: int
    oldest: timedelta | None
    is_known: bool


class AccountFeed(NamedTuple):
    """What is known of an account's webhooks; `feed` is None if no secret of its webhook is known."""

    account: Account
    feed: Feed | None
    coverage: Coverage


class Turns(NamedTuple):
    """The request budget of an account: how many turns of how many are free now, and seconds until the next one."""

    account: Account
    free: int
    burst: int
    next_in: float


class Facts(NamedTuple):
    """What is known of the database server."""

    version: str
    bytes: int
    connections: int
    most_connections: int
    synchronous_commit: str
    standbys: Sequence[str]


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures, as they were read. `elsewhere` says how many processes run for which other APIs."""

    processes: Sequence[Process]
    accounts: Sequence[AccountId]
    elsewhere: Mapping[str, int]
    totals: Mapping[Series, float]
    last_hour: Mapping[Series, float]
    queues: Sequence[Queue]
    feeds: Sequence[AccountFeed]
    submissions: Mapping[tuple[str, str], int]
    quarantined: int
    balances: Mapping[AccountId, Balance]
    turns: Sequence[Turns]
    holders: Sequence[Holder]
    facts: Facts
    schema: str

    @property
    def budgets_used(self) -> dict[str, float]:
        """How much of each account's failure budget is used, as the web processes tell: the most of any."""
        return telling.budgets_used([process.told for process in self.running])

    @property
    def spools(self) -> tuple[float, float]:
        """How many bytes wait in the spools of all machines, and for how many seconds the oldest has waited.

        The processes of a machine share its spool. Of a machine on which none runs any more, what the last one has told
        counts: what lies in its spool waits there.
        """
        machines: dict[str, list[Process]] = {}
        for process in self.processes:
            if SPOOL_BYTES in process.told.gauges:
                machines.setdefault(process.host, []).append(process)
        spools = [_spool(processes) for processes in machines.values()]
        return sum((size for size, _ in spools), 0.0), max((age for _, age in spools), default=0.0)

    @property
    def charges(self) -> dict[AccountId, dict[str, float]]:
        """What each configured account was charged in all, by unit, as far as an amount is told."""
        found: dict[AccountId, dict[str, float]] = {}
        for series, amount in self.totals.items():
            if series.name == CHARGES and AccountId(*series.labels[:3]) in self.accounts:
                unit = series.labels[3]
                if unit or amount:  # versions before 0.12.1 wrote 0 for what nobody told
                    found.setdefault(AccountId(*series.labels[:3]), {})[unit] = amount
        return found

    @property
    def untold_charges(self) -> dict[AccountId, int]:
        """How many charges have no amount, of each configured account that has such."""
        numbers = {AccountId(*series.labels): int(n) for series, n in self.totals.items() if series.name == UNTOLD}
        return {account: number for account, number in numbers.items() if number and account in self.accounts}

    @property
    def running(self) -> list[Process]:
        """The processes that run."""
        return [process for process in self.processes if process.is_running]

    @property
    def oldest_snapshot(self) -> timedelta:
        """How long the oldest snapshot has been held, as far as our role can see it."""
        return max((one.ago for one in self.holders if one.ago is not None), default=timedelta(0))


def _spool(processes: Sequence[Process]) -> tuple[float, float]:
    running = [one for one in processes if one.is_running]
    return telling.spool_of(*[one.told for one in running or [min(processes, key=lambda one: one.unseen_for)]])


async def read(db: Database, configured: Settings, handlers: Collection[str]) -> Figures:
    """Read the figures for the configured accounts. `handlers` are those of this installation."""
    accounts = [account.id for account in configured.accounts]
    row = await db.fetchrow(query("health/database_facts"))
    assert row is not None, "it selects one row"
    return Figures(
        processes=await telling.processes(db, configured.chosen.api_url),
        accounts=accounts,
        elsewhere=await telling.elsewhere(db, configured.chosen.api_url),
        totals=await telling.totals(db),
        last_hour=await telling.last_hour(db),
        queues=await _queues(db, accounts, {*handlers, SUBMISSIONS}),
        feeds=await _feeds(db, configured),
        submissions={(account.source, "unknown"): 0 for account in configured.accounts}
        | {
            (row["source"], row["state"]): row["number"]
            for row in await db.fetch(query("health/count_submissions"), *columns(accounts))
        },
        quarantined=await db.fetchval(query("health/count_quarantined"), *columns(accounts), COUNTED),
        balances={whose: one for whose, one in (await balances.read(db)).items() if whose in accounts},
        turns=await _turns(db, configured),
        holders=await holders(db),
        facts=Facts(**dict(row)),
        schema=await db.fetchval(query("health/newest_migration")),
    )


async def _queues(db: Database, accounts: Sequence[AccountId], handlers: Collection[str]) -> list[Queue]:
    """Return the queues of all handlers that have jobs, and of all that are known."""
    rows = await db.fetch(query("health/queue_states"), *columns(accounts), COUNTED)
    found = [Queue(**dict(row), is_known=row["handler"] in handlers) for row in rows]
    idle = {*handlers} - {queue.handler for queue in found}
    return found + [Queue(name, 0, 0, 0, 0, None, is_known=True) for name in sorted(idle)]


async def _feeds(db: Database, configured: Settings) -> list[AccountFeed]:
    known = await secrets.read(db, [account.id for account in configured.webhook_accounts])
    found = []
    for one in configured.in_use:
        account = one.chosen
        proving = secrets.of_webhook(account, known)
        state = await feed.read(db, account.id, proving) if proving else None
        found.append(AccountFeed(account, state, await feed.coverage(db, account.id)))
    return found


async def _turns(db: Database, configured: Settings) -> list[Turns]:
    ahead = {
        (row["api_url"], row["key_fingerprint"]): row["ahead"] for row in await db.fetch(query("health/list_budgets"))
    }
    found = []
    for account in configured.accounts:
        taken = ahead.get((account.api_url, account.key_fingerprint))
        if account.key_fingerprint and taken is not None:
            rate = Rate.of(account.requests_a_minute)
            seconds = max(0.0, taken.total_seconds())
            free = max(0, rate.burst - ceil(seconds / rate.step))
            found.append(Turns(account, free, rate.burst, max(0.0, seconds - rate.ahead(live=True))))
    return found

"""Let others read what a process knows: its counts, its gauges, and what does not hold.

    Counts ──every few seconds──▶ its row in `receiver.processes` ──the difference──▶ `receiver.totals`, for ever
    Told   ──────────────────────▶                                                └─▶ `receiver.minutes`, two days

Whatever becomes of it, telling changes nothing in what is told. What a process has counted since it last wrote it down
is lost with the process if it is killed.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from receiver.database import Connection, Database, query
from receiver.events import AccountId
from receiver.health.counts import Counts, Series
from receiver.health.finding import Finding, read_findings

BUDGET_USED = "failure_budget_used"  # account
SPOOL_BYTES, SPOOL_SECONDS = Series("spool_bytes"), Series("spool_oldest_seconds")
UNSEEN = timedelta(seconds=5)  # one note can get lost, even if its statement takes all its time
NOBODY = f"no worker has been seen for {UNSEEN.seconds} s"
NO_WORKER = f"{NOBODY}, so nothing is replayed yet: run `receiver work`, or `receiver up`"


@dataclass(frozen=True, slots=True)
class Told:
    """What a process knows now: its gauges, the findings about itself, and the accounts for which it sends submissions.

    `sends_for` is None if the process does not say.
    """

    gauges: Mapping[Series, float] = field(default_factory=dict)
    findings: Sequence[Finding] = ()
    sends_for: frozenset[AccountId] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "gauges": {str(series): value for series, value in self.gauges.items()},
            # Of most nothing but that they hold: the row is written again and again.
            "findings": [
                finding.to_json() if finding.todo or not finding.holds else {"name": finding.name, "holds": True}
                for finding in self.findings
            ],
        } | ({} if self.sends_for is None else {"sends_for": sorted(self.sends_for)})


def read(told: object) -> Told:
    """Return what a process has told as JSON. What this version does not understand is left out, and nothing else."""
    gauges = told.get("gauges") if isinstance(told, Mapping) else None
    known = dict[Series, float]()
    for text, value in gauges.items() if isinstance(gauges, Mapping) else ():
        with suppress(ValueError, TypeError):
            known[Series.read(text)] = float(value)
    return Told(
        known, read_findings(told) or (), _accounts(told.get("sends_for") if isinstance(told, Mapping) else None)
    )


def _accounts(told: object) -> frozenset[AccountId] | None:
    """Return accounts that were told as JSON; None if they are not understood."""
    try:
        return frozenset(AccountId(*map(str, one)) for one in told) if isinstance(told, Sequence) else None
    except TypeError:
        return None


def budgets_used(told: Iterable[Told]) -> dict[str, float]:
    """Return how much of the failure budget each account has used: the most that any process has told."""
    found = dict[str, float]()
    for series, value in ((series, value) for one in told for series, value in one.gauges.items()):
        if series.name == BUDGET_USED:
            found[series.labels[0]] = max(value, found.get(series.labels[0], 0.0))
    return found


def spool_of(*told: Told) -> tuple[float, float]:
    """Return how many bytes wait in a spool, and for how many seconds the oldest: the most that a process has told."""
    return (
        max(one.gauges.get(SPOOL_BYTES, 0.0) for one in told),
        max(one.gauges.get(SPOOL_SECONDS, 0.0) for one in told),
    )


class Teller:
    """Writes down what one process knows."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._written: dict[str, float] = {}

    async def tell(self, connection: Connection, process: UUID) -> None:
        """Write down what has changed since the last time. To repeat it after a lost answer counts nothing twice."""
        now = self._counts.values()
        changed = [series for series, value in now.items() if value != self._written.get(series)]
        await connection.execute(
            query("health/tell"), process, changed, [now[series] for series in changed],
            [self._written.get(series, 0.0) for series in changed],
        )  # fmt: skip
        self._written = now


@dataclass(frozen=True, slots=True)
class Process:
    """A process that was seen in the last hour.

    Attributes:
        age: how long ago it began.
        unseen_for: how long ago it was seen last.
        is_running: whether that is not long ago.
        trouble: what keeps it from its work; None if nothing does.
    """

    kind: str
    host: str
    pid: int
    version: str
    trouble: str | None
    started_at: datetime
    age: timedelta
    unseen_for: timedelta
    is_running: bool
    told: Told

    @property
    def name(self) -> str:
        """What people call it, as `web host/123`."""
        return f"{self.kind} {self.host}/{self.pid}"

    def to_json(self) -> dict[str, Any]:
        """Return what is known of it, as JSON."""
        return {
            "kind": self.kind, "host": self.host, "pid": self.pid, "version": self.version,
            "started_at": self.started_at.isoformat(), "seconds": round(self.age.total_seconds()),
            "unseen_seconds": round(self.unseen_for.total_seconds(), 1), "running": self.is_running,
            "trouble": self.trouble, **self.told.to_json(),
        }  # fmt: skip


async def processes(db: Database, api_url: str) -> list[Process]:
    """Return the processes of an API that were seen in the last hour, the web processes first."""
    rows = await db.fetch(query("health/list_processes"), api_url, UNSEEN)
    return [Process(**{**dict(row), "told": read(json.loads(row["told"]))}) for row in rows]


async def has_worker(db: Database, api_url: str) -> bool:
    """Return whether a worker of an API runs."""
    return any(one.is_running and one.kind == "worker" for one in await processes(db, api_url))


async def nobody_sends(db: Database, account: AccountId | None, api_url: str) -> str | None:
    """Return why no worker of an API sends submissions for an account; None if one does, or might.

    Without an account any worker does.
    """
    workers = [one for one in await processes(db, api_url) if one.is_running and one.kind == "worker"]
    if not workers:
        return f"{NOBODY}: run `receiver work`, or `receiver up`"
    if account is None or any(one.told.sends_for is None or account in one.told.sends_for for one in workers):
        return None
    name = "" if account.is_default else f", account {account.account}"
    return (
        f"no worker that runs sends to {account.source}{name} at {account.api_url}: set its key where a worker runs "
        "(RECEIVER_CALLS must not be 0 there), and start that again"
    )


async def elsewhere(db: Database, api_url: str) -> dict[str, int]:
    """Return how many processes run for other APIs."""
    return {row["api_url"]: row["number"] for row in await db.fetch(query("health/other_processes"), api_url, UNSEEN)}


async def totals(db: Database) -> dict[Series, float]:
    """Return the sum of what all processes have ever counted."""
    return _by_series(await db.fetch(query("health/totals")))


async def last_hour(db: Database) -> dict[Series, float]:
    """Return the sum of what all processes have counted in the last hour."""
    return _by_series(await db.fetch(query("health/last_hour")))


def _by_series(rows: Sequence[asyncpg.Record]) -> dict[Series, float]:
    found: dict[Series, float] = {}
    for row in rows:
        with suppress(ValueError):  # another version has written it
            series = Series.read(row["series"])
            found[series] = found.get(series, 0.0) + row["value"]
    return found

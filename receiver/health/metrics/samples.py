"""Make the values of all metrics: from the figures, or from what a web process answers. Pure."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import NamedTuple, TypeAlias

from receiver.health.counts import BEYOND, BOUNDS, SUM, Series
from receiver.health.figures import Figures
from receiver.health.finding import Finding
from receiver.health.metrics.families import BY_NAME, FAMILIES, Family
from receiver.health.presence import version
from receiver.health.telling import Process

Labels: TypeAlias = tuple[str, ...]


class Buckets(NamedTuple):
    """The value of a histogram: the cumulated number below each bound, and the sum."""

    below: tuple[tuple[str, float], ...]
    sum: float


Values: TypeAlias = Mapping[str, Mapping[Labels, float | Buckets]]


def of_figures(found: Figures, findings: Iterable[Finding]) -> Values:
    """Return the values of every metric, by its name and its labels."""
    running = found.running
    values: dict[str, Mapping[Labels, float | Buckets]] = {
        **_counted(found.totals),
        "receiver_database_up": {(): 1.0},
        "receiver_processes": {(kind,): _number(running, kind) for kind in ("web", "worker")},
        "receiver_finding_holds": _holding(running, findings),
        "receiver_jobs": {
            (queue.handler, state): float(getattr(queue, state))
            for queue in found.queues
            for state in ("due", "waiting", "running", "dead")
        },
        "receiver_oldest_due_seconds": {
            (queue.handler,): 0.0 if queue.oldest is None else queue.oldest.total_seconds()
            for queue in found.queues
            if queue.is_known
        },
        **_told(found),
        **_feeds(found),
        "receiver_quarantined_events": {(): float(found.quarantined)},
        "receiver_submissions": {key: float(number) for key, number in found.submissions.items()},
        "receiver_charges": {
            (*_whose(account), unit): amount
            for account, units in found.charges.items()
            for unit, amount in units.items()
        },
        "receiver_balance": {
            (*_whose(account), one.unit): one.balance
            for account, one in found.balances.items()
            if one.balance is not None
        },
        "receiver_oldest_snapshot_seconds": {(): found.oldest_snapshot.total_seconds()},
        "receiver_info": {(version(), found.schema): 1.0},
    }
    return values


def of_answer(gauges: Mapping[Series, float], findings: Iterable[Finding]) -> Values:
    """Return what a web process knows while the database is away. Counters are left out: those of one would fall."""
    values: dict[str, dict[Labels, float]] = {
        "receiver_database_up": {(): 0.0},
        "receiver_finding_holds": {(finding.name,): float(finding.holds) for finding in findings},
    }
    for series, value in gauges.items():
        if (name := f"receiver_{series.name}") in BY_NAME:
            values.setdefault(name, {})[series.labels] = value
    return values


def _counted(totals: Mapping[Series, float]) -> dict[str, Mapping[Labels, float | Buckets]]:
    """Return the counters and histograms, those that were never counted without a value."""
    by_name: dict[str, dict[Labels, float]] = {}
    for series, value in totals.items():
        by_name.setdefault(series.name, {})[series.labels] = value
    return {
        family.name: _of_family(family, family.counted, by_name) for family in FAMILIES if family.counted is not None
    }


def _of_family(
    family: Family, counted: str, by_name: Mapping[str, Mapping[Labels, float]]
) -> Mapping[Labels, float | Buckets]:
    values = by_name.get(counted, {})
    if family.kind == "counter":
        return values if values or family.labels else {(): 0.0}
    sums = by_name.get(counted + SUM, {})
    ordered = sorted(values, key=lambda labels: labels[:-1])
    return {
        labels: Buckets(_cumulated(BOUNDS[counted], {one[-1]: values[one] for one in of_them}), sums.get(labels, 0.0))
        for labels, of_them in groupby(ordered, key=lambda labels: labels[:-1])
    }


def _cumulated(bounds: Iterable[float], numbers: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    below, found = 0.0, []
    for bound in (*map(repr, bounds), BEYOND):
        below += numbers.get(bound, 0.0)
        found.append((bound, below))
    return tuple(found)


def _holding(running: Iterable[Process], findings: Iterable[Finding]) -> Mapping[Labels, float]:
    """Return which findings hold: those about a process in all of them."""
    found: dict[Labels, float] = {("database",): 1.0}
    for finding in (*findings, *(one for process in running for one in process.told.findings)):
        found[finding.name,] = min(float(finding.holds), found.get((finding.name,), 1.0))
    return found


def _feeds(found: Figures) -> dict[str, Mapping[Labels, float]]:
    known = {_whose(one.account.id): one.feed for one in found.feeds if one.feed is not None}
    shares = {_whose(one.account.id): one.coverage.share for one in found.feeds}
    return {
        "receiver_feed_on": {whose: float(not feed.looks_off) for whose, feed in known.items()},
        "receiver_coverage_ratio": {whose: share for whose, share in shares.items() if share is not None},
        "receiver_last_delivery_timestamp_seconds": {
            whose: feed.heard_at.timestamp() for whose, feed in known.items() if feed.heard_at is not None
        },
    }


def _told(found: Figures) -> dict[str, Mapping[Labels, float]]:
    """Return what the web processes have told."""
    size, age = found.spools
    return {
        "receiver_spool_bytes": {(): size},
        "receiver_spool_oldest_seconds": {(): age},
        "receiver_failure_budget_used": {(account,): value for account, value in found.budgets_used.items()},
    }


def _number(running: Iterable[Process], kind: str) -> float:
    return float(sum(process.kind == kind for process in running))


def _whose(account: tuple[str, str, str]) -> tuple[str, str]:
    return account[0], account[2]

"""`receiver.health.metrics.samples`: the figures of the whole fleet, and of one process while the database is away."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from receiver.events import AccountId
from receiver.health.counts import Series
from receiver.health.figures import AccountFeed, Facts, Figures, Queue
from receiver.health.finding import Finding
from receiver.health.metrics import samples
from receiver.health.metrics.families import FAMILIES
from receiver.health.metrics.samples import Buckets
from receiver.health.telling import Process, Told
from receiver.settings import Account
from receiver.submissions.balances import Balance
from receiver.submissions.reconciling.feed import Coverage, Feed

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
ACCOUNT = Account("transcribe.so", "default", "https://api.test")
WEB = Process("web", "one", 1, "1", None, NOW, timedelta(0), timedelta(0), is_running=True, told=Told())
FIGURES = Figures(
    processes=[], accounts=[], elsewhere={}, totals={}, last_hour={}, queues=[],
    feeds=[], submissions={}, quarantined=0, balances={}, turns=[], holders=[],
    facts=Facts("18", 1, 1, 1, "on", ()), schema="0030_counts",
)  # fmt: skip


def told(host: str, *, size: float, age: float, used: float, is_running: bool = True) -> Process:
    gauges = {
        Series("spool_bytes"): size, Series("spool_oldest_seconds"): age,
        Series("failure_budget_used", ("default",)): used,
    }  # fmt: skip
    return replace(WEB, host=host, told=Told(gauges), is_running=is_running)


def test_processes_of_a_machine_share_a_spool_and_those_of_several_do_not() -> None:
    running = [
        told("one", size=5, age=9, used=1),
        told("one", size=5, age=8, used=3),
        told("two", size=7, age=2, used=0),
    ]
    gone = told("two", size=100, age=100, used=5, is_running=False)
    found = samples.of_figures(replace(FIGURES, processes=[*running, gone]), ())
    assert found["receiver_spool_bytes"] == {(): 12.0}
    assert found["receiver_spool_oldest_seconds"] == {(): 9.0}
    assert found["receiver_failure_budget_used"] == {("default",): 3.0}
    assert found["receiver_processes"] == {("web",): 3.0, ("worker",): 0.0}


def test_what_a_machine_has_spooled_waits_also_when_nobody_runs_there_any_more() -> None:
    gone = [
        replace(told("one", size=size, age=7, used=0, is_running=False), unseen_for=timedelta(minutes=ago))
        for size, ago in ((5, 1), (9, 30))
    ]
    found = samples.of_figures(replace(FIGURES, processes=gone), ())
    assert found["receiver_spool_bytes"] == {(): 5.0}
    assert found["receiver_failure_budget_used"] == {}


def test_a_finding_about_a_process_holds_if_it_does_in_each() -> None:
    spools = [replace(WEB, told=Told(findings=[Finding("spool", holds=holds, seen="")])) for holds in (True, False)]
    found = samples.of_figures(replace(FIGURES, processes=spools), [Finding("worker", holds=True, seen="")])
    assert found["receiver_finding_holds"] == {("database",): 1.0, ("worker",): 1.0, ("spool",): 0.0}


def test_charges_are_those_of_the_configured_accounts() -> None:
    totals = {
        Series("charges", ("timbr", api, "default", "USD")): amount
        for api, amount in (("https://api.test", 2.0), ("https://other.test", 9.0))
    }
    accounts = [AccountId("timbr", "https://api.test", "default")]
    found = samples.of_figures(replace(FIGURES, totals=totals, accounts=accounts), ())
    assert found["receiver_charges"] == {("timbr", "default", "USD"): 2.0}


def test_what_nobody_told_is_no_charge_of_nothing() -> None:
    account = AccountId("timbr", "https://api.test", "default")
    written = replace(FIGURES, totals={Series("charges", (*account, "")): 0.0}, accounts=[account])
    assert samples.of_figures(written, ())["receiver_charges"] == {}


def test_the_buckets_of_a_histogram_are_added_up() -> None:
    totals = {
        Series("attempt_seconds", ("a", "0.1")): 2.0, Series("attempt_seconds", ("a", "+Inf")): 1.0,
        Series("attempt_seconds", ("b", "10.0")): 4.0, Series("attempt_seconds_sum", ("a",)): 5000.5,
    }  # fmt: skip
    found = samples.of_figures(replace(FIGURES, totals=totals), ())["receiver_attempt_seconds"]
    assert found == {
        ("a",): Buckets(
            (("0.01", 0), ("0.1", 2), ("1.0", 2), ("10.0", 2), ("60.0", 2), ("600.0", 2), ("3600.0", 2), ("+Inf", 3)),
            5000.5,
        ),
        ("b",): Buckets(
            (("0.01", 0), ("0.1", 0), ("1.0", 0), ("10.0", 4), ("60.0", 4), ("600.0", 4), ("3600.0", 4), ("+Inf", 4)),
            0.0,
        ),
    }


def test_counters_are_what_was_counted() -> None:
    totals = {Series("deliveries", ("default", "stored")): 7.0, Series("of a newer version"): 1.0}
    found = samples.of_figures(replace(FIGURES, totals=totals), ())
    assert found["receiver_deliveries_total"] == {("default", "stored"): 7.0}


def test_jobs_of_handlers_that_are_gone_do_not_wait() -> None:
    queues = [
        Queue("mine", 1, 2, 3, 4, timedelta(seconds=9), is_known=True),
        Queue("idle", 0, 0, 0, 1, None, is_known=True),
        Queue("gone", 5, 0, 0, 0, timedelta(days=9), is_known=False),
    ]
    found = samples.of_figures(replace(FIGURES, queues=queues), ())
    assert found["receiver_oldest_due_seconds"] == {("mine",): 9.0, ("idle",): 0.0}
    assert found["receiver_jobs"]["mine", "running"] == 3.0
    assert found["receiver_jobs"]["gone", "due"] == 5.0


def test_a_feed_is_on_off_or_not_known() -> None:
    late = NOW + timedelta(hours=1)
    two, three = replace(ACCOUNT, name="two"), replace(ACCOUNT, name="three")
    feeds = [
        AccountFeed(ACCOUNT, Feed(NOW, late), Coverage(1, 4)), AccountFeed(two, Feed(late, NOW), Coverage(0, 0)),
        AccountFeed(three, None, Coverage(0, 0)),
    ]  # fmt: skip
    found = samples.of_figures(replace(FIGURES, feeds=feeds), ())
    assert found["receiver_feed_on"] == {("transcribe.so", "default"): 0.0, ("transcribe.so", "two"): 1.0}
    assert found["receiver_coverage_ratio"] == {("transcribe.so", "default"): 0.25}
    assert found["receiver_last_delivery_timestamp_seconds"]["transcribe.so", "default"] == NOW.timestamp()


def test_a_balance_that_nobody_knows_is_no_zero() -> None:
    accounts = [AccountId("timbr", "https://api.test", name) for name in ("a", "b")]
    balances = {account: Balance(account, amount, "USD", NOW, None) for account, amount in zip(accounts, (5.0, None))}  # noqa: B905 - as many
    found = samples.of_figures(replace(FIGURES, balances=balances), ())
    assert found["receiver_balance"] == {("timbr", "a", "USD"): 5.0}


def test_without_the_database_a_process_tells_what_it_knows_and_no_counter_falls() -> None:
    gauges = {
        Series("failure_budget_used", ("a",)): 3.0,
        Series("failure_budget_used", ("b",)): 0.0,
        Series("new"): 1.0,
    }
    found = samples.of_answer(gauges, [Finding("spool", holds=False, seen="full")])
    assert found == {
        "receiver_database_up": {(): 0.0},
        "receiver_finding_holds": {("spool",): 0.0},
        "receiver_failure_budget_used": {("a",): 3.0, ("b",): 0.0},
    }


def test_every_metric_but_that_of_the_scrape_has_its_values() -> None:
    found = samples.of_figures(FIGURES, ())
    assert {one.name for one in FAMILIES} - found.keys() == {"receiver_scrape_seconds"}
    assert found.keys() <= {one.name for one in FAMILIES}

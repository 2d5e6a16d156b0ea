"""promtool on our alert rules: each fires on series that a test makes up, and keeps silent on others.

A series is written as promtool takes it, a sample every 15 s: `1x4 0x2` is 1 five times, then 0 three times; `_` is
none, and `stale` is what a scrape without this series, or none at all, leaves.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.peers.prometheus import RULES, Programs, rendered
from tests.readme import block

OURS = {one["alert"]: one for one in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}
TARGET = {"job": "receiver", "instance": "one"}
FEED = {"source": "transcribe.so", "account": "default"}


@dataclass(frozen=True, slots=True)
class Fires:
    """One alert that fires: its labels beside `severity`, and the value as its text says it."""

    labels: Mapping[str, str]
    value: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """What is scraped, and what an alert is at some times."""

    alert: str
    what: str
    series: Sequence[tuple[str, Mapping[str, str], str]]
    at: Mapping[str, Sequence[Fires]]

    def to_test(self) -> dict[str, object]:
        """Return it as promtool's test."""
        rule = OURS[self.alert]
        expected = [
            {
                "eval_time": moment,
                "alertname": self.alert,
                "exp_alerts": [
                    {
                        "exp_labels": {**one.labels, **rule["labels"]},
                        "exp_annotations": {
                            name: rendered(text, one.labels, one.value) for name, text in rule["annotations"].items()
                        },
                    }
                    for one in fires
                ],
            }
            for moment, fires in self.at.items()
        ]
        return {"interval": "15s", "input_series": written(self.series), "alert_rule_test": expected}


def written(series: Sequence[tuple[str, Mapping[str, str], str]]) -> list[dict[str, str]]:
    """Return series as promtool reads them."""
    return [
        {"series": f"{name}{{{','.join(f'{k}={json.dumps(v)}' for k, v in labels.items())}}}", "values": values}
        for name, labels, values in series
    ]


def ran(programs: Programs, folder: Path, tests: Sequence[dict[str, object]]) -> None:
    """Have promtool run tests of our rules, which pass. YAML is a superset of JSON."""
    file = folder / "test.yml"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": list(tests)}))
    programs.check("test", "rules", str(file))


def of(name: str, values: str, /, **labels: str) -> tuple[str, Mapping[str, str], str]:
    """Return a series of the one target."""
    return (f"receiver_{name}", TARGET | labels, values)


JOB = {"job": "receiver"}
NOTHING: Sequence[Fires] = ()
CASES = (
    Case("ReceiverFeedOff", "within a minute, for the account that is silent alone",
         [of("feed_on", "1x4 0x8 1x4", **FEED), of("feed_on", "1x40", source="transcribe.so", account="big-show")],
         {"1m": NOTHING, "1m15s": [Fires(JOB | FEED)], "3m15s": [Fires(JOB | FEED)], "3m30s": NOTHING}),
    Case("ReceiverFailureBudget", "at three, at once",
         [of("failure_budget_used", "0 2x3 3 4 0x4", account="default"), of("failure_budget_used", "2x9", account="b")],
         {"1m": NOTHING, "1m15s": [Fires(JOB | {"account": "default"}, "3")],
          "1m30s": [Fires(JOB | {"account": "default"}, "4")], "1m45s": NOTHING}),
    Case("ReceiverNoWebProcess", "where webhooks have come, and longer than a deploy",
         [of("processes", "2 0x40", kind="web"), of("processes", "1x40", kind="worker"),
          of("last_delivery_timestamp_seconds", "1800000000x40", **FEED)],
         {"2m": NOTHING, "2m15s": [Fires(JOB)]}),
    Case("ReceiverNoWebProcess", "never where no webhook is received", [of("processes", "0x40", kind="web")],
         {"9m": NOTHING}),
    Case("ReceiverNoWebProcess", "not while one of several is left",
         [of("processes", "2 1x40", kind="web"), of("last_delivery_timestamp_seconds", "1800000000x40", **FEED)],
         {"9m": NOTHING}),
    Case("ReceiverNoWorker", "longer than a deploy",
         [of("processes", "2 0x40", kind="worker"), of("processes", "1x40", kind="web")],
         {"2m": NOTHING, "2m15s": [Fires(JOB)]}),
    Case("ReceiverNoWorker", "not while it is restarted",
         [of("processes", "1x4 0x6 1x20", kind="worker")], {"2m30s": NOTHING, "5m": NOTHING}),
    Case("ReceiverDatabaseDown", "longer than a restart",
         [of("database_up", "1 0x40 1x4")], {"2m": NOTHING, "2m15s": [Fires(TARGET)], "10m30s": NOTHING}),
    Case("ReceiverDatabaseDown", "not for a restart", [of("database_up", "1x4 0x7 1x20")],
         {"2m45s": NOTHING, "5m": NOTHING}),
    Case("ReceiverDatabaseDown", "for the process alone that does not reach it",
         [of("database_up", "1x40"), ("receiver_database_up", TARGET | {"instance": "two"}, "0x40")],
         {"9m": [Fires(TARGET | {"instance": "two"})]}),
    Case("ReceiverAbsent", "after five minutes without an answer, by its job",
         [of("database_up", "1x8 stale _x60"), ("receiver_database_up", {"job": "staging", "instance": "x"}, "1x99")],
         {"7m": NOTHING, "7m15s": [Fires(JOB)]}),
    Case("ReceiverAbsent", "not while another target of its job answers",
         [of("database_up", "1x8 stale _x60"), ("receiver_database_up", TARGET | {"instance": "two"}, "1x99")],
         {"9m": NOTHING}),
    Case("ReceiverAbsent", "where there has never been one", [], {"4m45s": NOTHING, "5m": [Fires({})]}),
    Case("ReceiverAbsent", "also more than a day later",
         [of("database_up", "1 stale")], {"23h": [Fires(JOB)], "24h10m": [Fires({})]}),
    Case("ReceiverAbsent", "not while the database is away", [of("database_up", "0x40")], {"10m": NOTHING}),
    Case("ReceiverDeadJobs", "within a minute, by handler, once for two targets",
         [of("jobs", "0x3 2x9 0x9", handler="crm", state="dead"), of("jobs", "0x40", handler="pings", state="dead"),
          ("receiver_jobs", TARGET | {"instance": "two", "handler": "crm", "state": "dead"}, "0x3 2x9 0x9"),
          of("jobs", "9x40", handler="crm", state="due"), of("jobs", "9x40", handler="crm", state="waiting")],
         {"45s": NOTHING, "1m": [Fires(JOB | {"handler": "crm"}, "2")], "3m30s": NOTHING}),
    Case("ReceiverUnknownSubmission", "within a minute, by source",
         [of("submissions", "0x3 1x9 0x9", source="timbr", state="unknown"),
          of("submissions", "5x40", source="openai", state="sent"),
          of("submissions", "5x40", source="timbr", state="overdue")],
         {"45s": NOTHING, "1m": [Fires(JOB | {"source": "timbr"}, "1")], "3m30s": NOTHING}),
    Case("ReceiverOldestDue", "older than five minutes, for two",
         [of("oldest_due_seconds", "0+15x60", handler="crm"), of("oldest_due_seconds", "300x60", handler="pings")],
         {"5m": NOTHING, "7m": NOTHING, "7m15s": [Fires(JOB | {"handler": "crm"}, "7m 15s")]}),
    Case("ReceiverOldestDue", "also if some scrapes fail",
         [of("oldest_due_seconds", "400x4 stale _x3 460x4 stale _x6 600x20", handler="crm")],
         {"1m45s": NOTHING, "2m": [Fires(JOB | {"handler": "crm"}, "6m 40s")],
          "4m": [Fires(JOB | {"handler": "crm"}, "7m 40s")]}),
    Case("ReceiverDeadJobs", "not any more once nothing tells of them",
         [of("jobs", "2x3 stale _x40", handler="crm", state="dead")],
         {"2m30s": [Fires(JOB | {"handler": "crm"}, "2")], "3m": NOTHING}),
    Case("ReceiverSpoolNotEmpty", "longer than a restart of the database",
         [of("spool_bytes", "0 512x40 0x9")], {"5m": NOTHING, "5m15s": [Fires(JOB)], "10m30s": NOTHING}),
    Case("ReceiverSpoolNotEmpty", "not for a restart", [of("spool_bytes", "0 512x12 0x20")],
         {"3m": NOTHING, "6m": NOTHING}),
    Case("ReceiverOldSnapshot", "older than five minutes, for five",
         [of("oldest_snapshot_seconds", "0+15x60")], {"10m": NOTHING, "10m15s": [Fires(JOB, "10m 15s")]}),
    Case("ReceiverOldSnapshot", "not for one that ends", [of("oldest_snapshot_seconds", "0+15x30 0x40")],
         {"8m": NOTHING, "12m": NOTHING}),
)  # fmt: skip


def test_the_rules_are_well_formed(prometheus: Programs) -> None:
    assert f"{len(OURS)} rules found" in prometheus.check("check", "rules", str(RULES))


def test_the_configuration_of_the_readme_is_well_formed(prometheus: Programs, tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text(block("rule_files:"))
    (tmp_path / "receiver-rules.yml").write_text(RULES.read_text())
    assert f"{len(OURS)} rules found" in prometheus.check("check", "config", str(tmp_path / "prometheus.yml"))


def test_every_alert_is_seen_to_fire_and_not_to() -> None:
    assert {one.alert for one in CASES if any(one.at.values())} == set(OURS)
    assert {one.alert for one in CASES if not all(one.at.values())} == set(OURS)


@pytest.mark.parametrize("case", CASES, ids=lambda one: f"{one.alert}: {one.what}")
def test_the_alert_fires(prometheus: Programs, tmp_path: Path, case: Case) -> None:
    ran(prometheus, tmp_path, [case.to_test()])


def test_a_deploy_of_a_minute_and_the_backlog_after_it_page_nobody(prometheus: Programs, tmp_path: Path) -> None:
    """For a minute nothing answers, then the database is still away, then everything has work of a minute."""
    gone = "1x8 stale _x3"
    series = [
        of("database_up", f"{gone} 0x3 1x60"),
        of("feed_on", f"{gone} _x4 1x60", **FEED),
        of("last_delivery_timestamp_seconds", f"{gone} _x4 1800000000x60", **FEED),
        of("processes", f"{gone} _x4 0x2 1x60", kind="web"),
        of("processes", f"{gone} _x4 0x2 1x60", kind="worker"),
        of("spool_bytes", "0x8 stale _x3 4096x6 0x60"),
        of("oldest_due_seconds", "0x8 stale _x7 90x4 0x60", handler="crm"),
        of("jobs", "0x8 stale _x7 0x60", handler="crm", state="dead"),
        of("failure_budget_used", "0x8 stale _x7 2x4 0x60", account="default"),
    ]
    moments = [f"{quarter * 15}s" for quarter in range(60)]
    expected = [{"eval_time": one, "alertname": name, "exp_alerts": []} for one in moments for name in OURS]
    ran(
        prometheus, tmp_path, [{"interval": "15s", "input_series": written(series), "alert_rule_test": expected}]
    )  # fmt: skip

"""The alert rules and the dashboard speak of what exists: metrics, labels, commands. `tests/peers` runs the rules."""

import json
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest
import yaml

from receiver.cli import main
from receiver.health.metrics.families import FAMILIES
from tests.processes import REPOSITORY

FOLDER = REPOSITORY / "receiver/health/metrics"
(GROUP,) = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
RULES: list[dict[str, Any]] = GROUP["rules"]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
COMMAND = re.compile(r"`(receiver [^`]+)`")
METRIC = re.compile(r"\b(receiver_\w+)(?:\{([^}]*)\})?")
METRICS = {family.name: {*family.labels, *(("le",) if family.kind == "histogram" else ())} for family in FAMILIES}
OF_PROMETHEUS = {"instance", "job", "pod"}


def expressions() -> Iterator[str]:
    """Yield every expression of the rules, the panels and the variables."""
    yield from (rule["expr"] for rule in RULES)
    yield from (target["expr"] for panel in PANELS for target in panel.get("targets", ()))
    yield from (one["definition"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query")


def metric(name: str) -> str:
    """Return the metric of which this is a series."""
    return re.sub(r"_(bucket|sum|count)$", "", name)


def test_every_metric_that_is_asked_for_exists_with_the_labels_that_are_asked_for() -> None:
    unknown = set()
    for expression in expressions():
        asked = METRIC.findall(expression)
        named = {
            name
            for one in re.findall(r"(?:by|without|on|ignoring) \(([^)]*)\)", expression)
            for name in one.split(", ")
        }
        known = set().union(OF_PROMETHEUS, *(METRICS.get(metric(name), set()) for name, _ in asked))
        unknown |= {name for name, _ in asked if metric(name) not in METRICS} | named - known
        for name, matchers in asked:
            labels = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", matchers))
            unknown |= labels - METRICS.get(metric(name), set()) - OF_PROMETHEUS
    assert unknown == set()


def test_the_dashboard_shows_every_metric_but_how_long_it_took_to_tell_them() -> None:
    shown = {
        metric(name) for panel in PANELS for one in panel.get("targets", ()) for name, _ in METRIC.findall(one["expr"])
    }
    assert set(METRICS) - shown == {"receiver_scrape_seconds"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_how_bad_it_is_and_what_to_run(rule: dict[str, Any]) -> None:
    assert set(rule["annotations"]) == {"summary", "description"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert not set(rule["labels"]) - {"severity"}
    assert COMMAND.search(rule["annotations"]["description"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_the_commands_of_an_alert_exist_with_their_options(rule: dict[str, Any]) -> None:
    for line in set(COMMAND.findall(rule["annotations"]["description"])):
        name, *words = line.removeprefix("receiver ").split()
        assert name in main.commands, line
        options = {
            one for option in main.commands[name].params if isinstance(option, click.Option) for one in option.opts
        }
        assert {word for word in words if word.startswith("-")} <= options, line


def test_the_table_of_the_readme_is_what_the_rules_are() -> None:
    rows = re.findall(
        r"^\| `(Receiver\w+)` \| (\w+) \| ([^|]+) \|", (REPOSITORY / "README.md").read_text(), re.MULTILINE
    )
    assert rows == [(one["alert"], one["labels"]["severity"], one.get("for", "at once")) for one in RULES]


def test_what_cannot_wait_is_an_alert_within_a_minute_and_what_a_restart_brings_waits_longer() -> None:
    at_once = {rule["alert"] for rule in RULES if "for" not in rule}
    assert at_once == {"ReceiverFeedOff", "ReceiverFailureBudget", "ReceiverDeadJobs", "ReceiverUnknownSubmission"}
    assert {rule["for"] for rule in RULES if "for" in rule} == {"2m", "5m"}
    assert GROUP["interval"] == "15s"


def test_the_dashboard_can_be_imported_as_it_is() -> None:
    """Its data source is chosen at the top of the page, and no panel names one of somebody's own."""
    assert (DASHBOARD["schemaVersion"], DASHBOARD["id"]) == (42, None)
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    own = {"type": "prometheus", "uid": "${datasource}"}
    assert [one["name"] for one in DASHBOARD["templating"]["list"]] == ["datasource", "job"]
    assert all(panel["datasource"] == own for panel in PANELS if panel["type"] != "row")


def test_the_panels_stand_in_the_order_in_which_an_operator_asks() -> None:
    rows = [panel["title"] for panel in PANELS if panel["type"] == "row"]
    assert rows == ["Are we receiving?", "Are we keeping up?", "What is broken?", "What do we pay?"]
    places = [panel["gridPos"] for panel in PANELS]
    assert places == sorted(places, key=lambda place: (place["y"], place["x"]))
    taken = [
        (x, y) for at in places for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24

"""`receiver.health.metrics.families`: every metric is in the README, and no name or label is one that grows."""

import re

from receiver.health.metrics.families import FAMILIES
from tests.rooms import PACKAGE

README = (PACKAGE.parent / "README.md").read_text()
ROW = re.compile(r"^\| `(receiver_[a-z_]+)` \| (\w+) \| (.*?) \| (.+) \|$", re.MULTILINE)
LABELS = {
    "account", "answer", "endpoint", "finding", "handler", "kind", "origin", "outcome", "reason", "schema", "source",
    "state", "status", "type", "unit", "version",
}  # fmt: skip


def test_every_metric_is_documented_and_every_documented_one_exists() -> None:
    documented = [
        (name, kind, re.findall(r"`(\w+)`", labels), text) for name, kind, labels, text in ROW.findall(README)
    ]
    assert documented == [(one.name, one.kind, list(one.labels), one.help) for one in FAMILIES]


def test_a_counter_and_only_a_counter_ends_with_total() -> None:
    assert all(one.name.endswith("_total") is (one.kind == "counter") for one in FAMILIES)


def test_labels_are_words_that_do_not_grow_with_the_data() -> None:
    assert {label for one in FAMILIES for label in one.labels} <= LABELS

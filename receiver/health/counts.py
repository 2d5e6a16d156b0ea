"""Count what a process does. Pure: it only grows in memory, and `telling` writes it down.

A series is a name and its labels, such as `deliveries["default", "stored"]`. As text it is the name and a JSON array,
the same here and in SQL. A histogram is a series for each bucket, whose last label is the bucket's bound, and one for
the sum.
"""

import json
from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

DELIVERIES = "deliveries"  # account, answer
REFUSALS = "refusals"  # account, reason
ANSWER_SECONDS = "answer_seconds"
EVENTS = "events"  # source, type, origin; written by the ledger
ATTEMPTS = "attempts"  # handler, outcome
ATTEMPT_SECONDS = "attempt_seconds"  # handler
CALLS = "provider_calls"  # source, account, endpoint, status
CALL_SECONDS = "provider_call_seconds"  # source
CHARGES = "charges"  # source, API URL, account, unit; added up by the ledger
UNTOLD = "charges_untold"  # source, API URL, account: how many charges have no amount
WAIT_SECONDS = "budget_wait_seconds"  # source, account

SUM = "_sum"
# The bounds of the buckets, in seconds. The last bucket has no bound.
BOUNDS: Mapping[str, tuple[float, ...]] = {
    ANSWER_SECONDS: (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
    ATTEMPT_SECONDS: (0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0),
    CALL_SECONDS: (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
}
BEYOND = "+Inf"
MOST = 300  # series of a name: whatever its labels are made of, it does not grow with the data
OTHER = "other"


class Series(NamedTuple):
    """What is counted: a name and its labels."""

    name: str
    labels: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name + json.dumps(self.labels, ensure_ascii=False)

    @classmethod
    def read(cls, text: str) -> "Series":
        """Return the series that a text names.

        Raises:
            ValueError: it names none.
        """
        name, bracket, labels = text.partition("[")
        return cls(name, tuple(map(str, json.loads(bracket + labels))))


class Counts:
    """What a process has counted since it began."""

    def __init__(self) -> None:
        self._values: dict[Series, float] = {}
        self._known: dict[str, set[tuple[str, ...]]] = {}

    def add(self, name: str, *labels: str, by: float = 1.0) -> None:
        """Add to a series. Beyond `MOST` series of a name, all others are counted as one."""
        self._add(Series(name, self._fitting(name, labels)), by)

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """Add a duration to a histogram."""
        bounds, labels = BOUNDS[name], self._fitting(name, labels)
        place = bisect_left(bounds, seconds)
        self._add(Series(name, (*labels, BEYOND if place == len(bounds) else repr(bounds[place]))), 1.0)
        self._add(Series(name + SUM, labels), seconds)

    def values(self) -> dict[str, float]:
        """Return every series as text, and its value."""
        return {str(series): value for series, value in self._values.items()}

    def _add(self, series: Series, by: float) -> None:
        self._values[series] = self._values.get(series, 0.0) + by

    def _fitting(self, name: str, labels: tuple[str, ...]) -> tuple[str, ...]:
        known = self._known.setdefault(name, set())
        if labels not in known:
            if len(known) >= MOST:
                return (OTHER,) * len(labels)
            known.add(labels)
        return labels


def by_label(counted: Mapping[Series, float], name: str) -> dict[str, float]:
    """Return the sums of a name's series by their last label, which tells most: the answer, or the reason."""
    found = dict[str, float]()
    for series, value in sorted(counted.items()):
        if series.name == name:
            found[series.labels[-1]] = found.get(series.labels[-1], 0.0) + value
    return found

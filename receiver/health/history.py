"""What all processes have counted in the last hours, for charts."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from receiver.database import Database, query
from receiver.health.counts import ANSWER_SECONDS, ATTEMPTS, BEYOND, BOUNDS, DELIVERIES, REFUSALS, Series

STEP = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class History:
    """Sums over equal steps of time, the oldest first.

    Attributes:
        counted: for each step and series, its sum.
    """

    counted: Sequence[dict[Series, float]]

    def sums(self, name: str) -> list[float]:
        """Return, for each step, the sum of a name's series."""
        return [sum(value for series, value in step.items() if series.name == name) for step in self.counted]

    @property
    def deliveries(self) -> list[float]:
        """How many deliveries were answered."""
        return self.sums(DELIVERIES)

    @property
    def refused(self) -> list[float]:
        """How many deliveries were refused."""
        return self.sums(REFUSALS)

    @property
    def attempts(self) -> list[float]:
        """How many attempts at jobs have ended."""
        return self.sums(ATTEMPTS)

    @property
    def answers(self) -> list[float]:
        """Within how many seconds 99 % of the deliveries were answered, at most; 0 if there was none."""
        return [_quantile(step, 0.99) for step in self.counted]


def _quantile(counted: dict[Series, float], share: float) -> float:
    """Return the bound of the bucket in which a share of the answers ends. The last bucket has twice the last bound."""
    bounds = BOUNDS[ANSWER_SECONDS]
    labels = [*map(repr, bounds), BEYOND]
    numbers = [counted.get(Series(ANSWER_SECONDS, (label,)), 0.0) for label in labels]
    wanted, seen = share * sum(numbers), 0.0
    for number, bound in zip(numbers, (*bounds, 2 * bounds[-1]), strict=True):
        seen += number
        if number and seen >= wanted:
            return bound
    return 0.0


async def read(db: Database, *, steps: int, step: timedelta = STEP) -> History:
    """Return what was counted in the last steps, and in that which has not ended."""
    rows = await db.fetch(query("health/history"), step, steps)
    counted = [dict[Series, float]() for _ in range(steps)]
    for row in rows:
        with suppress(ValueError):  # another version has written it
            counted[row["place"]][Series.read(row["series"])] = row["value"]
    return History(counted)

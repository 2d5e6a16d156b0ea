"""Numbers as bars of an SVG. Pure."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

WIDTH, HEIGHT = 360, 56
GAP = 0.25  # of a bar's place
LEAST = 12  # places: a few bars are not as wide as the chart


class Bar(NamedTuple):
    """One bar, in units of the SVG from its upper left corner."""

    x: float
    y: float
    width: float
    height: float


def bars(values: Sequence[float]) -> list[Bar]:
    """Return a bar for each value. The largest is as high as the chart, and what is more than nothing can be seen."""
    top = max(values, default=0.0)
    place = WIDTH / max(LEAST, len(values))
    found = []
    for number, value in enumerate(values):
        height = 0.0 if value <= 0 or top <= 0 else max(1.0, HEIGHT * value / top)
        found.append(
            Bar(round(number * place, 2), round(HEIGHT - height, 2), round(place * (1 - GAP), 2), round(height, 2))
        )
    return found


def first_day(last: str, days: int) -> str:
    """Return the first of so many days, of which the last is given; both as 2026-01-31."""
    return (date.fromisoformat(last) - timedelta(days=days - 1)).isoformat()

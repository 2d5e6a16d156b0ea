"""What was measured, as a table with the ratios first, as JSON, and as a picture."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

HEAD = ("measured", "against", "ratio", "spread", "target", "", "ours", "theirs", "strangers")
MET, MISSED, UNKNOWN = "met", "MISSED", ""


@dataclass(frozen=True, slots=True)
class Target:
    """What is wanted of the ratio, or of our own figure where nothing stands beside it."""

    bound: float
    at_least: bool = True

    def holds(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison.

    Attributes:
        measure: what was measured.
        unit: of the figures.
        ours: our figure of each round.
        beside: who was measured in the same rounds; empty if nobody.
        theirs: their figure of each round, or one known figure, or nothing: then `note` says why.
        target: what is wanted.
        strangers: the largest share of the machine that others had in a round.
        note: what else must be known.
    """

    measure: str
    unit: str
    ours: Sequence[float]
    beside: str = ""
    theirs: Sequence[float] = ()
    target: Target | None = None
    strangers: float = 0.0
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """Return the ratio of each round: neighbours are compared, because the machine's own speed wanders."""
        if len(self.theirs) == 1:
            return [one / self.theirs[0] for one in self.ours]
        return [one / other for one, other in zip(self.ours, self.theirs, strict=False) if other]

    @property
    def judged(self) -> float | None:
        """Return the figure that the target is about."""
        figures = self.ratios if self.beside else list(self.ours)
        return median(figures) if figures else None

    @property
    def verdict(self) -> str:
        value = self.judged
        if self.target is None or value is None:
            return UNKNOWN
        return MET if self.target.holds(value) else MISSED

    def cells(self) -> tuple[str, ...]:
        """Return the line of the table, as `HEAD` names it."""
        ratios = self.ratios
        return (
            f"{self.measure}{f' ({self.note})' if self.note else ''}", self.beside,
            f"{median(ratios):.2f}" if ratios else "-", _spread(ratios or self.ours),
            str(self.target or ""), self.verdict, _figure(self.ours, self.unit), _figure(self.theirs, self.unit),
            f"{self.strangers:.0%}",
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        return {
            "measure": self.measure, "against": self.beside, "unit": self.unit, "ours": list(self.ours),
            "theirs": list(self.theirs), "ratios": self.ratios, "judged": self.judged,
            "target": str(self.target or ""), "verdict": self.verdict, "strangers": self.strangers, "note": self.note,
        }  # fmt: skip


def table(lines: Iterable[Line]) -> str:
    """Return a Markdown table that can be read as it stands."""
    rows = [HEAD, *(line.cells() for line in lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
    written = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    between = " | ".join("-" * width for width in widths)
    return "\n".join(f"| {one} |" for one in (written[0], between, *written[1:]))


def said(words: Mapping[str, str]) -> str:
    """Return what the figures depend on, a line each."""
    return "\n".join(f"{name}: {value}" for name, value in words.items())


def _spread(figures: Sequence[float]) -> str:
    return f"{_short(min(figures))} to {_short(max(figures))}" if len(figures) > 1 else "-"


def _figure(figures: Sequence[float], unit: str) -> str:
    return f"{_short(median(figures))} {unit}" if figures else "-"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"

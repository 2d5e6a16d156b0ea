"""Who measures how much, and in which order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Run:
    """How much is measured: how often each contestant has its turn, for how long, and with which share of the usual."""

    rounds: int = 5
    seconds: float = 2.0
    scale: float = 1.0
    by_wrk: bool = False

    def some(self, many: int) -> int:
        """Return this many, as far as this run measures so many."""
        return max(1, int(many * self.scale))


@dataclass(frozen=True, slots=True)
class Taken:
    """What one turn gave, and the share of the machine that strangers had meanwhile."""

    value: float
    strangers: float
    odd: str = ""
    spent: float = 0.0  # microseconds of processors for each
    many: int = 0


def in_turn(rounds: int, contestants: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Let each contestant have its turn, again and again; return what each turn gave."""
    found: dict[str, list[T]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, do in contestants.items():
            found[name].append(do())
    return found

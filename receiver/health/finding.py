"""One thing that must hold. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that must hold, for machines by its fields and for people as one line.

    Attributes:
        name: the same wherever it is shown; programs tell findings apart by it.
        holds: whether it does.
        seen: what was seen.
        todo: what to do about it; of a finding that holds it is advice.
    """

    name: str
    holds: bool
    seen: str
    todo: str = ""

    @property
    def said(self) -> str:
        """What was seen and what to do, in a sentence."""
        return f"{self.seen}: {self.todo}" if self.todo else self.seen

    def to_json(self) -> dict[str, Any]:
        """Return it as programs read it."""
        return {"name": self.name, "holds": self.holds, "seen": self.seen, "todo": self.todo}


def report(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return findings as the one JSON that readiness and `receiver check` answer with."""
    found = list(findings)
    return {"holds": all(one.holds for one in found), "findings": [one.to_json() for one in found]}

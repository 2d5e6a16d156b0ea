"""One thing that must hold. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that must hold. Programs read its fields, and people read it as one line.

    Attributes:
        name: the same everywhere, so that programs can distinguish findings.
        holds: whether it holds.
        seen: what was seen.
        todo: what to do; if the finding holds, it is only advice.
    """

    name: str
    holds: bool
    seen: str
    todo: str = ""

    @property
    def kind(self) -> str:
        """The name without an account."""
        return self.name.partition(" (")[0]

    @property
    def said(self) -> str:
        """What was seen and what to do, in one sentence."""
        return f"{self.seen}: {self.todo}" if self.todo else self.seen

    @property
    def sign(self) -> str:
        """What stands before it in a list: `!!` for what is wrong, `..` for advice, `ok`."""
        if not self.holds:
            return "!!"
        return ".." if self.todo else "ok"

    def of(self, mark: str) -> "Finding":
        """Return this finding about an account, whose `mark` follows its name. The default one has none."""
        return replace(self, name=f"{self.name}{mark}")

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON for programs."""
        return {"name": self.name, "holds": self.holds, "seen": self.seen, "todo": self.todo}


def hold(findings: Iterable[Finding]) -> bool:
    """Return whether all findings hold."""
    return all(finding.holds for finding in findings)


def report(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return findings as the JSON that readiness and `receiver check` share."""
    found = list(findings)
    return {"holds": hold(found), "findings": [finding.to_json() for finding in found]}


def read_findings(answer: object) -> list[Finding] | None:
    """Return the findings in the JSON of `report`, or in what a process has told; None if there are none.

    What is no finding, as this version knows it, is left out.
    """
    if not isinstance(answer, Mapping) or not isinstance(items := answer.get("findings"), list):
        return None
    return [
        Finding(item["name"], holds=item["holds"], seen=str(item.get("seen", "")), todo=str(item.get("todo", "")))
        for item in items
        if isinstance(item, Mapping) and isinstance(item.get("name"), str) and isinstance(item.get("holds"), bool)
    ]

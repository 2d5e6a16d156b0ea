"""What was charged, from the ledger: added up by day, account, pipeline, title or operation.

Dollars and credits are two units, and are never added up. What is not known is counted: charges whose amount the
provider has not told, and those of which nobody knows whether they were made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from receiver.database import Database, query

By = Literal["day", "account", "pipeline", "title", "operation"]


@dataclass(frozen=True, slots=True)
class Cost:
    """Charges in one unit.

    Attributes:
        unit: such as `USD` or `credits`; empty if the provider names none.
        part: the day, the account, the pipeline, the title or the operation; empty if it has none.
        charges: how many there are.
        amount: what they are together, as far as it is told.
        untold: of how many the amount is not told.
        perhaps: how many more there may be: their answers were lost.
    """

    unit: str
    part: str
    charges: int
    amount: Decimal
    untold: int
    perhaps: int

    def __add__(self, other: "Cost") -> "Cost":
        """Return both together; the part is this one's."""
        return Cost(
            self.unit, self.part, self.charges + other.charges, self.amount + other.amount,
            self.untold + other.untold, self.perhaps + other.perhaps,
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `--json` prints."""
        return {
            "charges": self.charges, "amount": float(self.amount), "untold": self.untold, "perhaps": self.perhaps,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Costs:
    """The charges of a span of time.

    Attributes:
        parts: by unit, and by part within it.
        unread_since: when the oldest event came that is not in the ledger yet; None if none waits.
    """

    parts: Sequence[Cost]
    unread_since: datetime | None

    @property
    def by_unit(self) -> dict[str, list[Cost]]:
        """The parts of each unit."""
        found: dict[str, list[Cost]] = {}
        for part in self.parts:
            found.setdefault(part.unit, []).append(part)
        return found


def total(parts: Sequence[Cost]) -> Cost:
    """Return some charges of one unit together."""
    return sum(parts[1:], parts[0])


async def of(db: Database, since: timedelta, by: By) -> Costs:
    """Return what was charged within a span of time before now."""
    parts = [Cost(**dict(row)) for row in await db.fetch(query("submissions/costs"), since, by)]
    return Costs(parts, await unread_since(db))


async def unread_since(db: Database) -> datetime | None:
    """Return since when events wait that the ledger has not read; None if none does for a minute."""
    at: datetime | None = await db.fetchval(query("submissions/ledger_waits"))
    return at

"""What was charged, from the ledger: added up by day, account, pipeline, title or operation.

Dollars and credits are two units, and are never added up. What is not known is counted: charges whose amount the
provider has not told, and those of which nobody knows whether they were made.
"""

import csv
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from receiver.database import Connection, Database, query

By = Literal["day", "account", "pipeline", "title", "operation"]

NONE = {"pipeline": "(the default pipeline)", "title": "(no title)"}
AT_ONCE = 1000  # parts that are fetched for a table
MOST_PARTS = 200  # of a unit that are listed
MOST_BARS = 365
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet would compute begins with one of these


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

    @property
    def said(self) -> str:
        """The amount with at least two and at most four digits after the point; a dash if none is told."""
        return "-" if self.charges == self.untold else amount(self.amount)

    @property
    def counts(self) -> str:
        """How many charges there are, in words."""
        perhaps = f", perhaps {self.perhaps:,} more" if self.perhaps else ""
        return f"{self.charges:,} charge{'' if self.charges == 1 else 's'}{perhaps}"

    @property
    def missing(self) -> list[str]:
        """What the amount does not include, a sentence each."""
        found = []
        if self.untold:
            found.append(f"not included: {self.untold:,} whose amount the provider does not tell")
        if self.perhaps:
            found.append(
                f"not included: {self.perhaps:,} of which nobody knows whether they were charged: the answer was lost, "
                "or they failed; `receiver submissions --state unknown` shows those that wait for you"
            )
        return found

    def name(self, by: By) -> str:
        """Return what the part is called for people."""
        return self.part or NONE.get(by, "-")

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
        only_after: the moment up to which charges were left out, because there are too many; None if all are there.
    """

    parts: Sequence[Cost]
    unread_since: datetime | None
    only_after: datetime | None = None

    @property
    def by_unit(self) -> dict[str, list[Cost]]:
        """The parts of each unit."""
        found: dict[str, list[Cost]] = {}
        for part in self.parts:
            found.setdefault(part.unit, []).append(part)
        return found


class Unit(NamedTuple):
    """The charges in one unit.

    Attributes:
        name: of the unit; empty if the provider names none.
        total: all of them.
        listed: the parts that a page lists: days from the newest, all else from the largest.
        others: all other parts together; None if every part is listed.
        bars: the amounts as a chart shows them; each day has one.
    """

    name: str
    total: Cost
    listed: Sequence[Cost]
    others: Cost | None
    bars: Sequence[float]


def amount(value: Decimal | float) -> str:
    """Return an amount of money or credits, with at least two and at most four digits after the point."""
    return f"{value:,.4f}".removesuffix("00")


def total(parts: Sequence[Cost]) -> Cost:
    """Return some charges of one unit together."""
    return sum(parts[1:], parts[0])


def unit(name: str, parts: Sequence[Cost], by: By) -> Unit:
    """Return the charges in one unit, of all its parts."""
    shown = parts[::-1] if by == "day" else parts
    others = total(shown[MOST_PARTS:]) if len(shown) > MOST_PARTS else None
    bars = list(_days(parts))[-MOST_BARS:] if by == "day" else [float(part.amount) for part in parts[:MOST_PARTS]]
    return Unit(name, total(parts), shown[:MOST_PARTS], others, bars)


def _days(parts: Sequence[Cost]) -> Iterator[float]:
    """Yield the amount of each day from the first to the last, with 0 for those without a charge."""
    for part, after in pairwise([*parts, None]):
        assert part is not None, "None is the last"
        yield float(part.amount)
        between = 1 if after is None else (date.fromisoformat(after.part) - date.fromisoformat(part.part)).days
        yield from [0.0] * (between - 1)


async def of(db: Database, since: timedelta, by: By, *, newest: int | None = None) -> Costs:
    """Return what was charged within a span of time before now: all of it, or only the `newest` charges."""
    parts = [Cost(**dict(row)) for row in await db.fetch(query("submissions/costs"), since, by, newest)]
    left_out = None if newest is None else await db.fetchval(query("submissions/left_out"), since, newest)
    return Costs(parts, await unread_since(db), left_out)


async def table(connection: Connection, since: timedelta, by: By) -> AsyncIterator[str]:
    """Yield what was charged within a span of time before now as lines of CSV (RFC 4180), all of it, and its head.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    yield _line("unit", by, "charges", "amount", "untold", "perhaps")
    async with connection.transaction():
        async for row in connection.cursor(query("submissions/costs"), since, by, None, prefetch=AT_ONCE):
            part = Cost(**dict(row))
            cells = (part.charges, part.amount, part.untold, part.perhaps)
            yield _line(_no_formula(part.unit), _no_formula(part.part), *cells)


def _line(*cells: object) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()


def _no_formula(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


async def unread_since(db: Database) -> datetime | None:
    """Return since when events wait that the ledger has not read; None if none does for a minute."""
    at: datetime | None = await db.fetchval(query("submissions/ledger_waits"))
    return at

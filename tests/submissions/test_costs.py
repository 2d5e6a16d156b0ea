"""`submissions.costs`: the newest charges alone where there are too many, and a table that no spreadsheet computes."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest

from receiver.database import Pool
from receiver.submissions import costs
from receiver.submissions.costs import By, Cost

YEAR = timedelta(days=365)
HOSTILE = ("=1+1", "+1", "-1", "@a", "\tx", "\rx", "\nx", 'a "quoted", title\r\nof two lines', "plain", None)


async def charge(db: Pool, number: int, *, title: str | None = None, amount: object = 1, ago: str = "1 h") -> None:
    """Write a charge."""
    await db.execute(
        "insert into receiver.charges (source, api_url, account, work, run, operation, title, amount, unit, known_by,"
        " at) values ('timbr', 'u', 'default', $1, 1, 'transcription', $2, $3, 'USD', 'event', now() - "
        f"interval '{ago}')",
        str(number), title, amount,
    )  # fmt: skip


async def read(db: Pool, by: By) -> list[list[str]]:
    """Return the table, read as CSV."""
    async with db.acquire() as connection:
        return list(
            csv.reader(io.StringIO("".join([line async for line in costs.table(connection, YEAR, by)]), newline=""))
        )


@pytest.mark.parametrize(("value", "said"), [
    (0, "0.00"), (Decimal("0.0042"), "0.0042"), (Decimal("0.00425"), "0.0042"), (12.5, "12.50"),
    (Decimal("1E+6"), "1,000,000.00"), (-0.5, "-0.50"),
])  # fmt: skip
def test_an_amount_has_two_to_four_digits_after_the_point(value: Decimal | float, said: str) -> None:
    assert costs.amount(value) == said


def test_counts_have_their_thousands_apart() -> None:
    found = Cost("USD", "", 43_200, Decimal(1), 1_000, 2_000)
    assert found.counts == "43,200 charges, perhaps 2,000 more"
    assert [sentence.split(" ")[2] for sentence in found.missing] == ["1,000", "2,000"]


async def test_only_the_newest_charges_are_added_up_if_that_is_asked(db: Pool) -> None:
    for number in range(5):
        await charge(db, number, ago=f"{number + 1} h")
    every, some = await costs.of(db, YEAR, "account", newest=5), await costs.of(db, YEAR, "account", newest=3)
    assert (every.parts[0].charges, every.only_after) == (5, None)
    assert some.parts[0].charges == 3
    assert some.only_after == await db.fetchval("select at from receiver.charges where work = '3'")


async def test_a_title_is_no_formula_in_the_table(db: Pool) -> None:
    for number, title in enumerate(HOSTILE):
        await charge(db, number, title=title)
    head, *rows = await read(db, "title")
    assert head == ["unit", "title", "charges", "amount", "untold", "perhaps"]
    assert {row[1] for row in rows} == {
        "'=1+1", "'+1", "'-1", "'@a", "'\tx", "'\rx", "'\nx", 'a "quoted", title\r\nof two lines', "plain", "",
    }  # fmt: skip


async def test_the_table_is_whole_and_its_lines_end_as_rfc_4180_says(db: Pool) -> None:
    assert await read(db, "day") == [["unit", "day", "charges", "amount", "untold", "perhaps"]]
    for number in range(costs.AT_ONCE + 2):
        await charge(db, number, title=f"Talk {number}", amount="0.25" if number else None)
    async with db.acquire() as connection:
        lines = [line async for line in costs.table(connection, YEAR, "title")]
    assert len(lines) == costs.AT_ONCE + 3
    assert all(line.endswith("\r\n") for line in lines)
    assert lines[1].split(",")[3] == "0.25"


@pytest.mark.parametrize(("ago", "days"), [("1 h", 1), ("40 days", 0)])
async def test_what_is_older_is_left_out(db: Pool, ago: str, days: int) -> None:
    await charge(db, 1, ago=ago)
    assert len((await costs.of(db, timedelta(days=30), "day")).parts) == days

"""The page of costs: each unit by itself, in every way, with what is not known; and the table to download."""

from datetime import UTC, datetime, timedelta

import pytest

from receiver.submissions.costs import MOST_PARTS
from tests.console.asked import Asked, Person

WAYS = ("day", "account", "pipeline", "title", "operation")
HOSTILE = "<script>alert(1)</script>\u202e=1+1 \\u0000"


async def charge(asked: Asked, *rows: str) -> None:
    """Write charges: source, account, work, operation, pipeline, title, amount, unit, perhaps, how long ago."""
    written = ", ".join(f"({row})" for row in rows)
    await asked.console.act(
        lambda db: db.execute(
            "insert into receiver.charges (source, api_url, account, work, run, operation, pipeline, title, amount,"
            " unit, perhaps, known_by, at) select source, 'u', account, work, 1, operation, pipeline, title, amount,"
            f" unit, perhaps, 'event', now() - ago::interval from (values {written}) as given (source, account, work,"
            " operation, pipeline, title, amount, unit, perhaps, ago)"
        )
    )


async def test_each_unit_has_its_own_total_and_what_is_not_known_is_said(asked: Asked, operator: Person) -> None:
    await charge(
        asked, "'transcribe.so', 'default', '1', 'transcription', 'fast', 'A talk', 0.25, 'USD', false, '2 d'",
        "'transcribe.so', 'two', '2', 'transcription', null, null, 0.5, 'USD', false, '1 d'",
        "'transcribe.so', 'two', '3', 'transcription', null, null, null, 'USD', true, '1 d'",
        "'timbr', 'default', '4', 'separation', null, 'A song', 1200, 'credits', false, '1 d'",
    )  # fmt: skip
    page = await operator.page("/costs?by=account")
    assert "USD: 0.75 2 charges, perhaps 1 more" in page.text
    assert "credits: 1,200.00 1 charge" in page.text
    assert "Not included: 1 of which nobody knows whether they were charged" in page.text
    assert "transcribe.so/two 0.50" in page.text
    assert "(the default pipeline) 0.50" in (await operator.page("/costs?by=pipeline")).text


@pytest.mark.parametrize("by", WAYS)
async def test_nothing_charged_is_said_in_every_way(operator: Person, by: str) -> None:
    page = await operator.page(f"/costs?by={by}&since=7d")
    assert "Nothing was charged in the last 7d." in page.text
    assert f"/costs.csv?by={by}&since=7d" in page.values("a", "href")


async def test_every_day_has_a_bar(asked: Asked, operator: Person) -> None:
    await charge(
        asked, "'timbr', 'default', '1', 'separation', null, null, 2, 'USD', false, '9 d'",
        "'timbr', 'default', '2', 'separation', null, null, 1, 'USD', false, '0 d'",
    )  # fmt: skip
    page = await operator.page("/costs?since=90d")
    first, last = page.values("rect", "x")
    assert (float(first), float(last)) == (0, 270)  # the tenth of twelve places
    assert "USD by day, the most on one day 2.00" in page.text
    today = datetime.now(UTC).date()
    assert f"{today - timedelta(days=9)} {today} Day USD Charges" in page.text


async def test_what_has_no_amount_has_no_chart(asked: Asked, operator: Person) -> None:
    await charge(asked, "'timbr', 'default', '1', 'separation', null, null, null::numeric, 'USD', false, '9 d'")
    assert (await operator.page("/costs")).values("svg", "role") == []


async def test_titles_beyond_the_first_are_told_together(asked: Asked, operator: Person) -> None:
    rows = [
        f"'timbr', 'default', '{n}', 'separation', null, 'T {n}', {n + 1}, 'USD', false, '1 d'"
        for n in range(MOST_PARTS + 2)
    ]
    await charge(asked, *rows)
    page = await operator.page("/costs?by=title")
    assert "all others together 3.00 2 charges" in page.text
    assert f"T {MOST_PARTS + 1} {MOST_PARTS + 2}.00 1 charge" in page.text


async def test_a_hostile_title_makes_no_element_and_no_formula(asked: Asked, operator: Person) -> None:
    await charge(asked, f"'timbr', 'default', '1', 'separation', null, '{HOSTILE}', 1, 'USD', false, '1 d'")
    page = await operator.page("/costs?by=title")
    assert [tag for tag, given in page.elements if tag == "script" and "src" not in given] == []
    assert "<script>alert(1)</script>\\u202e=1+1 \\u0000" in page.text
    await charge(asked, "'timbr', 'default', '2', 'separation', null, '=cmd()', 1, 'USD', false, '1 d'")
    answer = await operator.get("/costs.csv?by=title")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="costs-by-title.csv"'
    assert "\r\nUSD,'=cmd(),1,1,0,0\r\n" in answer.text


@pytest.mark.parametrize("wrong", ["by=colour", "since=yesterday", "since=0d"])
async def test_a_wrong_question_is_a_sentence(operator: Person, wrong: str) -> None:
    page = await operator.page(f"/costs?{wrong}", status=400)
    assert "Shown are the days of the last 30d." in page.text
    assert (await operator.get(f"/costs.csv?{wrong}")).status_code == 400

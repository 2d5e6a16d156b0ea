"""The page of all that was said: a search in the address, its hits, and the list of transcripts."""

from urllib.parse import parse_qs, urlsplit

import pytest

from receiver.database import Pool
from receiver.submissions.library.searching import MOST_PASSAGES
from tests.console.asked import API_URL, Asked, Person
from tests.submissions.library import test_searching as filling
from tests.submissions.library.kept import index, keep, segment

HOSTILE = "<script>alert(1)</script> \"'>&lt;b&gt; \u202eevil"


async def test_without_words_it_lists_the_transcripts_newest_first(operator: Person, db: Pool) -> None:
    page = await operator.page("/transcripts")
    assert "No transcript is kept yet." in page.text
    await keep(db, 1, "said", at="2026-01-01T00:00:00Z", title=f"Old {HOSTILE}", api=API_URL)
    await keep(db, 2, "said", at="2026-01-02T00:00:00Z", title=None, language="de", api=API_URL)
    page = await operator.page("/transcripts")
    assert "2 transcripts are not in the index yet: a worker puts them there (receiver work)." in page.text
    assert "No transcript is in the index." in page.text
    await index(db)
    page = await operator.page("/transcripts")
    links = [link for link in page.values("a", "href") if link.startswith("/transcripts/")]
    assert links == ["/transcripts/transcribe.so/2", "/transcripts/transcribe.so/1"]
    assert "Old <script>alert(1)</script> \"'>&lt;b&gt; \\u202eevil" in page.text
    assert len(page.values("script", "src")) == len([tag for tag, _ in page.elements if tag == "script"])


async def test_a_hit_leads_to_its_moment(operator: Person, db: Pool) -> None:
    turns = [segment("nothing", 0, 5), segment("interest <b>rates</b> rise", 3661.5, 3665, "Ana <i>")]
    await keep(db, 7, segments=turns, title="Lecture 7", api=API_URL)
    await keep(db, 7, segments=turns, title="Another API's", api="https://other.test", at="2020-01-01T00:00:00Z")
    await index(db)
    page = await operator.page("/transcripts?q=interest+rate")
    assert "Lecture 7, at 1:01:01" in page.text
    assert "Ana <i>: interest <b>rates</b> rise" in page.text
    assert [tag for tag, _ in page.elements].count("mark") == 4
    assert [link for link in page.values("a", "href") if "#t=" in link] == [
        "/transcripts/transcribe.so/7?t=3661.5#t=3661.5",
        "/transcripts/transcribe.so/7?api=https%3A%2F%2Fother.test&t=3661.5#t=3661.5",
    ]
    assert page.values("input", "value")[0] == "interest rate"


async def test_every_filter_stands_in_the_address_and_on_the_page(operator: Person, db: Pool) -> None:
    await keep(db, 1, "said", title="Economics", api=API_URL)
    await index(db)
    await db.execute("update receiver.library set at = now()")
    for query, is_found in (
        ("title=ECONOM", True), ("title=physics", False), ("source=transcribe.so", True), ("source=openai", False),
        ("since=7d", True), ("q=said&title=econ&source=transcribe.so&since=1d", True), ("q=said&title=x", False),
    ):  # fmt: skip
        page = await operator.page(f"/transcripts?{query}")
        assert ("Economics" in page.text) == is_found, query
        kept = {
            name: value
            for tag, given in page.elements
            if tag == "input" and (name := given.get("name"))
            for value in [given["value"]]
        }
        assert kept["title"] == parse_qs(query).get("title", [""])[0]
    assert "7d" in [given.get("value") for tag, given in page.elements if tag == "option"]


async def test_pages_follow_each_other_by_key(operator: Person, db: Pool) -> None:
    await keep(db, 1, *["said"] * 45, api=API_URL)
    for number in range(2, 60):
        await keep(
            db, number, "other", api=API_URL, at=f"2026-01-01T00:{number}:00Z" if number > 9 else "2026-01-01T00:00:00Z"
        )
    await index(db)
    for query, rows in (("q=said", 45), ("", 59)):
        path, found = f"/transcripts?{query}", list[str]()
        while path:
            page = await operator.page(path)
            found += [given["id"] or "" for tag, given in page.elements if "data-row" in given]
            path = next((given["href"] or "" for tag, given in page.elements if given.get("rel") == "next"), "")
            assert "before" in path or not path
        assert (len(found), len(set(found))) == (rows, rows)
        assert "Back to the newest" in page.text


async def test_what_was_not_looked_through_is_said_and_can_be_gone_on_with(operator: Person, db: Pool) -> None:
    await filling.fill(db, MOST_PASSAGES // 60 + 20, text="到处", config=None)
    page = await operator.page("/transcripts?q=alone")
    assert "Nothing found so far" in page.text
    assert "Where words have no spaces between them" in page.text
    (link,) = [given["href"] or "" for _, given in page.elements if given.get("rel") == "next"]
    assert urlsplit(link).path == "/transcripts"
    page = await operator.page(link)
    assert [tag for tag, given in page.elements if "data-row" in given] == ["article"] * 20


@pytest.mark.parametrize(("query", "said"), [
    ("q=the+of", "every text has such words"), ("q=-rates", "they only exclude others"),
    (f"q={'x' * 201}", "at most 200 characters"), ("q=%00%E2%80%AE", "There is nothing to search for"),
    ("title=%00", "The title has a character that cannot be looked for"), (f"source={'x' * 201}", "too long"),
    ("since=9y", "no such length of time"), ("since=0", "no such length of time"),
])  # fmt: skip
async def test_what_cannot_be_looked_for_is_said_with_the_form(
    operator: Person, db: Pool, query: str, said: str
) -> None:
    await keep(db, 1, "interest rates", api=API_URL)
    await index(db)
    page = await operator.page(f"/transcripts?{query}", status=400)
    assert said in page.text
    assert "form" in [tag for tag, _ in page.elements]


async def test_a_path_or_an_address_is_called_by_its_last_part(operator: Person, db: Pool) -> None:
    await keep(db, 1, "said", title="https://me:pw@media.test/talks/a%20talk.mp3?token=SECRET", api=API_URL)
    await index(db)
    answer = await operator.get("/transcripts")
    assert "SECRET" not in answer.text
    assert "pw@" not in answer.text
    page = await operator.page("/transcripts")
    assert "https://media.test/talks/a%20talk.mp3?…" in page.values("a", "title")
    assert "a%20talk.mp3" in page.text


@pytest.mark.parametrize("before", ["x", "1.2.3.4", "9" * 18 + ".1.1", "-1.1.1", "1.1", "%00"])
async def test_a_key_that_somebody_has_made_up_harms_nobody(operator: Person, before: str) -> None:
    assert "no such transcripts" in (await operator.page(f"/transcripts?title=x&before={before}")).text
    await operator.page(f"/transcripts?q=x&before={before}")


async def test_who_may_look_only_may_search(asked: Asked) -> None:
    page = await (await asked.reader()).page("/transcripts?q=rates")
    assert "Nothing found" in page.text

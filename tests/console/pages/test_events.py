"""The list of events: what the filter asks for, page by page, and nothing that a stranger wrote does harm."""

from datetime import timedelta

import httpx
import pytest

from receiver.database import Pool
from tests.console.asked import API_URL, Asked, Person
from tests.inbox.dying import store

pytestmark = pytest.mark.usefixtures("own_environment")

HOSTILE = "<img src=x onerror=alert(1)>\"'\u202e\\u0000{{ 7*7 }}" + "x" * 10_000


def at(line: str) -> str:
    """Return the list with a filter."""
    return f"/events?{httpx.QueryParams({'q': line})}"


async def rows(person: Person, path: str) -> list[str]:
    """Return the ids of the rows of a page."""
    page = await person.page(path)
    return [given["id"] or "" for tag, given in page.elements if tag == "tr" and "data-row" in given]


async def test_the_newest_come_first_with_their_jobs(operator: Person, db: Pool) -> None:
    assert "No events yet." in (await operator.page("/events")).text
    await store(db, "evt", 3)
    assert await rows(operator, "/events") == ["e3", "e2", "e1"]
    page = await operator.page("/events")
    assert "Episode 3" in page.text
    assert "crm dead" in page.text
    assert "/events/3" in page.values("a", "href")
    assert page.values("body", "data-changes") == ["/changes"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("state:dead", ["e3", "e2", "e1"]), ("state:done", ["e5", "e4"]), ("source:timbr", []), ("account:two", []),
        ("handler:crm type:transcription.*", ["e3", "e2", "e1"]), ('title:"episode 2"', ["e5", "e2"]),
        ("evt2", ["e2"]), ("id:evt2 state:done", []), ("id:transcribe.so/new1", ["e4"]), ("@3", ["e3"]),
        ("episode 1", ["e4", "e1"]), ("1 episode", ["e4", "e1"]), ('"1 episode"', []), ("evt2 EPISODE", ["e2"]),
        ("episode evt2 3", []), ("title:episode 3", ["e3"]), ("since:30m", ["e5", "e4"]), ("state:running", []),
    ],
)  # fmt: skip
async def test_the_filter_stands_in_the_url(operator: Person, db: Pool, line: str, found: list[str]) -> None:
    await store(db, "evt", 3, api_url=API_URL)
    await store(db, "new", 2, api_url=API_URL, handler="other", state="done", age=timedelta(minutes=10))
    assert await rows(operator, at(line)) == found
    page = await operator.page(at(line))
    assert page.values("input", "value") == [line]


async def test_a_wrong_word_is_a_sentence_and_what_can_be_mistyped_is_said(operator: Person, db: Pool) -> None:
    await store(db, "evt", 1)
    page = await operator.page(at("state:broken since:soon"))
    assert "state:broken is none: write one of pending, done, dead, quarantined" in page.text
    assert "since:soon is none" in page.text
    assert "Episode" not in page.text
    page = await operator.page(at("handler:nosuch account:nobody"))
    assert "There is no handler nosuch; there are none." in page.text
    assert "No account is called nobody here, only default." in page.text


async def test_each_part_of_the_filter_can_be_taken_away(operator: Person) -> None:
    page = await operator.page(at('state:dead title:"lecture 7"'))
    links = page.values("a", "href")
    assert {at('title:"lecture 7"'), at("state:dead"), "/events"} <= set(links)


async def test_words_are_suggested(receiver_database: str, db: Pool) -> None:
    asked = Asked(receiver_database, handlers={"crm": None})
    await store(db, "evt", 1, event_type="transcription.completed")
    page = await (await asked.operator()).page(at("since:7d"))
    suggested = set(page.values("option", "value"))
    assert {
        "since:7d state:dead", "since:7d handler:crm", "since:7d type:transcription.completed",
        "since:7d source:transcribe.so", "since:7d account:default", "since:1h",
    } <= suggested  # fmt: skip
    await asked.close()


async def test_older_events_stand_on_the_next_page_which_is_not_live(operator: Person, db: Pool) -> None:
    await store(db, "evt", 120)
    shown, path = [], at("state:dead")
    while path:
        shown += await rows(operator, path)
        page = await operator.page(path)
        assert bool(page.values("body", "data-changes")) == (path == at("state:dead"))
        path = next((given["href"] or "" for tag, given in page.elements if given.get("rel") == "next"), "")
    assert shown == [f"e{number}" for number in range(120, 0, -1)]
    assert "no such place" in (await operator.page("/events?before=x", status=404)).text


async def test_a_title_of_a_stranger_is_text(operator: Person, db: Pool) -> None:
    await store(db, "evt", 1, error=HOSTILE)
    await db.execute("update receiver.events set title = $1, event_id = $1", HOSTILE[:200])
    page = await operator.page("/events")
    assert page.values("img", "src") == []
    assert "<img src=x onerror=alert(1)>\"'\\u202e\\u0000{{ 7*7 }}" in page.text
    page = await operator.page(at(HOSTILE))
    assert page.values("img", "src") == []
    assert (await operator.get("/events", params={"q": "a\0b state:\0"})).status_code == 200

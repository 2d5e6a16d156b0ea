"""Dead jobs by cause: said before it is done, replayed in bulk, or dropped."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import NamedTuple

import pytest
import pytest_asyncio

from receiver import Context, Event, handler
from receiver.console.pages import dead as page_of_dead
from receiver.database import Pool
from receiver.inbox import replays
from receiver.inbox.attempts import this_person
from tests.console.asked import API_URL, Asked, Person, Shown
from tests.inbox.dying import states, store
from tests.inbox.test_replays import end_all, step

pytestmark = pytest.mark.usefixtures("own_environment")

HOSTILE = "<b onmouseover=x>&\u202e no {}"


@handler("transcription.*", name="crm")
async def crm(event: Event, ctx: Context) -> None:
    """Do nothing."""


class There(NamedTuple):
    """A console with the handler crm, and its operator."""

    asked: Asked
    person: Person


@pytest_asyncio.fixture
async def there(receiver_database: str) -> AsyncIterator[There]:
    asked = Asked(receiver_database, handlers={"crm": crm}, TRANSCRIBE_API_KEY="tsk_1")
    yield There(asked, await asked.operator())
    await asked.close()


def links(page: Shown, path: str) -> list[str]:
    return [link for link in page.values("a", "href") if link.startswith(path)]


def fields(text: str) -> dict[str, str]:
    """Return what the form of a page sends, as it is filled in."""
    inputs = [given for tag, given in Shown(text).elements if tag == "input"]
    return {given["name"] or "": given.get("value") or "" for given in inputs if given.get("name") != "reason"}


async def test_groups_have_their_count_first_and_last_and_an_example(there: There, db: Pool) -> None:
    assert "No job is dead." in (await there.person.page("/dead")).text
    await store(db, "evt", 3, api_url=API_URL, error="answered 503 for {}")
    await store(db, "new", 2, api_url=API_URL, error=HOSTILE, handler="gone")
    page = await there.person.page("/dead")
    assert "3 jobs of crm answered 503 for # From " in page.text
    assert "for example Episode 3" in page.text
    assert page.text.count("# stands for any number") == 1
    assert "2 jobs of gone <b onmouseover=x>&\\u202e no # From" in page.text
    assert "There is no such handler here" in page.text
    assert page.values("b", "onmouseover") == []
    assert links(page, "/dead/replay")[0] == "/dead/replay?handler=crm&cause=answered+503+for+%23"


async def test_groups_are_filtered_and_a_wrong_filter_is_a_sentence(there: There, db: Pool) -> None:
    await store(db, "evt", 3, api_url=API_URL, error="answered 503")
    await store(db, "old", 1, api_url=API_URL, error="broken", age=timedelta(days=9))
    page = await there.person.page("/dead?error=BROKEN&since=30d&type=transcription.*")
    assert "1 job of crm broken" in page.text
    assert "503" not in page.text
    assert links(page, "/dead/drop") == [
        "/dead/drop?handler=crm&cause=broken&error=BROKEN&since=30d&type=transcription.%2A"
    ]
    assert "since:soon is none" in (await there.person.page("/dead?since=soon")).text
    assert (
        "No such jobs are dead. There is no handler nosuch; there are crm."
        in (await there.person.page("/dead?handler=nosuch")).text
    )
    assert (await there.person.get("/dead?handler=%00&error=%00x")).status_code == 200


async def test_a_group_means_no_more_than_the_list_shows(there: There, db: Pool) -> None:
    await store(db, "evt", 3, api_url=API_URL, error="answered 503 for {}")
    await store(db, "more", 2, api_url=API_URL, error="answered 503 for {}: busy")
    page = await there.person.page("/dead?error=2")
    drops = links(page, "/dead/drop")
    assert len(drops) == 2
    for link in drops:
        answer = await there.person.get(link)
        assert fields(answer.text)["said"] == "1"
        assert fields(answer.text)["error"] == "2"
        await there.person.submit("/dead/drop", **fields(answer.text))
    assert await states(db) == {"dead": 3, "dropped": 2}


async def test_a_cause_with_odd_characters_is_still_that_cause(there: There, db: Pool) -> None:
    await store(db, "new", 2, api_url=API_URL, error=HOSTILE)
    (link,) = links(await there.person.page("/dead"), "/dead/drop")
    await there.person.submit("/dead/drop", **fields((await there.person.get(link)).text))
    assert await states(db) == {"dropped": 2}


async def test_of_very_many_only_the_newest_are_looked_at_and_the_page_says_so(there: There, db: Pool) -> None:
    await store(db, "evt", page_of_dead.MOST + 1, api_url=API_URL, error="answered 503")
    page = await there.person.page("/dead")
    assert "1,000+ jobs of crm" in page.text
    assert "A + says that more can belong to a group" in page.text


async def test_the_page_says_what_a_bulk_replay_will_do_and_only_its_form_does_it(there: There, db: Pool) -> None:
    await store(db, "evt", 30, api_url=API_URL, error="answered 503 for {}")
    await store(db, "new", 2, api_url=API_URL, error="answered 503 for {}", handler="gone")
    await store(db, "far", 1, error="answered 503 for {}")
    await store(db, "two", 1, api_url=API_URL, error="another")
    place = "/dead/replay?error=answered+503+for+%23"
    answer = await there.person.get(place)
    text = Shown(answer.text).text
    for said in (
        "30 dead jobs become pending again", "crm (30)", "Left out: 2 of gone", "Left out: 1 of accounts",
        "at most about 90 calls to the provider: 2 min at this key's rate", "no worker has been seen",
    ):  # fmt: skip
        assert said in text, text
    assert await states(db) == {"dead": 34}
    assert (await there.person.submit("/dead/replay", handler="gone", said="2", limit="2")).status_code == 409
    form = fields(answer.text)
    assert form == {"error": "answered 503 for #", "said": "30", "limit": "30"}
    begun = await there.person.submit("/dead/replay", **form)
    assert (begun.status_code, begun.headers["location"]) == (303, "/replays/1")
    found = await replays.one(db, 1)
    assert (found.total, found.filter) == (30, {"error": "answered 503 for #"})
    assert found.started_by == this_person("console")
    assert "30 of these belong to a bulk replay under way" in (await there.person.page(place)).text
    page = await there.person.page("/dead")
    assert "Bulk replay 1 is under way: 0 of 30 moved." in page.text


async def test_no_more_are_replayed_or_dropped_than_the_page_has_said(there: There, db: Pool) -> None:
    await store(db, "evt", 5, api_url=API_URL, error="broken")
    await there.person.submit("/dead/replay", handler="crm", said="3", limit="5")
    await there.person.submit("/dead/replay", handler="crm", said="5", limit="2")
    assert [(one.total, one.filter) for one in await replays.recent(db)] == [
        (2, {"handler": "crm", "limit": 2}), (3, {"handler": "crm"}),
    ]  # fmt: skip
    await there.person.submit("/dead/drop", handler="crm", said="4")
    assert await states(db) == {"dead": 1, "dropped": 4}


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"said": "1", "limit": "1"}, "say which jobs"), ({"handler": "crm"}, "a whole number from 1 on"),
        ({"handler": "crm", "said": "0", "limit": "1"}, "a whole number"),
        ({"handler": "crm", "said": "1", "limit": "1", "since": "x"}, "is none"),
        ({"handler": "nosuch", "said": "1", "limit": "1"}, "nothing of this is dead any more"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/dead/replay", "/dead/drop"])
async def test_a_form_that_means_nothing_does_nothing(
    there: There, db: Pool, path: str, form: dict[str, str], said: str
) -> None:
    await store(db, "evt", 1, api_url=API_URL)
    answer = await there.person.submit(path, **form)
    assert answer.status_code == 409
    assert said in Shown(answer.text).text
    assert await states(db) == {"dead": 1}


async def test_jobs_are_dropped_with_a_reason_after_a_page_has_said_which(there: There, db: Pool) -> None:
    await store(db, "evt", 3, api_url=API_URL, error="broken")
    await store(db, "gone", 2, api_url=API_URL, state="pending", handler="gone", error="broken")
    await store(db, "sub", 1, api_url=API_URL, handler="submissions", error="broken")
    answer = await there.person.get("/dead/drop?error=broken")
    text = Shown(answer.text).text
    for said in ("5 jobs end for good", "crm (3)", "gone (2)", "2 of them are pending", "1 job of submissions cannot"):
        assert said in text, text
    assert await states(db) == {"dead": 4, "pending": 2}
    form = fields(answer.text) | {"reason": " customer left "}
    dropped = await there.person.submit("/dead/drop", **form)
    assert dropped.headers["location"] == "/dead?said=dropped"
    assert await states(db) == {"dropped": 5, "dead": 1}
    rows = await db.fetch("select dropped_by, reason from receiver.drops")
    assert Counter(tuple(row) for row in rows) == {(this_person("console"), "customer left"): 5}
    assert "The jobs are dropped." in (await there.person.page("/dead?said=dropped")).text
    assert "<i>" not in (await there.person.get("/dead?said=<i>x</i>")).text
    only_own = await there.person.get("/dead/drop?handler=submissions")
    assert only_own.status_code == 409
    assert "receiver resolve" in only_own.text


async def test_a_reason_is_as_long_as_the_field_is(there: There, db: Pool) -> None:
    await store(db, "evt", 1, api_url=API_URL)
    assert (await there.person.page("/dead/drop?handler=crm")).values("input", "maxlength") == ["500"]


async def test_a_reader_is_shown_what_would_happen_and_can_do_none_of_it(there: There, db: Pool) -> None:
    await store(db, "evt", 1, api_url=API_URL)
    reader = await there.asked.reader()
    for path in ("/dead/replay", "/dead/drop"):
        page = await reader.page(f"{path}?handler=crm")
        assert "1 " in page.text
        assert page.values("form", "action") == ["/sign-out"]
        assert (await reader.submit(path, handler="crm", said="1", limit="1")).status_code == 403
    assert await states(db) == {"dead": 1}
    assert await replays.recent(db) == []
    page = await reader.page("/dead")
    assert "You may look, and change nothing." in page.text
    assert [*links(page, "/dead/replay"), *links(page, "/dead/drop")] == []


async def test_very_many_are_begun_cancelled_and_gone_on_with_and_none_is_doubled(there: There, db: Pool) -> None:
    """From the page alone; a worker moves and runs them meanwhile."""
    await store(db, "evt", 2400, api_url=API_URL, error="answered 503 for {}")
    form = fields((await there.person.get("/dead/replay?handler=crm")).text)
    assert form["limit"] == "2400"
    await there.person.submit("/dead/replay", **form)
    await step(db, limit=500)
    page = await there.person.page("/replays/1")
    assert page.values("progress", "value") == ["500"]
    assert (await there.person.submit("/replays/1/cancel")).headers["location"] == "/replays/1"
    assert await step(db, limit=500) is None
    await end_all(db, "done")
    page = await there.person.page("/replays/1")
    assert "1,900 jobs were not moved yet, and stay dead." in page.text
    assert (await there.person.submit("/replays/1/resume")).headers["location"] == "/replays/1"
    await there.person.submit("/dead/replay", **form)  # once more, from a page that is still open
    while await step(db, limit=500, enough=10_000):
        pass
    await end_all(db, "done")
    assert await states(db) == {"done": 2400}
    assert await db.fetchval("select count(*) from receiver.jobs where attempt <> 4") == 0, "each has run once more"
    found = await replays.recent(db)
    assert sum(one.moved for one in found) == 2400
    assert sum(one.passed for one in found) == 1900

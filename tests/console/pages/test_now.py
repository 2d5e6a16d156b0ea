"""The first page: whether we receive, and what must be done."""

import json
import re
from urllib.parse import urlsplit

import pytest

from receiver.console.pages import now
from receiver.database import Pool
from tests.console.asked import Asked, Person, Shown
from tests.processes import REPOSITORY

HOSTILE = "<script>x</script>\u202e"


async def run_one(
    db: Pool, *, kind: str = "web", told: object = None, api_url: str = "https://api.example.com"
) -> None:
    """Note a process that runs."""
    await db.execute(
        "insert into receiver.processes (id, kind, host, pid, version, api_url, seen_at, told)"
        " values (gen_random_uuid(), $1, 'host', 7, '0.11.0', $2, now(), $3)",
        kind, api_url, json.dumps(told or {}),
    )  # fmt: skip


async def count(db: Pool, series: str, value: float, ago: str = "0") -> None:
    await db.execute("insert into receiver.minutes values (now() - $1::text::interval, $2, $3)", ago, series, value)


async def test_it_says_whether_we_receive(db: Pool, receiver_database: str) -> None:
    asked = Asked(receiver_database, TRANSCRIBE_WEBHOOK_SECRET="whsec_a")
    person = await asked.operator()
    page = await person.page("/")
    assert "Not receiving" in page.text
    await run_one(db)
    await asked.close()
    asked = Asked(receiver_database, TRANSCRIBE_WEBHOOK_SECRET="whsec_a")
    page = await (await asked.operator()).page("/")
    assert "● Receiving" in page.text
    assert "web host/7, 0.11.0" in page.text
    await asked.close()


def buttons(page: Shown) -> list[str]:
    """Return where the buttons of a page lead."""
    return [given["href"] or "" for tag, given in page.elements if tag == "a" and given.get("class") == "button"]


async def test_each_finding_has_its_command_and_its_place(operator: Person, db: Pool) -> None:
    trouble = {"findings": [{"name": "failures", "holds": False, "seen": HOSTILE, "todo": "run `receiver diagnose`"}]}
    await run_one(db, told=trouble)
    page = await operator.page("/")
    assert "Wrong: secret" in page.text
    assert buttons(page) == ["/refused", "/settings"], "in the order of the findings"
    assert [text for tag, text in page.elements if tag == "script"] == [
        {"src": src, "defer": None} for src in page.values("script", "src")
    ]
    assert "<script>x</script>\\u202e" in page.text


# A finding whose row in the README names one of these can be seen to on a page, if this page can show it.
PAGES = {
    "`receiver dead`": "/dead", "`receiver submissions": "/submissions", "`receiver events`": "/events",
    "`receiver register`": "/settings", "`receiver test-event`": "/settings", "(#refused-deliveries)": "/refused",
}  # fmt: skip
ELSEWHERE = {"signature", "webhook"}  # only `receiver diagnose` and `receiver check` make them


def test_each_finding_of_the_readme_that_has_a_page_has_its_button() -> None:
    text = (REPOSITORY / "README.md").read_text()
    table = text.split("\n| name | what is wrong | do this |\n", 1)[1].split("\n\n", 1)[0]
    rows = re.findall(r"^\| `([^`]+)` \|.*?\| (.*) \|$", table, re.MULTILINE)
    assert len(rows) > 30
    wanted = {name: page for name, todo in rows for word, page in PAGES.items() if word in todo}
    found = {name: urlsplit(place.address).path for name, place in now.PLACES.items()}
    assert found == {name: page for name, page in wanted.items() if name not in ELSEWHERE}


@pytest.mark.parametrize("name", now.PLACES)
async def test_what_a_finding_says_has_no_say_in_its_button(asked: Asked, db: Pool, name: str) -> None:
    said = {"seen": "run `receiver nothing`", "todo": "`receiver dead`"}
    await run_one(db, told={"findings": [{"name": f"{name} (big-show)", "holds": False, **said}]})
    for person, places in ((await asked.operator(), now.PLACES), (await asked.reader(), {**now.PLACES, **now.TO_LOOK})):
        page = await person.page("/")
        its, own = places[name], places["secret"]
        assert buttons(page) == [its.address, own.address]
        assert its.label in page.text


async def test_a_reader_is_sent_to_nothing_that_only_an_operator_can_do(asked: Asked, db: Pool) -> None:
    await run_one(db, told={"findings": [{"name": "feed", "holds": True, "seen": "silent", "todo": "try it"}]})
    assert "Send a test event" in (await (await asked.operator()).page("/")).text
    assert "test event" not in (await (await asked.reader()).page("/")).text


async def test_charges_that_nobody_told_are_no_amount(operator: Person, db: Pool) -> None:
    account = ["transcribe.so", "https://api.example.com", "default"]
    for name, labels, value in (("charges", [*account, ""], 0), ("charges_untold", account, 3)):
        await db.execute("insert into receiver.totals values ($1, $2)", name + json.dumps(labels), value)
    page = await operator.page("/")
    assert "transcribe.so default: charges whose amount is not told: 3" in page.text
    assert "charged so far" not in page.text


async def test_the_hours_are_drawn(operator: Person, db: Pool) -> None:
    await count(db, 'deliveries["default", "stored"]', 40)
    await count(db, 'deliveries["default", "refused"]', 2, ago="2 hours")
    await count(db, 'refusals["default", "stale"]', 2, ago="2 hours")
    await count(db, 'answer_seconds["0.005"]', 40)
    await count(db, 'attempts["transcripts", "done"]', 7)
    await count(db, 'deliveries["default", "stored"]', 1000, ago="7 hours")
    page = await operator.page("/")
    for said in ("Deliveries 42", "Refused 2", "99 % answered within 5 ms", "Attempts at jobs 7", "40 stored"):
        assert said in page.text
    assert len(page.values("rect", "x")) == 2 + 1 + 1 + 1


@pytest.mark.parametrize("path", ["/", "/refused", "/settings"])
async def test_a_page_of_an_empty_installation_has_everything_to_work_with(asked: Asked, path: str) -> None:
    page = await (await asked.reader()).page(path)
    assert page.values("html", "lang") == ["en"]
    assert [tag for tag, _ in page.elements].count("h1") == 1
    assert set(page.values("a", "href")) >= {"/", "/refused", "/settings"}

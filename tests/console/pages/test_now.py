"""The first page: whether we receive, and what must be done."""

import json

import pytest

from receiver.database import Pool
from tests.console.asked import Asked, Person

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


async def test_each_finding_has_its_command_and_its_place(operator: Person, db: Pool) -> None:
    trouble = {"findings": [{"name": "failures", "holds": False, "seen": HOSTILE, "todo": "run `receiver diagnose`"}]}
    await run_one(db, told=trouble)
    page = await operator.page("/")
    assert "Wrong: secret" in page.text
    assert "/refused" in [
        link for link in page.values("a", "href") if page.elements.count(("a", {"class": "button", "href": link}))
    ]
    assert [text for tag, text in page.elements if tag == "script"] == [
        {"src": src, "defer": None} for src in page.values("script", "src")
    ]
    assert "<script>x</script>\\u202e" in page.text


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

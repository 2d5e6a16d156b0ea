"""Bulk replays: their progress, and steering them."""

import asyncio

import pytest

from receiver.console.live import CHANGED, RETRY, Changes
from receiver.database import Pool
from tests.console.asked import API_URL, Asked, Person
from tests.inbox.dying import store
from tests.inbox.test_replays import begin, end_all, step

pytestmark = pytest.mark.usefixtures("own_environment")


async def test_its_progress_is_shown_while_it_runs(operator: Person, db: Pool) -> None:
    await store(db, "evt", 5)
    await begin(db)
    await step(db, limit=2)
    page = await operator.page("/replays/1")
    assert (page.values("progress", "value"), page.values("progress", "max")) == (["2"], ["5"])
    assert "Bulk replay 1 moving" in page.text
    assert "Moved: 2 of 5" in page.text
    assert "what is not moved yet, 3 jobs, stays dead. What is moved already runs" in page.text
    assert "no worker has been seen for 5 s" in page.text
    assert page.values("body", "data-changes") == ["/changes"]
    await step(db, limit=5)
    await end_all(db, "dead")
    page = await operator.page("/replays/1")
    assert "Bulk replay 1 all moved" in page.text
    assert "What became of the moved jobs Done 0 Dead again 5" in page.text
    assert "no worker" not in page.text
    assert page.values("body", "data-changes") == []


async def test_a_worker_that_runs_is_seen(operator: Person, db: Pool) -> None:
    await store(db, "evt", 5)
    await begin(db)
    await db.execute(
        "insert into receiver.processes (id, kind, host, pid, version, api_url, seen_at)"
        " values (gen_random_uuid(), 'worker', 'host', 7, '0.11.0', $1, now())",
        API_URL,
    )
    assert "no worker" not in (await operator.page("/replays/1")).text


async def test_what_is_not_so_cannot_be_steered(operator: Person, db: Pool) -> None:
    await store(db, "evt", 1)
    await begin(db)
    assert (await operator.submit("/replays/1/resume")).status_code == 409
    await step(db)
    answer = await operator.submit("/replays/1/cancel")
    assert answer.status_code == 409
    assert "is done, not running" in answer.text


@pytest.mark.parametrize("number", ["9", "9" * 30])
async def test_one_that_is_not_there_is_no_page(operator: Person, number: str) -> None:
    assert "There is no bulk replay" in (await operator.page(f"/replays/{number}", status=404)).text
    assert (await operator.submit(f"/replays/{number}/cancel")).status_code == 409


async def test_they_are_listed_page_by_page(operator: Person, db: Pool) -> None:
    assert "No bulk replays yet." in (await operator.page("/replays")).text
    await store(db, "evt", 1)
    for _ in range(52):
        await begin(db)
    page = await operator.page("/replays")
    assert [given["id"] for _, given in page.elements if "data-row" in given] == [f"r{n}" for n in range(52, 2, -1)]
    (older,) = (given["href"] or "" for tag, given in page.elements if given.get("rel") == "next")
    page = await operator.page(older)
    assert [given["id"] for _, given in page.elements if "data-row" in given] == ["r2", "r1"]


async def test_a_reader_steers_nothing(asked: Asked, db: Pool) -> None:
    await store(db, "evt", 1)
    await begin(db)
    reader = await asked.reader()
    assert (await reader.page("/replays/1")).values("form", "action") == ["/sign-out"]
    assert (await reader.submit("/replays/1/cancel")).status_code == 403
    assert await db.fetchval("select state from receiver.replays") == "running"


async def test_whatever_is_done_with_jobs_is_told_to_the_pages_that_are_open(asked: Asked, db: Pool) -> None:
    asked.console.changes = changes = Changes("postgresql://127.0.0.1:1/nobody", between=0.0, every=3600.0)
    watching, stream = asyncio.create_task(changes.watch()), changes.stream("x")
    assert await anext(stream) == RETRY
    person = await asked.operator()
    await store(db, "evt", 1, api_url=API_URL)
    await store(db, "own", 9, api_url=API_URL, handler="submissions")
    for path, form in (
        ("/dead/replay", {"handler": "submissions", "said": "9", "limit": "9"}), ("/replays/1/cancel", {}),
        ("/replays/1/resume", {}), ("/events/1/drop", {"handler": "crm", "said": "1"}), ("/events/1/replay", {}),
    ):  # fmt: skip
        told = asyncio.ensure_future(anext(stream))
        assert (await person.submit(path, **form)).status_code == 303
        assert await asyncio.wait_for(told, timeout=10) == CHANGED, path
    watching.cancel()
    await asyncio.wait({watching})


async def test_they_are_reached_by_dead_and_stand_below_it(operator: Person, db: Pool) -> None:
    await store(db, "evt", 1)
    await begin(db)
    for path in ("/dead", "/replays", "/replays/1", "/dead/replay?handler=crm"):
        page = await operator.page(path)
        assert [given["href"] for _, given in page.elements if given.get("aria-current") == "page"] == ["/dead"]

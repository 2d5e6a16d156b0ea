"""`inbox.dropping`: jobs that a person leaves are dropped only as they were seen, and our own work never."""

import pytest

from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.inbox import dead, dropping, jobs, listing, lookup
from receiver.inbox.dead import Filter
from receiver.inbox.dropping import REASON, Dropped
from tests.inbox.dying import states as states_of
from tests.inbox.dying import store
from tests.inbox.test_jobs import claim

ALL = Filter()


async def test_dead_jobs_and_pending_ones_of_gone_handlers_are_dropped_and_nothing_else(db: Pool) -> None:
    for state in ("pending", "running", "done", "dead"):
        await store(db, f"known_{state}", 1, state=state, handler="known")
        await store(db, f"gone_{state}", 1, state=state, handler="gone")
    found = await dropping.droppable(db, None, ALL, known=["known"])
    shown = list[int]()
    dropped = await dropping.drop(db, found, by="me@here", reason="left", show=shown.append)
    assert (len(dropped), shown) == (3, [3])
    rows = await db.fetch("select handler, state::text, error from receiver.jobs where state = 'dropped' order by 1, 3")
    assert [(row["handler"], row["error"]) for row in rows] == [
        ("gone", "no gone_dead1"), ("gone", "no gone_pending1"), ("known", "no known_dead1"),
    ]  # fmt: skip
    assert await states_of(db, "known") == {"pending": 1, "running": 1, "done": 1, "dropped": 1}


async def test_a_job_that_is_not_as_it_was_seen_is_not_dropped(db: Pool) -> None:
    await store(db, "replayed", 1)
    await store(db, "claimed", 1, state="pending", handler="gone")
    await store(db, "died_again", 1)
    found = await dropping.droppable(db, None, ALL, known=["crm"])
    assert len(found) == 3
    await db.execute("update receiver.jobs set state = 'pending' where error = 'no replayed1'")
    await db.execute("update receiver.jobs set state = 'running' where error = 'no claimed1'")
    await db.execute("update receiver.jobs set attempt = attempt + 1 where error = 'no died_again1'")
    assert await dropping.drop(db, found, by="me@here", reason=None) == []
    assert await db.fetchval("select count(*) from receiver.drops") == 0


async def test_many_jobs_are_dropped_in_several_statements(db: Pool) -> None:
    await store(db, "evt", dropping.AT_ONCE + 1)
    shown = list[int]()
    dropped = await dropping.drop(db, await dead.chosen(db, ALL), by="me", reason=None, show=shown.append)
    assert (len(dropped), shown) == (dropping.AT_ONCE + 1, [dropping.AT_ONCE, dropping.AT_ONCE + 1])


async def test_of_one_event_its_own_jobs_are_dropped(db: Pool) -> None:
    await store(db, "evt", 2)
    await store(db, "other", 1, handler="gone", state="pending")
    (only,) = await dropping.droppable(db, "evt1", ALL, known=["crm"])
    assert only == (await dead.chosen(db, ALL))[0]
    assert await dropping.droppable(db, "evt1", Filter(handler="gone"), known=["crm"]) == []
    assert await dropping.droppable(db, "other1", ALL, known=["gone"]) == []
    assert len(await dropping.droppable(db, "other1", ALL, known=["crm"])) == 1
    await store(db, "late", 1, state="done")
    await db.execute("delete from receiver.jobs where state = 'done'")
    await db.execute(
        "update receiver.events set same_as = (select id from receiver.events where event_id = 'evt1')"
        " where event_id = 'late1'"
    )
    assert await dropping.droppable(db, "late1", ALL, known=["crm"]) == [only], "a late webhook has the jobs of another"
    with pytest.raises(ImpossibleError, match="there is no event"):
        await dropping.droppable(db, "nothing", ALL, known=[])


async def test_a_dropped_job_has_ended_and_keeps_its_error_and_who_dropped_it_and_can_come_back(db: Pool) -> None:
    await store(db, "evt", 1)
    await dropping.drop(db, await dead.chosen(db, ALL), by="me@here", reason="customer left")
    whole = await lookup.whole(db, "evt1")
    (job,) = whole.event.jobs
    assert (whole.event.state, job.state, job.error) == ("done", "dropped", "no evt1")
    (shown,) = whole.to_json()["jobs"]
    assert (shown["dropped"]["by"], shown["dropped"]["reason"]) == ("me@here", "customer left")
    assert await jobs.counts(db, []) == []
    assert await claim(db, "crm") == []
    assert await jobs.replay(db, whole.event.key, ["crm"]) == ["crm"]
    whole = await lookup.whole(db, "evt1")
    assert (whole.event.state, whole.drops) == ("pending", ())
    await db.execute("update receiver.jobs set state = 'dead'")
    await dropping.drop(db, await dead.chosen(db, ALL), by="you@there", reason=None)
    (drop,) = (await lookup.whole(db, "evt1")).drops
    assert (drop.dropped_by, drop.reason) == ("you@there", None)
    assert [one.job.state for one in await listing.jobs(db)] == ["dropped"]


async def test_the_jobs_of_submissions_are_never_dropped(db: Pool) -> None:
    await store(db, "evt", 2)
    await store(db, "sub", 2, handler="submissions")
    found = await dead.chosen(db, ALL)
    assert {job.handler for job in dropping.without_own_work(found)} == {"crm"}
    assert dropping.without_own_work([]) == []
    with pytest.raises(ImpossibleError, match="2 jobs of submissions cannot be dropped"):
        dropping.without_own_work([job for job in found if job.handler == "submissions"])


def test_a_reason_is_what_a_person_has_written_if_that_is_anything() -> None:
    assert dropping.read_reason(" customer\0 left ") == "customer left"
    assert [dropping.read_reason(text) for text in (None, "", " \0")] == [None] * 3


async def test_no_more_is_dropped_than_a_person_was_told_of(db: Pool) -> None:
    await store(db, "evt", 3)
    await store(db, "sub", 1, handler="submissions")
    for wanted, event, left in (
        (ALL, None, {"dead": 3, "dropped": 1}),
        (Filter(handler="crm"), "evt2", {"dead": 2, "dropped": 2}),
    ):
        dropped = await dropping.drop_meant(db, event, wanted, said=1, known=["crm"], by="me@here", reason=None)
        assert dropped == Dropped(1, 1)
        assert await states_of(db) == left
    with pytest.raises(ImpossibleError, match="nothing of this is dead any more"):
        await dropping.drop_meant(db, "evt2", ALL, said=1, known=["crm"], by="me@here", reason=None)


async def test_a_reason_is_short(db: Pool) -> None:
    assert await dropping.drop(db, [], by="me@here", reason="x" * REASON) == []
    with pytest.raises(ImpossibleError, match="at most 500 characters, and this one has 50,000: shorten it"):
        await dropping.drop(db, [], by="me@here", reason="x" * 50_000)

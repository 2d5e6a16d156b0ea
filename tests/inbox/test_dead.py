"""`inbox.dead`: dead jobs are grouped by cause, and chosen by what people know."""

from datetime import timedelta

import pytest

from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.inbox import dead, dropping
from receiver.inbox.dead import Filter
from receiver.inbox.retry import Again, Later, Outcome
from tests.inbox.dying import store
from tests.inbox.ending import finish
from tests.inbox.test_jobs import append, claim, due_now

ALL = Filter()


async def test_dead_jobs_are_grouped_by_handler_and_cause_the_largest_first(db: Pool) -> None:
    await store(db, "old", 2, error="no answer for {}", age=timedelta(days=9))
    await store(db, "new", 3, error="no answer for {}")
    await store(db, "x", 4, error="answered 503")
    await store(db, "y", 1, error="answered 503", handler="other")
    await store(db, "z", 9, state="done")
    groups = await dead.groups(db, ALL)
    assert [(one.handler, one.cause, one.count) for one in groups] == [
        ("crm", "no answer for #", 5), ("crm", "answered 503", 4), ("other", "answered 503", 1),
    ]  # fmt: skip
    first = groups[0]
    assert first.newest - first.oldest > timedelta(days=8)
    assert (first.example, first.title, first.transcription_id) == ("transcribe.so/new3", "Episode 3", "new3")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ALL, {"a1", "b1", "c1"}),
        (Filter(handler="crm"), {"a1", "c1"}),
        (Filter(error="BROKEN"), {"b1"}),
        (Filter(error="no # today"), {"a1"}),
        (Filter(since=timedelta(days=1)), {"a1", "b1"}),
        (Filter(type="submission.unknown"), {"c1"}),
        (Filter(type="transcription.*"), {"a1", "b1"}),
        (Filter(type="transcription"), set()),
        (Filter(handler="crm", since=timedelta(days=1)), {"a1"}),
        (Filter(handler="crm", error="broken"), set()),
    ],
)
async def test_dead_jobs_are_chosen_by_each_filter_and_by_all_together(
    db: Pool, wanted: Filter, found: set[str]
) -> None:
    await store(db, "a", 1, error="no {} today")
    await store(db, "b", 1, error="broken", handler="other")
    await store(db, "c", 1, error=None, event_type="submission.unknown", age=timedelta(days=2))
    chosen = await dead.chosen(db, wanted)
    names = await db.fetch("select event_id from receiver.events where id = any ($1)", [job.event for job in chosen])
    assert {row["event_id"] for row in names} == found
    assert sum(group.count for group in await dead.groups(db, wanted)) == len(found)


@pytest.mark.parametrize(
    ("since", "written"),
    [
        (timedelta(weeks=2), "14d"), (timedelta(hours=36), "36h"), (timedelta(minutes=90), "90m"),
        (timedelta(seconds=61), "61s"), (timedelta(seconds=0.5), "0.5s"), (timedelta(seconds=3601), "3601s"),
    ],
)  # fmt: skip
def test_a_filter_is_told_as_it_was_written(since: timedelta, written: str) -> None:
    assert Filter(error="x", since=since).to_json() == {"error": "x", "since": written}


async def test_the_oldest_jobs_are_chosen_first(db: Pool) -> None:
    await store(db, "b", 2, handler="z")
    await store(db, "a", 2, handler="a")
    everyone = await dead.chosen(db, ALL)
    assert [job.id for job in everyone] == sorted(job.id for job in everyone)
    assert await dead.chosen(db, ALL, limit=3) == everyone[:3]


async def test_jobs_wait_if_their_last_attempt_did_not_count_and_say_since_when(db: Pool) -> None:
    ended: dict[str, list[Outcome]] = {
        "rate": [Later(timedelta(minutes=1), "in 50 s")] * 2,
        "failed": [Later(timedelta(0), "no money"), Again(timedelta(minutes=1), "broken")],
        "again": [Again(timedelta(0), "broken"), Later(timedelta(minutes=1), "in 9 s")],
    }
    for name, outcomes in ended.items():
        key = await append(db, name, "a")
        for outcome in outcomes:
            await db.execute("update receiver.jobs set due_at = now() where event = $1", key)
            (ours,) = await claim(db)
            assert await finish(db, ours.job, ours.attempt, outcome)
        await db.execute("update receiver.jobs set due_at = now() + interval '1 h'")
    await append(db, "fresh", "a")
    (group,) = await dead.waiting(db, ALL)
    assert (group.handler, group.cause, group.count, group.example) == ("a", "in # s", 2, "transcribe.so/again")
    (times,) = await db.fetch(
        "select min(ended_at) as first, max(ended_at) as last from receiver.attempts"
        " where outcome = 'later' and error <> 'no money'"
    )
    assert (group.oldest, group.newest) == (times["first"], times["last"])
    assert group.due_at is not None
    assert await dead.waiting(db, Filter(error="money")) == []
    assert await dead.waiting(db, Filter(handler="b")) == []


async def test_who_is_due_now_is_not_waiting_for_anything(db: Pool) -> None:
    await append(db, "evt", "a")
    await due_now(db)
    assert await dead.waiting(db, ALL) == []


async def test_of_each_queue_only_the_newest_are_looked_at_if_that_is_asked_for(db: Pool) -> None:
    await store(db, "old", 2, error="broken")
    await store(db, "new", 3, error="answered 503")
    await store(db, "other", 2, error="broken", handler="other")
    found = await dead.groups(db, ALL, most=3)
    assert [(one.handler, one.cause, one.count, one.is_more) for one in found] == [
        ("crm", "answered 503", 3, True), ("other", "broken", 2, False),
    ]  # fmt: skip
    assert [(one.count, one.is_more) for one in await dead.groups(db, ALL, most=6)] == [
        (3, False), (2, False), (2, False),
    ]  # fmt: skip
    assert not any(one.is_more for one in await dead.groups(db, ALL))


async def test_a_connection_does_what_a_pool_does(db: Pool) -> None:
    await store(db, "evt", 2)
    async with db.acquire() as connection:
        assert await dead.groups(connection, ALL) == await dead.groups(db, ALL)
        assert await dead.chosen(connection, ALL) == await dead.chosen(db, ALL)
        assert await dropping.droppable(connection, None, ALL, known=[]) == await dead.chosen(db, ALL)


@pytest.mark.parametrize(
    ("fields", "wanted", "said"),
    [
        ({}, ALL, []),
        ({"handler": " crm ", "error": "a b", "since": "7d", "type": "transcription.*", "more": "x"},
         Filter("crm", "a b", timedelta(days=7), "transcription.*"), []),
        ({"type": "*", "handler": "", "error": "\0x"}, Filter(error="x"), []),
        ({"since": "7"}, ALL, ["since:7 is none: write a number"]),
        ({"since": "7 d", "type": "A"}, Filter(type="A"), ["is none: write a number", "type:A is none"]),
        ({"type": 'a.b"'}, Filter(type='a.b"'), ["is none: write transcription.failed"]),
        ({"since": '7d"'}, ALL, ["is none: write a number"]),
    ],
)  # fmt: skip
def test_a_form_is_a_filter(fields: dict[str, str], wanted: Filter, said: list[str]) -> None:
    found, wrong = dead.read_filter(fields)
    assert found == wanted
    assert len(wrong) == len(said)
    assert all(part in why for part, why in zip(said, wrong, strict=True))


def test_a_form_on_which_somebody_acts_never_means_everything() -> None:
    assert dead.meant({"handler": "crm"}) == Filter(handler="crm")
    for fields, said in (
        ({}, "say which jobs"),
        ({"handler": " \0"}, "say which jobs"),
        ({"since": "7"}, "since:7 is"),
    ):
        with pytest.raises(ImpossibleError, match=said):
            dead.meant(fields)


async def test_when_the_first_and_the_last_came_is_known(db: Pool) -> None:
    assert await dead.came(db, []) is None
    await store(db, "evt", 3)
    times = await db.fetchrow("select min(received_at) as first, max(received_at) as last from receiver.events")
    assert await dead.came(db, await dead.chosen(db, ALL)) == tuple(times or ())

"""`inbox.replays`: a bulk replay moves each of its jobs once, a few at a time, whatever happens beside it."""

import asyncio
from datetime import timedelta

import pytest

from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.inbox import dead, jobs, replays
from receiver.inbox.dead import Filter
from receiver.inbox.replays import AT_ONCE, Advanced, Replay
from tests.inbox.dying import API, states, store
from tests.inbox.portions import portions
from tests.inbox.test_jobs import account

ALL = Filter()


async def begin(db: Pool, wanted: Filter = ALL, limit: int | None = None) -> Replay:
    return await replays.start(db, await dead.chosen(db, wanted, limit=limit), wanted, by="me@here")


async def step(db: Pool, limit: int = 2, enough: int = 1000) -> Advanced | None:
    async with db.acquire() as connection:
        return await replays.advance(connection, limit=limit, enough=enough)


async def end_all(db: Pool, state: str) -> None:
    """Let all pending jobs run, and end in a state."""
    await db.execute(
        "update receiver.jobs set state = $1::receiver.job_state, attempt = attempt + 1 where state = 'pending'", state
    )


async def test_jobs_are_moved_a_few_at_a_time_with_all_their_tries_into_the_queue_of_replays(db: Pool) -> None:
    await store(db, "evt", 5)
    begun = await begin(db)
    assert (begun.state, begun.total, begun.moved, begun.filter, begun.started_by) == ("running", 5, 0, {}, "me@here")
    assert await states(db) == {"dead": 5}, "workers move them"
    assert await step(db) == (begun.id, 2, "running", 2, 0, 5)
    rows = await db.fetch("select * from receiver.jobs where state = 'pending' order by id")
    assert [(row["attempt"], row["uncounted"], row["is_replay"], row["error"]) for row in rows] == [
        (3, 3, True, None)
    ] * 2
    assert [row["id"] for row in rows] == [
        row["id"] for row in await db.fetch("select id from receiver.jobs order by id")
    ][:2]
    assert await step(db, limit=2) == (begun.id, 2, "running", 4, 0, 5)
    assert await step(db, limit=2) == (begun.id, 1, "done", 5, 0, 5)
    assert await step(db) is None
    ended = await replays.one(db, begun.id)
    assert (ended.state, ended.moved, ended.waiting, ended.looked_at) == ("done", 5, 5, 5)
    assert ended.ended_at is not None
    queue = jobs.Queue(account(API), "crm", is_replay=True)
    claimed = await jobs.claim(db, portions([queue]), lease=timedelta(minutes=1), limit=9)
    assert [one.tries for one in claimed] == [1] * 5


async def test_a_moved_job_does_not_wait_since_it_waited_before_it_died(db: Pool) -> None:
    await store(db, "evt", 1)
    await db.execute("update receiver.jobs set waiting_since = now()")
    await begin(db)
    await step(db)
    assert await db.fetchval("select waiting_since from receiver.jobs where state = 'pending'") is None


async def test_the_last_full_step_ends_it(db: Pool) -> None:
    await store(db, "evt", 4)
    await begin(db)
    assert [(one.moved, one.state) for one in [await step(db), await step(db)] if one] == [(2, "running"), (2, "done")]


async def test_no_more_are_moved_while_enough_of_the_same_replay_wait(db: Pool) -> None:
    await store(db, "evt", 9)
    await store(db, "live", 9, state="pending")
    begun = await begin(db)
    moved = [await step(db, limit=2, enough=3) for _ in range(3)]
    assert [one and one.moved for one in moved] == [2, 2, None]
    assert (await replays.one(db, begun.id)).waiting == 4
    await db.execute("update receiver.jobs set state = 'running' where replay is not null")
    assert (await step(db, limit=2, enough=3)) is not None


async def test_a_job_that_dies_again_is_not_taken_again_nor_is_one_that_died_later(db: Pool) -> None:
    await store(db, "evt", 3)
    begun = await begin(db)
    await store(db, "later", 2)
    for _ in range(4):
        await step(db)
        await end_all(db, "dead")
    assert await states(db) == {"dead": 5}
    assert (await replays.one(db, begun.id)).moved == 3
    assert [row["attempt"] for row in await db.fetch("select attempt from receiver.jobs order by id")] == [
        4,
        4,
        4,
        3,
        3,
    ]


async def test_jobs_that_others_have_replayed_or_dropped_meanwhile_are_left_alone(db: Pool) -> None:
    await store(db, "evt", 5)
    begun = await begin(db)
    ids = [row["id"] for row in await db.fetch("select id from receiver.jobs order by id")]
    await db.execute("update receiver.jobs set state = 'dropped' where id = $1", ids[0])
    await db.execute("update receiver.jobs set state = 'done', attempt = 4 where id = $1", ids[1])
    await db.execute("update receiver.jobs set attempt = 4 where id = $1", ids[2])  # it ran, and is dead again
    await db.execute("delete from receiver.jobs where id = $1", ids[3])
    assert await step(db, limit=9) == (begun.id, 1, "done", 1, 4, 5)
    assert await states(db) == {"dropped": 1, "done": 1, "dead": 1, "pending": 1}


async def test_two_replays_of_the_same_jobs_move_each_of_them_once(db: Pool) -> None:
    await store(db, "evt", 4)
    first, second = await begin(db), await begin(db)
    for _ in range(6):
        await step(db)
    found = [await replays.one(db, one.id) for one in (first, second)]
    assert [one.state for one in found] == ["done", "done"]
    assert sum(one.moved for one in found) == 4
    assert sum(one.passed for one in found) == 4
    assert {row["uncounted"] for row in await db.fetch("select uncounted from receiver.jobs")} == {3}


async def test_it_is_known_how_many_jobs_others_are_about_to_move(db: Pool) -> None:
    await store(db, "evt", 4)
    seen = await dead.chosen(db, ALL)
    assert await replays.listed(db, seen) == 0
    first, _ = await begin(db, limit=2), await begin(db, limit=3)
    assert await replays.listed(db, seen) == 3, "a job is counted once"
    await db.execute("update receiver.jobs set attempt = 4 where id = $1", seen[0].id)
    assert await replays.listed(db, await dead.chosen(db, ALL)) == 2, "it has run since"
    await db.execute("update receiver.replays set state = 'cancelled' where id <> $1", first.id)
    assert await replays.listed(db, seen) == 2


async def test_replays_are_advanced_in_turn(db: Pool) -> None:
    await store(db, "a", 4, handler="a")
    await store(db, "b", 4, handler="b")
    first, second = await begin(db, Filter(handler="a")), await begin(db, Filter(handler="b"))
    assert [one and one.id for one in [await step(db) for _ in range(5)]] == [first.id, second.id] * 2 + [None]


async def test_of_nothing_none_is_begun_and_no_number_is_too_high_to_be_looked_for(db: Pool) -> None:
    with pytest.raises(ImpossibleError, match="nothing of this is dead any more"):
        await replays.start(db, [], ALL, by="me@here")
    for look in (replays.one, replays.cancel, replays.resume):
        with pytest.raises(ImpossibleError, match=f"there is no bulk replay {'9' * 30}"):
            await look(db, int("9" * 30))


async def test_a_cancelled_one_leaves_the_others_dead_and_goes_on_when_resumed(db: Pool) -> None:
    await store(db, "evt", 5)
    begun = await begin(db)
    await step(db)
    assert (await replays.cancel(db, begun.id)).state == "cancelled"
    assert await step(db) is None
    assert await states(db) == {"pending": 2, "dead": 3}
    assert (await replays.resume(db, begun.id)).state == "running"
    await step(db)
    await step(db)
    ended = await replays.one(db, begun.id)
    assert (ended.state, ended.moved) == ("done", 5)


async def test_what_cannot_be_cancelled_or_resumed_is_said(db: Pool) -> None:
    await store(db, "evt", 1)
    begun = await begin(db)
    with pytest.raises(ImpossibleError, match=f"bulk replay {begun.id} is running, not cancelled"):
        await replays.resume(db, begun.id)
    await step(db)
    with pytest.raises(ImpossibleError, match=f"bulk replay {begun.id} is done, not running"):
        await replays.cancel(db, begun.id)
    with pytest.raises(ImpossibleError, match="there is no bulk replay 99; `receiver replays` lists them"):
        await replays.cancel(db, 99)


async def test_many_workers_at_a_time_double_nothing(db: Pool) -> None:
    number = 4 * AT_ONCE
    await store(db, "evt", number)
    begun = await begin(db)

    async def work() -> int:
        moved = 0
        while (await replays.one(db, begun.id)).state == "running":
            one = await step(db, limit=100, enough=10 * number)
            moved += 0 if one is None else one.moved
        return moved

    assert sum(await asyncio.gather(*(work() for _ in range(8)))) == number
    ended = await replays.one(db, begun.id)
    assert (ended.moved, ended.passed, ended.state) == (number, 0, "done")
    assert await db.fetchval("select count(*) from receiver.replay_jobs") == 0
    assert await states(db) == {"pending": number}


async def test_the_organ_moves_all_that_may_wait_and_says_when_it_is_done(
    db: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    await store(db, "evt", AT_ONCE + 1)
    begun = await begin(db)
    with caplog.at_level("INFO"):
        await replays.advance_all(db)
    assert (await replays.one(db, begun.id)).state == "done"
    assert f"bulk replay {begun.id} has moved its last job: {AT_ONCE + 1} of {AT_ONCE + 1}" in caplog.text


async def test_who_follows_sees_how_far_it_is_until_it_ends(db: Pool) -> None:
    await store(db, "evt", 2)
    begun, shown = await begin(db), list[tuple[int, float]]()

    async def show(seen: Replay, still: float) -> None:
        shown.append((seen.moved, still))

    async with asyncio.TaskGroup() as group:
        following = group.create_task(replays.followed(db, begun, show))
        await asyncio.sleep(0)
        group.create_task(replays.advance_all(db))
    assert (following.result().state, shown[0]) == ("done", (0, 0.0))


async def test_a_job_that_is_replayed_alone_is_no_part_of_a_bulk_replay_any_more(db: Pool) -> None:
    await store(db, "evt", 1)
    begun = await begin(db)
    await step(db)
    assert (await replays.one(db, begun.id)).waiting == 1
    await jobs.replay(db, await db.fetchval("select id from receiver.events"), ["crm"])
    assert (await replays.one(db, begun.id)).waiting == 0


async def test_it_is_known_what_has_become_of_the_jobs_that_were_moved(db: Pool) -> None:
    await store(db, "evt", 8)
    begun = await begin(db)
    await step(db, limit=7)
    ids = [row["id"] for row in await db.fetch("select id from receiver.jobs order by id")]
    await db.execute("update receiver.jobs set state = 'done' where id = any ($1)", ids[:3])
    await db.execute("update receiver.jobs set state = 'dead' where id = any ($1)", ids[3:5])
    await db.execute("update receiver.jobs set state = 'running' where id = $1", ids[5])
    found = await replays.one(db, begun.id)
    assert (found.moved, found.done, found.dead, found.running, found.waiting) == (7, 3, 2, 1, 1)
    told = found.to_json()
    assert [told[name] for name in ("moved", "done", "dead", "running", "waiting")] == [7, 3, 2, 1, 1]


async def test_only_those_in_a_state_are_listed_if_one_is_meant(db: Pool) -> None:
    await store(db, "evt", 2)
    first, second = await begin(db, limit=1), await begin(db)
    await replays.cancel(db, second.id)
    assert [one.id for one in await replays.recent(db, limit=1, state="running")] == [first.id]


async def test_the_newest_replay_is_listed_first(db: Pool) -> None:
    await store(db, "evt", 3)
    numbers = [(await begin(db, limit=1)).id for _ in range(3)]
    assert [one.id for one in await replays.recent(db)] == numbers[::-1]
    assert [one.id for one in await replays.recent(db, limit=1)] == numbers[-1:]
    assert (await replays.recent(db, limit=1))[0].to_json()["total"] == 1

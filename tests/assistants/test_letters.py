"""`assistants.letters`: dead jobs by cause; and replays, where they are allowed."""

import asyncio

import pytest

from receiver import Context, Event, handler
from receiver.assistants import letters
from receiver.database import Pool
from tests.assistants.asking import Assistant, Failed, assistant
from tests.inbox.dying import states, store
from tests.processes import unreachable

END_WHO_WAITS = """
    select bool_or(pg_terminate_backend(pid)) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'
"""

pytestmark = pytest.mark.usefixtures("own_environment")


@handler("transcription.*", name="crm")
async def crm(event: Event, ctx: Context) -> None:
    """Do nothing."""


@handler("transcription.*", name="other")
async def other(event: Event, ctx: Context) -> None:
    """Do nothing."""


async def test_groups_are_bounded_and_say_so(asker: Assistant, db: Pool) -> None:
    await store(db, "a_", 3, error="answered 503 for https://me:s3cret@crm.test/?x={}")
    await store(db, "b_", 1, error="\u202eno")
    found = await asker.ask("list_dead")
    assert [(one["count"], one["example"][14:]) for one in found["dead"]] == [(3, "a_3"), (1, "b_1")]
    assert found["more"] is None
    assert "s3cret" not in str(found)
    assert "\u202e" not in str(found["dead"])
    less = await asker.ask("list_dead", limit=1)
    assert (len(less["dead"]), less["more"]) == (1, "smaller groups left out: 1; raise limit, or say which jobs")
    assert len((await asker.ask("list_dead", error="503"))["dead"]) == 1
    assert (await asker.ask("list_dead", handler="nobody"))["dead"] == []
    with pytest.raises(Failed, match=r"type:.* is none"):
        await asker.ask("list_dead", type="a b")


async def test_a_replay_says_what_became_of_each_job(receiver_database: str, db: Pool) -> None:
    await store(db, "evt_", 2)
    async with assistant(receiver_database, {"crm": crm, "other": other}) as asker:
        done = await asker.ask("replay", event="evt_1", handler="crm")
        assert (done["pending"], done["running"], done["gone"], done["more"]) == (["crm"], [], [], None)
        await db.execute("update receiver.jobs set state = 'running' where state = 'pending'")
        done = await asker.ask("replay", event="evt_1", handler="crm")
        assert (done["running"], done["more"]) == (["crm"], "nothing runs again: the jobs run now")
        done = await asker.ask("replay", event="evt_2")
        assert sorted(done["pending"]) == ["crm", "other"]
        await db.execute(
            "update receiver.jobs set handler = 'erp', state = 'dead' where handler = 'crm' and state = 'pending'"
        )
        done = await asker.ask("replay", event="evt_2")
        assert done["gone"] == ["erp"]
        assert done["more"] == f"{letters.GONE}: erp"
        with pytest.raises(Failed, match="there is no event evt_3"):
            await asker.ask("replay", event="evt_3")
    assert await states(db) == {"running": 1, "pending": 2, "dead": 1}


async def test_a_replay_ends_in_time(receiver_database: str, db: Pool) -> None:
    """What is said of it depends on whether it was begun by then: see `test_state`."""
    await store(db, "evt_", 1)
    async with (
        assistant(receiver_database, {"crm": crm}, act_seconds=0.5) as asker,
        db.acquire() as connection,
        connection.transaction(),
    ):
        await connection.execute("select from receiver.jobs for update")
        with pytest.raises(Failed, match=r"it may have happened: look with|the database did not answer this in time"):
            await asker.ask("replay", event="evt_1")


async def test_a_replay_that_the_database_breaks_off_may_have_happened(receiver_database: str, db: Pool) -> None:
    await store(db, "evt_", 1)
    async with (
        assistant(receiver_database, {"crm": crm}) as asker,
        db.acquire() as connection,
        connection.transaction(),
    ):
        await connection.execute("select from receiver.jobs for update")
        asked = asyncio.ensure_future(asker.ask("replay", event="evt_1"))
        while not await db.fetchval(END_WHO_WAITS):
            await asyncio.wait([asked], timeout=0.01)
        with pytest.raises(Failed, match="the database broke it off; it may have happened: look with explain_event"):
            await asked


async def test_a_replay_that_was_not_begun_is_to_be_asked_for_again(receiver_database: str) -> None:
    async with assistant(unreachable(receiver_database), {"crm": crm}) as asker:
        with pytest.raises(Failed, match=r"; nothing is lost meanwhile; ask again in a minute$"):
            await asker.ask("replay", event="evt_1")

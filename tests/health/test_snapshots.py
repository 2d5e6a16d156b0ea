"""`receiver.health.snapshots`: whoever keeps old rows from being cleaned up is named, with what to do."""

from datetime import timedelta

import pytest

from receiver import database
from receiver.database import Pool
from receiver.health import snapshots
from receiver.health.snapshots import Holder

NOW = timedelta(0)


async def test_a_session_that_is_idle_in_a_transaction_is_named_and_can_be_ended_as_it_says(
    db: Pool, receiver_database: str
) -> None:
    idle = await database.connect(receiver_database)
    pid = await idle.fetchval("select pg_backend_pid()")
    await idle.execute("set application_name = 'dreamer'; begin; create table public.dreams ()")
    async with db.acquire() as looking:
        found = await snapshots.old(looking, longer_than=NOW, transactions=0)
        assert (found.name, found.holds) == ("old snapshots", False)
        assert f"the session {pid} (dreamer, role receiver, idle in transaction) for 0 s" in found.seen
        assert (await snapshots.old(looking, longer_than=timedelta(hours=1), transactions=0)).holds
        assert (await snapshots.old(looking, longer_than=NOW, transactions=1000)).holds
        statement = found.todo.split("`")[1]
        assert statement == f"select pg_terminate_backend({pid})"
        assert await looking.fetchval(statement.replace(")", ", 10000)"))
        assert (await snapshots.old(looking, longer_than=NOW, transactions=0)).holds
    idle.terminate()


async def test_a_session_whose_times_are_hidden_from_our_role_is_told_by_its_transactions(
    db: Pool, receiver_database: str
) -> None:
    idle = await database.connect(receiver_database)
    await idle.execute("begin; create table public.dreams ()")
    await db.execute("create role peering login")
    try:
        looking = await database.connect(receiver_database.replace("receiver@", "peering@"))
        found = await snapshots.old(looking, without_time=0)
        assert not found.holds
        assert "our role may not see since when: grant pg_read_all_stats to it" in found.seen
        assert (await snapshots.old(looking)).holds
        await looking.close()
    finally:
        await db.execute("drop role peering")
        await idle.execute("rollback")
        await idle.close()


@pytest.mark.parametrize(
    ("holder", "seen", "todo"),
    [
        (
            Holder("prepared", "'it''s'", "ann", None, None, timedelta(minutes=7), 9),
            "the prepared transaction 'it''s' (role ann) for 420 s",
            "`rollback prepared 'it''s'`",
        ),
        (
            Holder("slot", "'gone'", None, None, None, None, 200_000),
            "the replication slot 'gone' for 200000 transactions",
            "`select pg_drop_replication_slot('gone')`",
        ),
        (
            Holder("slot", "'near'", None, None, "active", None, 200_000),
            "the replication slot 'near' (active) for 200000 transactions",
            "hot_standby_feedback",
        ),
        (
            Holder("standby", "77", "rep", "far", "active", None, 200_000),
            "the standby 77 (far, role rep, active) for 200000 transactions",
            "hot_standby_feedback",
        ),
    ],
    ids=["prepared", "slot", "read-slot", "standby"],
)
def test_each_kind_is_told_with_its_own_advice(holder: Holder, seen: str, todo: str) -> None:
    found = snapshots.finding([holder])
    assert not found.holds
    assert found.seen.endswith(seen)
    assert todo in found.todo


def test_strangers_hear_that_one_is_held_and_not_by_whom() -> None:
    holder = Holder("session", "4711", "payroll", "psql", "idle in transaction", timedelta(hours=1), 5000)
    (told,) = snapshots.advice(snapshots.finding([holder]))
    assert told.holds
    assert "4711" not in told.said
    assert "payroll" not in told.said
    assert snapshots.advice(snapshots.finding([])) == []

"""`inbox.daily`: what is old is pruned once a day, by one process of all, and after a crash by the next one."""

from datetime import timedelta

from receiver.database import Pool, query
from receiver.inbox.daily import LOCK, Daily
from receiver.inbox.retention import Gone
from tests.inbox.ageing import AT_ONCE, aged, names


def daily(db: Pool) -> Daily:
    return Daily(db, timedelta(days=90), AT_ONCE)


async def test_what_is_old_is_pruned_once_a_day(db: Pool) -> None:
    for name in ("evt_1", "evt_2"):
        await aged(db, name)
        if name == "evt_1":
            assert await daily(db).prune_if_due() == Gone(events=1)
    assert await daily(db).prune_if_due() is None
    await db.execute("update receiver.retention set pruned_at = now() - interval '25 hours'")
    assert await daily(db).prune_if_due() == Gone(events=1)


async def test_one_process_prunes_and_if_it_dies_the_next_one_goes_on(db: Pool) -> None:
    await aged(db)
    async with db.acquire() as other:
        assert await other.fetchval(query("database/try_lock"), LOCK)
        assert await daily(db).prune_if_due() is None
        assert await names(db) == ["evt_1"]
        other.terminate()
    done = None
    while done is None:  # the server has to notice
        done = await daily(db).prune_if_due()
    assert done == Gone(events=1)


async def test_the_lock_is_free_again_afterwards(db: Pool) -> None:
    await daily(db).prune_if_due()
    async with db.acquire() as other:
        assert await other.fetchval(query("database/try_lock"), LOCK)

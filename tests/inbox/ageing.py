"""Events that came long ago, and what became of them."""

from collections.abc import Sequence
from datetime import timedelta

from receiver.database import Pool
from receiver.inbox import deliveries, listing, retention
from receiver.inbox.deliveries import Delivery, Status
from receiver.inbox.retention import Gone, Pace, Prune
from receiver.providers.transcribe_so import payload
from tests.processes import completed

API = "https://api.test"
QUARTER = timedelta(days=90)
AT_ONCE = Pace(rest=0)
# The ledger has read all that there is; what it has not read is not pruned.
READ = "update receiver.ledger set last_event = (select coalesce(max(id), 0) from receiver.events)"

# The database's clock cannot be set back, so the rows are.
AGED = """
with aged as (
    update receiver.events
    set received_at = received_at - $1::interval, last_delivered_at = last_delivered_at - $1::interval
    where id = any ($2) returning id
)
update receiver.jobs set due_at = due_at - $1::interval where event = any ($2)
"""


async def deliver(db: Pool, *bodies: bytes, handlers: Sequence[str] = ("a",)) -> list[Status]:
    """Store deliveries; return what became of each."""
    async with db.acquire() as connection:
        return await deliveries.append(
            connection, [Delivery(payload.read("transcribe.so", body), API, "f", tuple(handlers)) for body in bodies]
        )


async def age(db: Pool, key: int, days: float = 100) -> int:
    """Set back by so many days when an event came and when its jobs ended; return its key."""
    await db.execute(AGED, timedelta(days=days), [key])
    return key


async def aged(db: Pool, name: str = "evt_1", state: str = "done", *, days: float = 100, about: int = 4821) -> int:
    """Store an event that came so many days ago, with a job that was in this state since; return its key."""
    await deliver(db, completed(name, about))
    key = await listing.newest_key(db)
    await db.execute("update receiver.jobs set state = $2::text::receiver.job_state where event = $1", key, state)
    await db.execute(READ)
    return await age(db, key, days)


async def prune(db: Pool, older_than: timedelta = QUARTER, *, answers: bool = False) -> Gone:
    """Prune all that is so old; return how much that was."""
    await db.execute(READ)
    run = Prune(db, await retention.horizon(db, older_than), AT_ONCE)
    assert await run.run(answers=answers)
    return run.gone


async def names(db: Pool) -> list[str]:
    """Return the events that are stored."""
    return [row["event_id"] for row in await db.fetch("select event_id from receiver.events order by id")]

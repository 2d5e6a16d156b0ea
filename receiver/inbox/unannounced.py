"""Store the ends of transcriptions that nobody has announced to us, so that none of them has two events with jobs.

    their transaction ──▶ the gate: waits for deliveries that are being stored, others wait
                             └──▶ which ends have no event? ──▶ these are stored, each with its jobs ──▶ commit
    a webhook that comes later sees the event, and is stored beside it without jobs (`append_events`)

Without the gate, a webhook and we could each look before the other has committed, and both would make jobs. It is held
for milliseconds. Nobody waits for it longer than that, because whoever cannot have it at once comes back later.
"""

from collections.abc import Sequence

import asyncpg

from receiver.database import Connection, Database, query
from receiver.errors import BusyError
from receiver.events import AccountId, Event
from receiver.failpoints import Failpoint, reach
from receiver.inbox import deliveries
from receiver.inbox.deliveries import Delivery

PATIENCE = ("300ms", 5000)  # for the gate, and for each statement (ms)


async def lock(connection: Connection) -> None:
    """Keep deliveries from being stored until the transaction ends.

    Raises:
        BusyError: a delivery that is being stored takes too long.
    """
    try:
        await connection.execute(query("database/bound_statements"), *PATIENCE)
        await connection.execute(query("inbox/lock_gate"))
    except asyncpg.LockNotAvailableError as exc:
        raise BusyError("a delivery is being stored, and takes long") from exc


async def among(db: Database, account: AccountId, ends: Sequence[Delivery]) -> list[Delivery]:
    """Return which ends of an account's transcriptions have no event."""
    found = [end.content for end in ends if isinstance(end.content, Event)]
    if not found:
        return []
    rows = await db.fetch(
        query("inbox/unannounced"), *account, [one.transcription.id for one in found],
        [one.type for one in found], [one.transcription.ended_at for one in found],
    )  # fmt: skip
    return [ends[row["place"] - 1] for row in rows]


async def append(
    connection: Connection, account: AccountId, ends: Sequence[Delivery], *, behind: bool = False
) -> list[Delivery]:
    """Store the ends of an account's transcriptions that have no event, each with its jobs; return what was stored.

    With `behind` the jobs wait behind what is live, as replays do. This belongs into a transaction of the caller's. It
    should end soon: until then no delivery is stored.

    Raises:
        BusyError: a delivery that is being stored takes too long. Try again later.
    """
    if not await among(connection, account, ends):  # nearly always: deliveries wait for nothing
        return []
    await lock(connection)
    missing = await among(connection, account, ends)
    await deliveries.append(connection, missing)
    if behind:
        await connection.execute(query("inbox/put_behind"), *account, [one.content.id for one in missing])
    reach(Failpoint.BEFORE_RECONCILED)
    return missing

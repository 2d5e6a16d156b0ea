"""Store what was spooled for another database, which is gone, in this one."""

from collections.abc import Mapping

from receiver.database import Connections, migrations
from receiver.handling import Handler
from receiver.inbox.spool import Spool
from receiver.web.store import Store

SECONDS = 10.0


async def take_over(url: str, spool: Spool, *, handlers: Mapping[str, Handler], api_url: str) -> int:
    """Bring all that waits in the spool into the database, whichever it is for; returns how many that took.

    Raises:
        SchemaError: the database's schema is older than this code.
        StoreUnavailableError: it does not answer, or takes nothing.
    """
    connections = Connections(url)
    store = Store(
        connections=connections, spool=spool, database=None, handlers=handlers, api_url=api_url,
        stored=lambda: None, takes_over=True,
    )  # fmt: skip
    try:
        await connections.run(migrations.require, seconds=SECONDS)
        return await store.bring_in()
    finally:
        await store.close()
        connections.close()

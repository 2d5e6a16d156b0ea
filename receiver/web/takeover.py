"""Store deliveries in this database that were spooled for another one, which is gone."""

from collections.abc import Mapping

from receiver.database import Connections, migrations
from receiver.handling import Handler
from receiver.inbox.spool import Spool
from receiver.web.store import Store

SECONDS = 10.0


async def take_over(url: str, spool: Spool, *, handlers: Mapping[str, Handler], api_url: str) -> int:
    """Bring every spooled delivery into the database, and return how many it took.

    It does not matter for which database a delivery was spooled.

    Raises:
        SchemaError: the database's schema is older than this code.
        StoreUnavailableError: the database does not answer, or takes nothing.
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

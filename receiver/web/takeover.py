"""Tell for which databases spooled deliveries wait, and store here those of a database that is gone."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from receiver.database import Connections, dsn, migrations
from receiver.errors import ImpossibleError
from receiver.handling import Handler
from receiver.inbox import spooled
from receiver.inbox.spool import Condition, Spool
from receiver.web.store import Store

SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """The state of a spool, and how many of its deliveries wait for which database, named in words."""

    condition: Condition
    numbers: Mapping[str, int]


def usable(spool: Spool) -> Condition:
    """Return the state of a spool whose folder can be used. This reads the disk.

    Raises:
        ImpossibleError: it cannot be used.
    """
    found = spool.look()
    if found.trouble is not None:
        raise ImpossibleError(f"the spool {found.path}: {found.trouble}; RECEIVER_SPOOL_DIR names the folder")
    return found


def waiting(spool: Spool, url: str | None) -> Waiting:
    """Return what waits in a spool. This reads every record from the disk.

    Args:
        spool: the spool.
        url: the URL of this database; None if it is the embedded one.

    Raises:
        ImpossibleError: the spool's folder cannot be used.
    """
    address = None if url is None else dsn.fingerprint(url, os.environ)
    numbers = Counter(spooled.waits_for(record, address) for record in spool.records())
    return Waiting(usable(spool), numbers)


async def take_over(url: str, spool: Spool, *, handlers: Mapping[str, Handler], api_url: str) -> int:
    """Bring every spooled delivery into the database, and return how many it has stored.

    Deliveries that were spooled for other databases are stored too.

    Raises:
        SchemaError: the database's schema is older than this code.
        StoreUnavailableError: the database does not answer, or stores nothing.
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

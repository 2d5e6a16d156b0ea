"""Tell for which databases spooled deliveries wait, and store here those of a database that is gone."""

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from receiver.database import Connections, dsn, migrations
from receiver.errors import ImpossibleError
from receiver.handling import Handler
from receiver.inbox import spooled
from receiver.inbox.spool import Condition, Spool
from receiver.inbox.spool.opening import open_spool
from receiver.settings import Settings
from receiver.web.store import Store

SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """The state of a spool, and how many of its deliveries wait for which database, named in words."""

    condition: Condition
    numbers: Mapping[str, int]

    def to_json(self, *, taken: int) -> dict[str, Any]:
        """Return the fields that `spool --json` prints; `taken` deliveries were taken over before the count."""
        found = self.condition
        return {
            "folder": str(found.path), "taken": taken, "waiting": dict(self.numbers), "refused": found.refused,
            "damaged": found.damaged, "unknown": found.unknown,
        }  # fmt: skip


def _usable(spool: Spool) -> Condition:
    """Return the state of a spool whose folder can be used. This reads the disk.

    Raises:
        ImpossibleError: it cannot be used.
    """
    found = spool.look()
    if found.trouble is not None:
        raise ImpossibleError(f"the spool {found.path}: {found.trouble}; RECEIVER_SPOOL_DIR names the folder")
    return found


def waiting(configured: Settings) -> Waiting:
    """Return what waits in the configured spool. This reads every record from the disk.

    Raises:
        ImpossibleError: the spool's folder cannot be used.
    """
    spool, url = open_spool(configured), configured.dsn
    address = None if url is None else dsn.fingerprint(url, os.environ)
    numbers = Counter(spooled.waits_for(record, address) for record in spool.records())
    return Waiting(_usable(spool), numbers)


async def take_over(url: str, configured: Settings, handlers: Mapping[str, Handler]) -> int:
    """Bring every delivery of the configured spool into the database at `url`, and return how many it has stored.

    Deliveries that were spooled for other databases are stored too.

    Raises:
        ImpossibleError: the spool's folder cannot be used.
        SchemaError: the database's schema is older than this code.
        StoreUnavailableError: the database does not answer, or stores nothing.
    """
    spool = open_spool(configured)
    await asyncio.to_thread(_usable, spool)
    connections = Connections(url)
    store = Store(
        connections=connections, spool=spool, database=None, handlers=handlers,
        stored=lambda: None, takes_over=True,
    )  # fmt: skip
    try:
        await connections.run(migrations.require, seconds=SECONDS)
        return await store.bring_in()
    finally:
        await store.close()
        connections.close()

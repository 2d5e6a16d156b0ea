"""Decide whether a process may start with its database. It starts while the database is away."""

import logging

from receiver.database import Connections, migrations
from receiver.database.session import read_queries
from receiver.errors import StartupError, StoreMisconfiguredError, StoreUnavailableError
from receiver.health import advice, postgres
from receiver.providers import egress

log = logging.getLogger(__name__)

SECONDS = 2.0


async def check(url: str) -> bool:
    """Refuse a database that can never work, and warn of one that might lose data. Return whether it answered.

    Raises:
        SchemaError: the schema is too old, or the role has no right to use it.
        StartupError: the database cannot be connected to as it is configured.
    """
    read_queries()
    migrations.latest()
    for finding in advice.environment(egress.mistakes()):
        log.error("%s", finding.said)
    connections = Connections(url, size=1)
    try:
        await connections.run(migrations.require, seconds=SECONDS)
        off = await connections.run(postgres.not_durable, seconds=SECONDS)
    except StoreMisconfiguredError as exc:  # no outage: deliveries in the spool would never be stored
        raise StartupError(str(exc.__cause__)) from exc
    except StoreUnavailableError as exc:
        log.warning("%s; starting without it", exc)
        return False
    finally:
        connections.close()
    if off:
        log.error("this server runs with %s off: what is stored does not survive a crash", " and ".join(off))
    return True

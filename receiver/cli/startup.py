"""How `serve` and `work` start. They start while the database is away, but not with a database that can never work."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from receiver.cli.opening import open_database
from receiver.cli.process import run
from receiver.database import Connections, embedded, migrations
from receiver.database.session import read_queries
from receiver.errors import StartupError, StoreMisconfiguredError, StoreUnavailableError
from receiver.health import postgres
from receiver.providers import egress
from receiver.settings import Settings

log = logging.getLogger(__name__)

START_WITHOUT_SECONDS = 2.0  # deliveries wait in the listener's queue until we answer; the provider waits 10 s
CHECK_SECONDS = 2.0
ENDING_SECONDS = 3.0


def run_for_long(configured: Settings, work: Callable[[str], Coroutine[Any, Any, None]], *, quiet: bool) -> None:
    """Run `work` with the database's URL, and end soon after it. If `quiet`, do not say which database that is."""
    if configured.database_url is None and not quiet:
        log.warning(
            "DATABASE_URL is not set: using the embedded database in %s. "
            "On a platform whose disk vanishes with every deploy, everything stored vanishes with it",
            embedded.locate(configured.data_dir).path,
        )
    with open_database(configured, create=True, patience=START_WITHOUT_SECONDS) as url:
        run(work(url), end_within=ENDING_SECONDS)


async def check(url: str) -> bool:
    """Refuse a database that can never work, and warn of one that might lose data. Return whether it answered.

    Raises:
        SchemaError: the schema is too old, or the role has no right to use it.
        StartupError: the database cannot be connected to as it is configured.
    """
    read_queries()
    migrations.latest()
    for mistake in egress.mistakes():
        log.error("%s; requests that need this setting will fail", mistake)
    connections = Connections(url, size=1)
    try:
        await connections.run(migrations.require, seconds=CHECK_SECONDS)
        off = await connections.run(postgres.not_durable, seconds=CHECK_SECONDS)
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

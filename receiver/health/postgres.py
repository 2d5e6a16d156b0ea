"""What must hold of the database's server, of our schema in it, and of what our role may do there."""

import asyncio
from datetime import timedelta

import asyncpg

from receiver import database
from receiver.database import Connection, embedded, migrations, outages, query
from receiver.errors import SchemaError, StoreMisconfiguredError, StoreUnavailableError
from receiver.health.finding import Finding
from receiver.settings import Settings

AHEAD = timedelta(seconds=10)  # a clock that is set by a few seconds is no news
TOLD = 5
KEEPS_SECONDS = 5.0


async def server(connection: Connection, url: str, configured: Settings) -> Finding:
    """Whether what is stored survives a crash, whatever text it is, and a session stays ours."""
    durable = await connection.fetchrow(query("database/durability"))
    assert durable is not None
    off = [name for name, holds in durable.items() if not holds]
    wrong = dict[str, str]()
    if off:
        wrong[f"{' and '.join(off)} is off, so what is stored does not survive a crash"] = "switch it on"
    if unfit := await migrations.unfit(connection):
        wrong[unfit] = ""
    if not await _keeps_session(connection, url):
        pooler = "a pooler in transaction mode stands in between, which loses locks and LISTEN"
        wrong[pooler] = "use the direct URL, or one of its session mode"
    if wrong:
        todo = "; ".join(filter(None, wrong.values()))
        return Finding("database", holds=False, seen="; ".join(wrong), todo=todo)
    place = embedded.describe(configured.data_dir) if configured.database_url is None else database.where(url)
    return Finding("database", holds=True, seen=f"{place}, durable")


async def _keeps_session(connection: Connection, url: str) -> bool:
    """Whether a session keeps its server process while others are busy, as locks and LISTEN need."""
    pid = await connection.fetchval(query("health/backend_pid"))
    try:
        other = await database.connect(url)
    except StoreMisconfiguredError:  # the pooler has given it what was prepared here
        return False
    except StoreUnavailableError:  # there is no room for another
        return True
    try:
        async with asyncio.timeout(KEEPS_SECONDS), other.transaction():
            await other.fetchval(query("health/backend_pid"))
            return bool(pid == await connection.fetchval(query("health/backend_pid")))
    except (TimeoutError, asyncpg.PostgresError):
        return False
    finally:
        other.terminate()


def schema(version: int) -> Finding:
    """Whether the database's schema is one that this code can work with."""
    needed = migrations.latest()
    if version < needed:
        seen = f"version {version}, this code needs {needed}"
        return Finding("schema", holds=False, seen=seen, todo="run `receiver migrate`")
    return Finding("schema", holds=True, seen=f"version {version}")


async def usable(connection: Connection) -> Finding:
    """Whether the schema is one that this code can work with, and the role may do so."""
    try:
        found = schema(await migrations.current(connection))
    except SchemaError as exc:
        return Finding("schema", holds=False, seen=str(exc))
    if not found.holds:
        return found
    lacking = [row["lacking"] for row in await connection.fetch(query("health/lacking_rights"))]
    if lacking:
        more = f"; and {len(lacking) - TOLD} more" if len(lacking) > TOLD else ""
        seen = f"{found.seen}, on which the role lacks {'; '.join(lacking[:TOLD])}{more}"
        return Finding("schema", holds=False, seen=seen, todo=outages.TO_USE)
    return found


async def clock(connection: Connection, api_url: str) -> Finding:
    """Whether the database's clock went back, so that jobs of an API wait for it."""
    ahead: timedelta | None = await connection.fetchval(query("health/clock_ahead"), api_url)
    if ahead is not None and ahead > AHEAD:
        seen = f"the database's went back, so jobs stored before wait {ahead.total_seconds():.0f} s for it"
        todo = "set it right, or `receiver replay EVENT` each that cannot wait so long"
        return Finding("clock", holds=False, seen=seen, todo=todo)
    return Finding("clock", holds=True, seen="the database's has not gone back")

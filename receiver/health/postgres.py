"""Check the database's server, our schema in it, and the rights of our role."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from receiver import database
from receiver.database import Connection, embedded, migrations, outages, query
from receiver.errors import SchemaError, StoreMisconfiguredError, StoreUnavailableError
from receiver.health.finding import Finding
from receiver.settings import Settings

AHEAD = timedelta(seconds=10)  # a clock that is corrected by a few seconds does not matter
SHOWN = 5
NEXT = 200
KEEPS_SECONDS = 5.0


async def server(connection: Connection, url: str, configured: Settings) -> Finding:
    """Check whether the server keeps stored data in a crash, can store any text, and gives us a session of our own."""
    off = await not_durable(connection)
    wrong = dict[str, str]()
    if off:
        wrong[f"{' and '.join(off)} is off, so what is stored does not survive a crash"] = "switch it on"
    if unusable := await migrations.why_unusable(connection):
        wrong[unusable] = ""
    if not await _keeps_session(connection, url):
        pooler = "there is a pooler in transaction mode in between, which loses locks and LISTEN"
        wrong[pooler] = "use the direct URL, or a URL of its session mode"
    if wrong:
        todo = "; ".join(filter(None, wrong.values()))
        return Finding("database", holds=False, seen="; ".join(wrong), todo=todo)
    place = embedded.describe(configured.data_dir) if configured.database_url is None else database.where(url)
    return Finding("database", holds=True, seen=f"{place}, durable")


def data_folder(configured: Settings) -> list[Finding]:
    """Report as advice that everything is stored in the data folder, whose disk might not stay."""
    if configured.database_url is not None:
        return []
    path = embedded.locate(configured.data_dir).path
    seen = f"DATABASE_URL is not set: using the embedded database in {path}"
    lost = "On a platform whose disk vanishes with every deploy, everything stored vanishes with it"
    return [Finding("data folder", holds=True, seen=f"{seen}. {lost}")]


async def not_durable(connection: Connection) -> list[str]:
    """Return the server's settings that are off and without which stored data does not survive a crash."""
    durable = await connection.fetchrow(query("database/durability"))
    assert durable is not None
    return [name for name, holds in durable.items() if not holds]


async def _keeps_session(connection: Connection, url: str) -> bool:
    """Whether a session keeps its server process while other sessions are busy, as locks and LISTEN need."""
    pid = await connection.fetchval(query("health/backend_pid"))
    try:
        other = await database.connect(url)
    except StoreMisconfiguredError:  # the pooler gave the new session the prepared statements of this one
        return False
    except StoreUnavailableError:  # the server accepts no more sessions
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
    """Check whether this code can work with a version of the schema."""
    needed = migrations.latest()
    if version < needed:
        seen = f"version {version}, this code needs {needed}"
        return Finding("schema", holds=False, seen=seen, todo="run `receiver migrate`")
    return Finding("schema", holds=True, seen=f"version {version}")


async def usable(connection: Connection) -> Finding:
    """Check whether this code can work with the schema, and our role has the rights for it."""
    try:
        found = schema(await migrations.current(connection))
    except SchemaError as exc:
        return Finding("schema", holds=False, seen=str(exc))
    if not found.holds:
        return found
    rows = await connection.fetch(query("health/lacking_rights"))
    if vital := [row["lacking"] for row in rows if row["is_vital"]]:
        return Finding(
            "schema", holds=False, seen=f"{found.seen}, on which the role {_lacks(vital)}", todo=outages.TO_USE
        )
    if rows:
        seen = f"{found.seen}, on which the role {_lacks([row['lacking'] for row in rows])}: nothing is counted"
        return Finding("schema", holds=True, seen=seen, todo=outages.TO_USE)
    return found


def _lacks(rights: Sequence[str]) -> str:
    more = f"; and {len(rights) - SHOWN} more" if len(rights) > SHOWN else ""
    return f"lacks {'; '.join(rights[:SHOWN])}{more}"


async def clock(connection: Connection, api_url: str) -> Finding:
    """Check whether the database's clock went back, so that jobs of an API wait for it."""
    ahead: timedelta | None = await connection.fetchval(query("health/clock_ahead"), api_url, NEXT)
    if ahead is not None and ahead > AHEAD:
        seen = f"the database's clock went back, so older jobs wait {ahead.total_seconds():.0f} s for it"
        todo = "set the clock right, or run `receiver replay EVENT` for each event that cannot wait so long"
        return Finding("clock", holds=False, seen=seen, todo=todo)
    return Finding("clock", holds=True, seen="the database's clock has not gone back")

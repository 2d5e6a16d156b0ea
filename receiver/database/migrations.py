"""Bring the schema up to this code's version: forward only, one transaction each, one process at a time.

`0000_…` makes the schema, where nobody has made it for us, and the bookkeeping table. A file headed
`-- no transaction` runs alone, outside any transaction, and must be repeatable too: it may run twice when the
process dies before its bookkeeping row is written.

An index on a table that grows is made so, by `create index concurrently if not exists`: deliveries go on meanwhile.

What a file held is kept as a checksum. A file that was edited afterwards is refused: a database that has applied it
would differ from one that is made with it.
"""

import functools
import hashlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from receiver.database.connections import Database, session_lock
from receiver.database.outages import TO_USE
from receiver.database.session import SQL, Connection, query
from receiver.errors import SchemaError
from receiver.failpoints import Failpoint, reach

log = logging.getLogger(__name__)

LOCK = 7_301_845_520_141_990_001  # any number that nobody else takes for theirs
TO_MIGRATE = (
    "migrate as the role that owns the schema (`create schema receiver authorization ROLE` makes it for one), or "
    "`grant create on database` to a role for which there is none yet"
)
READS_ONLY = (
    "the database reads only, as a standby does, or a server with default_transaction_read_only: name one that takes "
    "writes in DATABASE_URL, alone or beside it"
)
NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


def files(folder: Path = SQL / "migrations") -> list[tuple[int, Path]]:
    """Return the migrations in order, as (version, path)."""
    found = [(int(match[1]), path) for path in folder.iterdir() if (match := NAME.fullmatch(path.name))]
    return sorted(found)


@functools.cache
def latest() -> int:
    """Return the version that this code needs, read once: an upgrade under a running process is not its own."""
    return files()[-1][0]


async def current(connection: Database) -> int:
    """Return the database's version; 0 where there is no schema of ours.

    Raises:
        SchemaError: the role may not look.
    """
    return max(await _applied(connection), default=0)


async def require(connection: Database) -> None:
    """Refuse a schema older than the code.

    Raises:
        SchemaError: it is older; the message says what to run, or why that would not help.
    """
    found, needed = await current(connection), latest()
    if found < needed:
        unusable = await unfit(connection)
        said = f"the database's schema is version {found}, this code needs {needed}: run `receiver migrate`"
        raise SchemaError(unusable or said)


async def migrate(connection: Connection, migrations: list[tuple[int, Path]] | None = None) -> list[str]:
    """Apply what is missing; returns the names of what was applied.

    Where nothing is missing nothing is asked of the role but to look.

    Raises:
        SchemaError: a migration failed, or was edited since it was applied; or the database takes no writes or cannot
            keep every text.
        BusyError: another process has been migrating for a minute.
    """
    if wrong := await unfit(connection):
        raise SchemaError(wrong)
    first, *others = files() if migrations is None else migrations
    known = await _applied(connection)
    for version, path in others:
        if known.get(version) not in (None, _checksum(path)):
            raise SchemaError(
                f"{path.name} was edited after this database had applied it: restore it, and write a new migration"
            )
    if known.keys() >= {version for version, _ in others}:
        return []
    applied = []
    async with session_lock(connection, LOCK):
        if not await connection.fetchval(query("database/has_bookkeeping")):
            with _refusing(first[1]):
                await connection.execute(_text(first[1]))
        for version, path in others:
            if await connection.fetchval(query("database/is_applied"), version):
                with _refusing(path):
                    await connection.execute(query("database/record_checksum"), version, _checksum(path))
            else:
                await _apply(connection, version, path)
                applied.append(path.stem)
    return applied


async def unfit(connection: Database) -> str:
    """Return why a database cannot be used, or nothing. SQL_ASCII keeps whatever it is given."""
    found = await connection.fetchrow(query("database/fitness"))
    assert found is not None
    if found["reads_only"]:
        return READS_ONLY
    if found["encoding"] in ("UTF8", "SQL_ASCII"):
        return ""
    return (
        f"the database's encoding is {found['encoding']}, which cannot keep every text: create one with encoding UTF8"
    )


async def _applied(connection: Database) -> dict[int, str | None]:
    """Return the checksums of what is applied, by version; none where there is no schema of ours."""
    try:
        return {row["version"]: row["checksum"] for row in await connection.fetch(query("database/applied_migrations"))}
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return {}
    except asyncpg.InsufficientPrivilegeError as exc:
        raise SchemaError(f"the role may not use the schema receiver ({exc.args[0]}): {TO_USE}") from exc


async def _apply(connection: Connection, version: int, path: Path) -> None:
    with _refusing(path):
        if _text(path).startswith("-- no transaction"):
            await _run(connection, version, path)
        else:
            async with connection.transaction():
                await _run(connection, version, path)
    log.info("migrated to %s", path.stem)


async def _run(connection: Connection, version: int, path: Path) -> None:
    await connection.execute(_text(path))
    reach(Failpoint.MID_MIGRATION)
    await connection.execute(query("database/record_migration"), version, path.stem, _checksum(path))


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Name the migration that failed."""
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as exc:
        raise SchemaError(f"migration {path.stem} failed: {exc.args[0]}: {TO_MIGRATE}") from exc
    except asyncpg.PostgresError as exc:
        raise SchemaError(f"migration {path.stem} failed: {exc}") from exc


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _checksum(path: Path) -> str:
    return hashlib.sha256(_text(path).encode()).hexdigest()  # a checkout may have other line ends

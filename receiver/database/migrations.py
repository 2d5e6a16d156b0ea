"""Migrate the schema to this code's version. Migrations only go forward, and one process at a time applies them.

The file `0000_…` creates the schema and the bookkeeping table if they do not exist. Each other file runs in its own
transaction, unless it begins with `-- no transaction`. The statements of such a file run one after another, outside any
transaction. In such a file `;` and an empty line end a statement, and stand nowhere else together. The file must be
repeatable: if the process dies before the bookkeeping row is written, the whole file runs a second time.

If a migration adds an index to a table that grows, write two statements into such a file: `drop index concurrently if
exists` and `create index concurrently`. Then deliveries continue during the migration. Do not use `create index
concurrently if not exists`: if the process dies in it, an invalid index of that name is left, and counts as existing.

The bookkeeping table keeps the checksum of each applied file. If an applied file was edited later, it is refused:
databases with the old text would differ from databases with the new text.
"""

import functools
import hashlib
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from receiver.database.connections import Database, session_lock
from receiver.database.outages import TO_USE
from receiver.database.session import SQL, Connection, query
from receiver.errors import SchemaError
from receiver.failpoints import Failpoint, reach

log = logging.getLogger(__name__)

LOCK = 7_301_845_520_141_990_001  # an arbitrary number; other software is unlikely to use it
TO_MIGRATE = (
    "migrate as the role that owns the schema receiver; if there is no schema yet, `grant create on database` to this "
    "role, or create the schema for it: `create schema receiver authorization ROLE`"
)
READS_ONLY = (
    "the database is read-only (a standby, or default_transaction_read_only is on): put a writable server into "
    "DATABASE_URL, in place of this server or beside it"
)
NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


def files(folder: Path = SQL / "migrations") -> list[tuple[int, Path]]:
    """Return the migrations in order, as (version, path)."""
    found = [(int(match[1]), path) for path in folder.iterdir() if (match := NAME.fullmatch(path.name))]
    return sorted(found)


@functools.cache
def latest() -> int:
    """Return the version that this code needs. Read the files once: an upgrade can replace them while we run."""
    return files()[-1][0]


async def current(connection: Database) -> int:
    """Return the version of the database's schema; 0 without a schema.

    Raises:
        SchemaError: the role has no right to read the version.
    """
    return max(await _applied(connection), default=0)


async def require(connection: Database) -> None:
    """Refuse a schema older than the code.

    Raises:
        SchemaError: the schema is older. The message says what to run or, if the database is unusable, why it is.
    """
    found, needed = await current(connection), latest()
    if found < needed:
        unusable = await why_unusable(connection)
        outdated = f"the database's schema is version {found}, but this code needs {needed}: run `receiver migrate`"
        raise SchemaError(unusable or outdated)


async def migrate(connection: Connection, migrations: list[tuple[int, Path]] | None = None) -> list[str]:
    """Apply the missing migrations and return their names.

    If none is missing, the role needs only the right to read.

    Raises:
        SchemaError: a migration failed, or was edited after it was applied, or the database is unusable.
        BusyError: another process has been migrating for a minute.
    """
    if wrong := await why_unusable(connection):
        raise SchemaError(wrong)
    first, *others = files() if migrations is None else migrations
    known = await _applied(connection)
    for version, path in others:
        if known.get(version) not in (None, _checksum(path)):
            raise SchemaError(
                f"{path.name} was edited after this database applied it: restore the file, and write a new migration "
                "for the change"
            )
    if known.keys() >= {version for version, _ in others}:
        return []
    applied = []
    async with session_lock(connection, LOCK):
        if not await connection.fetchval(query("database/has_bookkeeping")):
            with _naming_failures(first[1]):
                await connection.execute(_text(first[1]))
        for version, path in others:
            if await connection.fetchval(query("database/is_applied"), version):
                with _naming_failures(path):
                    await connection.execute(query("database/record_checksum"), version, _checksum(path))
            else:
                await _apply(connection, version, path)
                applied.append(path.stem)
    return applied


async def why_unusable(connection: Database) -> str:
    """Return why a database is unusable; empty if it is usable. SQL_ASCII is usable, because it stores any bytes."""
    found = await connection.fetchrow(query("database/fitness"))
    assert found is not None
    if found["reads_only"]:
        return READS_ONLY
    if found["encoding"] in ("UTF8", "SQL_ASCII"):
        return ""
    return (
        f"the database's encoding is {found['encoding']}, which cannot store every text: "
        "create a database with encoding UTF8"
    )


async def _applied(connection: Database) -> dict[int, str | None]:
    """Return the checksums of the applied migrations by version; empty without a schema."""
    try:
        return {row["version"]: row["checksum"] for row in await connection.fetch(query("database/applied_migrations"))}
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return {}
    except asyncpg.InsufficientPrivilegeError as exc:
        raise SchemaError(f"the role cannot use the schema receiver ({exc.args[0]}): {TO_USE}") from exc


async def _apply(connection: Connection, version: int, path: Path) -> None:
    with _naming_failures(path):
        if _text(path).startswith("-- no transaction"):
            # Several statements in one request are one transaction for the server.
            await _run(connection, version, path, _text(path).rstrip().split(";\n\n"))
        else:
            async with connection.transaction():
                await _run(connection, version, path, [_text(path)])
    log.info("migrated to %s", path.stem)


async def _run(connection: Connection, version: int, path: Path, requests: Iterable[str]) -> None:
    for request in requests:
        await connection.execute(request)
    reach(Failpoint.MID_MIGRATION)
    await connection.execute(query("database/record_migration"), version, path.stem, _checksum(path))


@contextmanager
def _naming_failures(path: Path) -> Iterator[None]:
    """Turn a database error into a SchemaError that names the migration."""
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as exc:
        raise SchemaError(f"migration {path.stem} failed: {exc.args[0]}: {TO_MIGRATE}") from exc
    except asyncpg.PostgresError as exc:
        raise SchemaError(f"migration {path.stem} failed: {exc}") from exc


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _checksum(path: Path) -> str:
    return hashlib.sha256(_text(path).encode()).hexdigest()  # not of the bytes: a checkout can change line ends

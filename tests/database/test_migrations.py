"""`database.migrations`: from nothing to this code's schema, once, whatever other processes do, and never by half."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from receiver import database
from receiver.database import Pool, migrations
from receiver.errors import SchemaError
from receiver.testing import Server

NAMES = [path.stem for _, path in migrations.files()]
INDEX = """-- no transaction
drop index concurrently if exists public.word;

create unique index concurrently word on public.words (word);
"""
_numbers = itertools.count(1)


@pytest.fixture
def empty(receiver_server: Server) -> Iterator[str]:
    """Yield the URL of a database without our schema."""
    name = f"receiver_empty_{next(_numbers)}"
    yield receiver_server.create(name)
    receiver_server.drop(name)


@pytest_asyncio.fixture
async def connection(empty: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    opened = await database.connect(empty)
    yield opened
    await opened.close()


def written(folder: Path, *texts: str) -> list[tuple[int, Path]]:
    """Return our first migration followed by `texts`, as files."""
    for number, text in enumerate([migrations.files()[0][1].read_text(), *texts]):
        (folder / f"{number:04}_step_{number}.sql").write_text(text)
    return migrations.files(folder)


async def applied(connection: database.Database) -> list[int]:
    rows = await connection.fetch("select version from receiver.migrations order by version")
    return [row["version"] for row in rows]


async def test_an_empty_database_is_refused_then_migrated_then_left_alone(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    assert await migrations.current(connection) == 0
    with pytest.raises(SchemaError, match=rf"version 0, .* needs {migrations.latest()}: run `receiver migrate`"):
        await migrations.require(connection)
    assert await migrations.migrate(connection) == NAMES[1:]
    assert await migrations.current(connection) == migrations.latest()
    await migrations.require(connection)
    assert await migrations.migrate(connection) == []


async def test_only_an_older_schema_is_refused(db: Pool) -> None:
    await db.execute("insert into receiver.migrations (version, name) values (9999, 'of_tomorrow')")
    await migrations.require(db)
    await db.execute("delete from receiver.migrations where version >= $1", migrations.latest())
    with pytest.raises(SchemaError, match="`receiver migrate`"):
        await migrations.require(db)


async def test_ten_processes_that_migrate_at_once_apply_everything_once(empty: str) -> None:
    connections = [await database.connect(empty) for _ in range(10)]
    async with asyncio.timeout(60):
        done = await asyncio.gather(*(migrations.migrate(connection) for connection in connections))
    assert sorted(name for names in done for name in names) == NAMES[1:]
    assert await applied(connections[0]) == list(range(1, len(NAMES)))
    for connection in connections:
        await connection.close()


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("create table public.half (); select 1 / 0;", "division by zero"),
        (
            "create table public.half (); insert into receiver.migrations values (2, 'its own row')",
            "duplicate key",
        ),
    ],
)
async def test_a_failing_migration_leaves_nothing_of_itself_and_keeps_what_came_before(
    connection: "asyncpg.Connection[asyncpg.Record]", tmp_path: Path, empty: str, bad: str, why: str
) -> None:
    good = "create table public.good ()"
    with pytest.raises(SchemaError, match=rf"0002_step_2 .*{why}"):
        await migrations.migrate(connection, written(tmp_path, good, bad, "create table public.third ()"))
    assert await applied(connection) == [1]
    tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
    assert [row["tablename"] for row in tables] == ["good"]
    other = await database.connect(empty)  # the lock is free
    async with asyncio.timeout(10):
        assert await migrations.migrate(other, written(tmp_path, good, "select 1", "select 1")) == [
            "0002_step_2", "0003_step_3",
        ]  # fmt: skip
    await other.close()


async def test_a_file_without_transaction_runs_while_others_wait_for_their_turn(empty: str, tmp_path: Path) -> None:
    """`create index concurrently` waits for every transaction, even for a transaction that waits for a lock."""
    steps = written(tmp_path, "create table public.words (word text)", INDEX)
    connections = [await database.connect(empty) for _ in range(4)]
    async with asyncio.timeout(30):
        done = await asyncio.gather(*(migrations.migrate(connection, steps) for connection in connections))
    assert sorted(map(len, done)) == [0, 0, 0, 2]
    assert await connections[0].fetchval("select indisvalid from pg_index where indexrelid = 'word'::regclass")
    await connections[0].execute("delete from receiver.migrations where version = 2")
    assert await migrations.migrate(connections[1], steps) == ["0002_step_2"]  # it died before its row was written
    for connection in connections:
        await connection.close()


async def test_a_file_without_transaction_that_ended_half_way_is_run_again_as_a_whole(
    connection: "asyncpg.Connection[asyncpg.Record]", tmp_path: Path
) -> None:
    """An index that could not be completed stays, and is invalid."""
    valid = "select indisvalid from pg_index where indexrelid = 'word'::regclass"
    steps = written(tmp_path, "create table public.words (word text)", INDEX)
    await migrations.migrate(connection, steps[:2])
    await connection.execute("insert into public.words values ('twice'), ('twice')")
    with pytest.raises(SchemaError, match=r"0002_step_2 failed: could not create unique index"):
        await migrations.migrate(connection, steps)
    assert (await connection.fetchval(valid), await applied(connection)) == (False, [1])
    await connection.execute("truncate public.words")
    assert await migrations.migrate(connection, steps) == ["0002_step_2"]
    assert await connection.fetchval(valid)


async def test_a_landed_migration_that_was_edited_is_refused_by_name(
    connection: "asyncpg.Connection[asyncpg.Record]", tmp_path: Path
) -> None:
    """Also if there is a new migration, which is then not applied."""
    steps = written(tmp_path, "create table public.good ()\n", "select 1")
    await migrations.migrate(connection, steps[:2])
    assert await migrations.migrate(connection, steps) == ["0002_step_2"]
    steps[1][1].write_bytes(b"create table public.good ()\r\n")
    assert await migrations.migrate(connection, steps) == []  # its text is the same
    steps[1][1].write_text("create table public.better ()")
    third = tmp_path / "0003_step_3.sql"
    third.write_text("create table public.third ()")
    for some in (steps, [*steps, (3, third)]):
        with pytest.raises(
            SchemaError, match=r"0001_step_1\.sql was edited after .* restore the file, and write a new"
        ):
            await migrations.migrate(connection, some)
    assert await applied(connection) == [1, 2]


async def test_bookkeeping_may_change_and_what_an_older_version_has_applied_is_held_from_the_first_run_on(
    connection: "asyncpg.Connection[asyncpg.Record]", tmp_path: Path
) -> None:
    steps = written(tmp_path, "create table public.good ()\n", "select 1")
    await migrations.migrate(connection, steps[:2])
    await connection.execute("alter table receiver.migrations drop column checksum")
    assert await migrations.current(connection) == 1
    steps[0][1].write_text(f"{steps[0][1].read_text()}\n-- and a remark")
    assert await migrations.migrate(connection, steps) == ["0002_step_2"]
    steps[1][1].write_text("create table public.better ()")
    with pytest.raises(SchemaError, match=r"0001_step_1\.sql was edited"):
        await migrations.migrate(connection, steps)


@pytest_asyncio.fixture
async def guest(
    connection: "asyncpg.Connection[asyncpg.Record]", empty: str
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Yield a connection of a role with no right but to connect."""
    await connection.execute("create role receiver_guest login")
    opened = await database.connect(empty.replace("receiver@", "receiver_guest@"))
    yield opened
    await opened.close()
    await connection.execute("drop owned by receiver_guest; drop role receiver_guest")


async def test_a_database_that_reads_only_is_said_so(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.execute("set default_transaction_read_only = on")
    for ask in (migrations.migrate, migrations.require):
        with pytest.raises(SchemaError, match=r"the database is read-only \(a standby"):
            await ask(connection)


async def test_what_backslashes_mean_to_a_database_does_not_matter(empty: str) -> None:
    admin = await asyncpg.connect(empty)
    name = await admin.fetchval("select current_database()")
    await admin.execute(f'alter database "{name}" set standard_conforming_strings = off')
    await admin.close()
    opened = await database.connect(empty)
    assert await migrations.migrate(opened) == NAMES[1:]
    await opened.close()


async def test_who_may_not_make_a_schema_is_told_which_right_it_needs(
    guest: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    with pytest.raises(SchemaError, match=r"permission denied for database .*`grant create on database`"):
        await migrations.migrate(guest)


async def test_who_was_given_the_schema_migrates_without_a_right_on_the_database(
    connection: "asyncpg.Connection[asyncpg.Record]", guest: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await connection.execute("create schema receiver authorization receiver_guest")
    assert await migrations.migrate(guest) == NAMES[1:]
    assert await migrations.migrate(guest) == []


async def test_who_may_only_read_and_write_is_asked_for_no_more_where_nothing_is_missing(
    connection: "asyncpg.Connection[asyncpg.Record]", guest: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await migrations.migrate(connection)
    with pytest.raises(SchemaError, match=r"permission denied for schema receiver.*`grant usage on schema receiver`"):
        await migrations.require(guest)
    await connection.execute("grant usage on schema receiver to receiver_guest")
    await connection.execute("grant select on all tables in schema receiver to receiver_guest")
    await migrations.require(guest)
    async with database.session_lock(connection, migrations.LOCK), asyncio.timeout(60):
        assert await migrations.migrate(guest) == []
    await connection.execute("delete from receiver.migrations where version = $1", migrations.latest())
    with pytest.raises(SchemaError, match=r"(permission denied|must be owner).*the role that owns the schema"):
        await migrations.migrate(guest)


@pytest.mark.parametrize(("encoding", "usable"), [("UTF8", True), ("SQL_ASCII", True), ("LATIN1", False)])
async def test_a_database_that_cannot_keep_every_text_is_refused(
    receiver_server: Server, encoding: str, *, usable: bool
) -> None:
    name = f"receiver_{encoding.lower()}"
    url = receiver_server.create(name, "--encoding", encoding, "--locale", "C", "--template", "template0")
    opened = await database.connect(url)
    try:
        if usable:
            assert await migrations.migrate(opened) == NAMES[1:]
        else:
            with pytest.raises(SchemaError, match=r"encoding is LATIN1, .* create a database with encoding UTF8"):
                await migrations.migrate(opened)
    finally:
        await opened.close()
        receiver_server.drop(name)


def test_only_numbered_sql_files_are_migrations(tmp_path: Path) -> None:
    for name in ("0001_b.sql", "0000_a.sql", "0002_c.sql~", "README.md", "2_d.sql", "0003_E.sql"):
        (tmp_path / name).touch()
    assert [(version, path.name) for version, path in migrations.files(tmp_path)] == [
        (0, "0000_a.sql"),
        (1, "0001_b.sql"),
    ]

"""`receiver.health.postgres`: what must hold for the database's server, and for the role."""

import re
from pathlib import Path

from receiver import database, settings
from receiver.database import Pool, query
from receiver.database.session import SQL
from receiver.health import postgres
from receiver.settings import Settings
from receiver.testing import Server


async def test_the_database_is_named_as_a_person_knows_it(receiver_database: str, folder: Path) -> None:
    embedded = settings.load(RECEIVER_DATA_DIR=folder)
    async with database.pool(receiver_database, size=1) as db, db.acquire() as connection:
        found = await postgres.server(connection, receiver_database, embedded)
        assert (found.name, found.holds, found.seen) == ("database", True, f"embedded, in {folder}, durable")
        found = await postgres.server(connection, receiver_database, given(receiver_database))
        assert "local socket/receiver_test" in found.seen


async def test_a_session_that_loses_its_state_is_told_whatever_the_reason(receiver_database: str) -> None:
    async with database.pool(receiver_database, size=1) as db, db.acquire() as connection:
        await connection.execute("set synchronous_commit = off")
        found = await postgres.server(connection, receiver_database, given(receiver_database))
    assert (found.holds, "synchronous_commit is off" in found.seen) == (False, True)


async def test_a_database_that_cannot_keep_every_text_is_told_whatever_else_is_wrong_with_it(
    receiver_server: Server,
) -> None:
    url = receiver_server.create("receiver_latin", "--encoding", "LATIN1", "--locale", "C", "--template", "template0")
    try:
        async with database.pool(url, size=1) as db, db.acquire() as connection:
            await connection.execute("set synchronous_commit = off")
            found = await postgres.server(connection, url, given(url))
    finally:
        receiver_server.drop("receiver_latin")
    assert not found.holds
    assert "encoding is LATIN1" in found.seen
    assert "synchronous_commit is off" in found.seen


async def test_a_role_that_may_not_look_is_told_which_right_it_needs(receiver_database: str) -> None:
    admin = await database.connect(receiver_database)
    await admin.execute("create role curious login")
    url = receiver_database.replace("receiver@", "curious@")
    try:
        async with database.pool(url, size=1) as db, db.acquire() as connection:
            about_database = await postgres.server(connection, url, given(url))
            about_schema = await postgres.usable(connection)
    finally:
        await admin.execute("drop role curious")
        await admin.close()
    assert about_database.holds
    assert (about_schema.holds, "grant usage on schema receiver" in about_schema.seen) == (False, True)


def given(url: str) -> Settings:
    """Return settings with a database."""
    return settings.load(DATABASE_URL=url)


async def test_a_role_that_may_do_less_than_serve_and_work_need_is_told_what_it_lacks(
    db: Pool, receiver_database: str
) -> None:
    await db.execute("create role reading login")
    try:
        await db.execute("grant usage on schema receiver to reading")
        async with database.pool(receiver_database.replace("receiver@", "reading@"), size=1) as pool:
            lacking = {row["lacking"] for row in await pool.fetch(query("health/lacking_rights"))}
            assert lacking == {f"{', '.join(sorted(rights))} on receiver.{name}" for name, rights in needed().items()}
            await db.execute("grant select on receiver.migrations to reading")
            async with pool.acquire() as connection:
                found = await postgres.usable(connection)
        assert not found.holds
        assert (
            "the role lacks delete, insert, select on receiver.archive; delete, insert, select, update on" in found.seen
        )
        assert "`grant select, insert, update, delete on all tables in schema receiver`" in found.todo
    finally:
        await db.execute("drop owned by reading; drop role reading")


def needed() -> dict[str, set[str]]:
    """Return the rights on each table that our statements need, except for migrating."""
    found: dict[str, set[str]] = {}
    for path in (SQL / "queries").rglob("*.sql"):
        text = path.read_text()
        for said in re.finditer(r"\b(insert into|update|delete from|from|join|lock table) receiver\.(\w+)", text):
            verb, table = said.groups()
            rights = {"from": {"select"}, "join": {"select"}, "lock table": {"update"}}.get(
                verb, {verb.split()[0], "select"}
            )
            own = text[said.end() :].partition("insert into")[0]
            also = {"update"} if verb == "insert into" and "do update" in own else set()
            found[table] = found.get(table, set()) | rights | also
    return found | {"migrations": {"select"}, "segments": found["segments"] | {"insert"}}  # segments are copied

"""Nothing that runs often, and nothing that a command or a page shows, reads a whole table: `tests.database.plans`."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from receiver import database
from receiver.database import migrations
from receiver.testing import Server
from tests.database import plans

EVENTS = 20_000
TEXTS = plans.statements()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(receiver_server: Server) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """Yield a connection to a database with 20,000 events and 60,000 jobs."""
    connection = await database.connect(receiver_server.create("receiver_plans"))
    await migrations.migrate(connection)
    await plans.fill(connection, EVENTS)
    yield connection
    await connection.close()
    receiver_server.drop("receiver_plans")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", plans.LOOKED)
async def test_a_statement_reads_little_however_much_is_stored(
    name: str, filled: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    for mode in plans.MODES:
        found = await plans.read(filled, plans.LOOKED[name], TEXTS[name], mode)
        assert not plans.wrong(plans.LOOKED[name], found), found.plan


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("settings", "table", "condition", "said"),
    [
        (
            "set local enable_seqscan = on",
            "events",
            "title is distinct from $1",
            "the whole of events; more than 10 rows; more than 140 pages",
        ),
        # An index that is searched from end to end gives no row away, but its pages are read.
        ("set local enable_seqscan = off", "jobs", "event > 0 and handler = $1", "more than 140 pages"),
    ],
    ids=["table", "index"],
)
async def test_a_statement_that_reads_everything_is_told(
    settings: str, table: str, condition: str, said: str, filled: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    looked = plans.Looked("'nobody'", 10)
    text = f"-- It counts.\n-- $1 name text\nselect count(*) from receiver.{table} where {condition}"
    async with filled.transaction():
        await filled.execute(settings)
        found = await plans.read(filled, looked, text, "force_generic_plan")
    assert plans.wrong(looked, found) == said, found.plan


@pytest.mark.asyncio(loop_scope="module")
async def test_a_statement_that_finds_nothing_to_do_is_told(filled: "asyncpg.Connection[asyncpg.Record]") -> None:
    looked = plans.Looked("7, 2", 5, takes=1)  # it runs, but not for the second time
    found = await plans.read(filled, looked, TEXTS["inbox/lock_job"], "force_generic_plan")
    assert plans.wrong(looked, found) == "only 0 of 1 rows to lock and write", found.plan


def test_every_statement_is_looked_at_or_excused() -> None:
    assert {*plans.LOOKED, *plans.EXCUSED} == {*TEXTS}
    assert not {*plans.LOOKED} & {*plans.EXCUSED}

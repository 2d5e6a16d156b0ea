"""The state says why there are no figures: the database is away, or it answers and they cannot be read."""

import asyncio
from pathlib import Path

import pytest

from receiver import settings
from receiver.database import Pool
from receiver.errors import StoreRefusedError, StoreUnavailableError
from receiver.health import Finding
from receiver.health.status import Status, look
from receiver.health.survey import Subjects
from receiver.inbox.spool.opening import open_spool

HOLDS = Finding("database", holds=True, seen="durable")


@pytest.mark.parametrize(
    ("findings", "error"),
    [
        ([Finding("database", holds=False, seen="why it is so")], StoreUnavailableError),
        ([HOLDS, Finding("figures", holds=False, seen="why it is so")], StoreRefusedError),
        ([Finding("database", holds=False, seen="not durable"), Finding("figures", holds=False, seen="why it is so")],
         StoreRefusedError),
    ], ids=["away", "not to be read", "not to be read, and not durable"],
)  # fmt: skip
def test_without_figures_it_says_what_is_wrong(findings: list[Finding], error: type[Exception]) -> None:
    with pytest.raises(StoreUnavailableError, match="why it is so") as raised:
        Status("0.0", findings).require_figures()
    assert type(raised.value) is error


async def looked(url: str, folder: Path, *, seconds: float) -> Status:
    configured = settings.load(RECEIVER_DATA_DIR=folder, DATABASE_URL=url)
    return await look(configured, Subjects(url, {}, open_spool(configured)), seconds=seconds)


@pytest.mark.parametrize(
    ("table", "said"), [("jobs", "they"), ("doubts", "what is checked")], ids=["nothing", "no findings"]
)
async def test_a_database_that_answers_late_is_not_away(
    db: Pool, receiver_database: str, folder: Path, table: str, said: str
) -> None:
    async with db.acquire() as connection, connection.transaction():
        await connection.execute(f"lock table receiver.{table} in access exclusive mode")
        found = await looked(receiver_database, folder, seconds=4)
    (late,) = found.findings
    assert (late.name, late.seen) == ("figures", f"{said} cannot be read in time: the database answers, but late")
    assert (found.figures is not None) is (table == "doubts")


async def test_a_database_that_never_answers_is_away(folder: Path) -> None:
    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(keep_silent, "127.0.0.1", 0) as server:
        url = f"postgresql://u@127.0.0.1:{server.sockets[0].getsockname()[1]}/d?sslmode=disable"
        found = await looked(url, folder, seconds=0.5)
    why = found.findings[0]
    assert (why.name, why.seen) == ("database", "the database is away: no answer in time")

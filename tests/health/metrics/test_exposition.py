"""`receiver.health.metrics.exposition`: Prometheus can read a scrape, and it costs the database little."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from receiver import settings
from receiver.database import Connections, Pool
from receiver.health.metrics.exposition import Deadlines, Exposition
from receiver.settings import Settings
from tests.processes import free_port

PATIENT = Deadlines(collect=60, fresh=3600, ask=60)
WAITING = "receiver_jobs[('handler', 'submissions'), ('state', 'due')]"
OPEN = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


@pytest.fixture
def configured(folder: Path) -> Settings:
    return settings.load(RECEIVER_DATA_DIR=folder, TRANSCRIBE_API_URL="https://api.test", PORT=str(free_port()))


@asynccontextmanager
async def exposed(url: str, configured: Settings, deadlines: Deadlines = PATIENT) -> AsyncIterator[Exposition]:
    connections = Connections(url, size=1)
    yield Exposition(connections, configured, {}, deadlines)
    connections.close()


async def scraped(exposition: Exposition) -> dict[str, float]:
    text, kind = await exposition.render("")
    assert kind.startswith("text/plain; version=0.0.4")
    return {
        f"{sample.name}{sorted(sample.labels.items()) or ''}": sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


async def test_a_scrape_tells_what_the_database_knows(db: Pool, receiver_database: str, configured: Settings) -> None:
    await db.execute(
        "insert into receiver.totals values ($1, 3), ($2, 2), ($3, 0.5)", 'deliveries["default", "stored"]',
        'answer_seconds["0.25"]', "answer_seconds_sum[]",
    )  # fmt: skip
    async with exposed(receiver_database, configured) as exposition:
        found = await scraped(exposition)
    assert found["receiver_database_up"] == 1
    assert found["receiver_deliveries_total[('account', 'default'), ('answer', 'stored')]"] == 3
    assert found["receiver_answer_seconds_bucket[('le', '0.1')]"] == 0
    assert found["receiver_answer_seconds_bucket[('le', '+Inf')]"] == found["receiver_answer_seconds_count"] == 2
    assert found["receiver_answer_seconds_sum"] == 0.5
    assert found["receiver_finding_holds[('finding', 'dead jobs')]"] == 1


async def test_who_asks_for_openmetrics_gets_it(receiver_database: str, configured: Settings) -> None:
    async with exposed(receiver_database, configured) as exposition:
        text, kind = await exposition.render(OPEN)
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith(b"# EOF\n")


async def test_however_often_it_is_scraped_the_database_is_asked_once(
    db: Pool, receiver_database: str, configured: Settings
) -> None:
    async with exposed(receiver_database, configured) as exposition:
        first = await asyncio.gather(*(exposition.render("") for _ in range(5)))
        await db.execute("drop schema receiver cascade")
        assert {*first} == {await exposition.render("")}


async def test_what_is_old_is_read_again(db: Pool, receiver_database: str, configured: Settings) -> None:
    async with exposed(receiver_database, configured, Deadlines(collect=60, fresh=0, ask=60)) as exposition:
        await scraped(exposition)
        await db.execute("insert into receiver.totals values ($1, 3)", 'deliveries["default", "stored"]')
        found = await scraped(exposition)
    assert found["receiver_deliveries_total[('account', 'default'), ('answer', 'stored')]"] == 3


async def test_without_database_and_web_process_it_says_at_least_that(configured: Settings) -> None:
    async with exposed(f"postgresql://u@127.0.0.1:{free_port()}/d", configured) as exposition:
        found = await scraped(exposition)
    assert found.pop("receiver_scrape_seconds") >= 0
    assert found == {"receiver_database_up": 0}


async def test_figures_that_cannot_be_read_are_those_that_were_read_last(
    db: Pool, receiver_database: str, configured: Settings
) -> None:
    """The database is up all the same."""
    hasty = Deadlines(collect=0.2, fresh=0, ask=60)
    async with exposed(receiver_database, configured, hasty) as exposition:
        while WAITING not in await scraped(exposition):
            pass  # on a busy machine it can take many tries, and no transaction can be idle for so long
        async with db.acquire() as connection, connection.transaction():
            await connection.execute("lock table receiver.totals in access exclusive mode")
            found = await scraped(exposition)
    assert found["receiver_database_up"] == 1
    assert found[WAITING] == 0

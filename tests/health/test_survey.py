"""`receiver.health.survey`: every finding that can be made is made; `receiver check` shows all of them."""

from pathlib import Path

import pytest

from receiver import settings
from receiver.database import Pool
from receiver.errors import NoDataError, StartupError
from receiver.health import Finding
from receiver.health.survey import Opener, survey
from receiver.inbox.spool import Spool
from receiver.providers import TranscribeSo
from receiver.settings import Settings

AROUND = ["spool", "reachable", "provider"]


@pytest.fixture
def configured(folder: Path) -> Settings:
    return settings.load(RECEIVER_DATA_DIR=folder, TRANSCRIBE_API_KEY="")


async def look(configured: Settings, place: str | StartupError, folder: Path, *, foreign: int = 0) -> list[Finding]:
    opener: Opener = lambda _: TranscribeSo(configured.api_url, None)  # noqa: E731 - nobody is asked without a key
    spool = Spool(folder / "spool", limit_bytes=10**6)
    return await survey(configured, place, spool=spool, foreign=lambda _: foreign, open_provider=opener)


async def test_without_a_database_everything_else_is_looked_at(configured: Settings, folder: Path) -> None:
    found = await look(configured, NoDataError("there is none"), folder)
    assert [one.name for one in found] == ["settings", "handlers", "database", *AROUND]
    assert {one.name: one.said for one in found}["database"] == "there is none"


async def test_what_is_for_another_database_is_told_once_this_one_has_said_its_name(
    configured: Settings, folder: Path, db: Pool, receiver_database: str
) -> None:
    told = {one.name: one for one in await look(configured, receiver_database, folder, foreign=3)}
    assert "deliveries for another database: 3" in told["spool"].todo
    assert "worker" in told
    await db.execute("delete from receiver.migrations where version > 1")
    found = await look(configured, receiver_database, folder, foreign=3)
    assert [one.name for one in found] == ["settings", "handlers", "database", "schema", *AROUND]
    assert "another database" not in {one.name: one for one in found}["spool"].todo

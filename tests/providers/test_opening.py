"""`receiver.providers.opening`: with and without a database, and with and without a key."""

from pathlib import Path

import pytest

from receiver import settings
from receiver.database import Pool
from receiver.errors import ImpossibleError, NoDataError, RateLimited, SchemaError
from receiver.providers.opening import open_database_if_any, open_desk, open_provider
from receiver.settings import Settings
from tests.commands import Simulated

KEY = "tsk_test_of_the_opening"


def configured(folder: Path, *, key: str = KEY, **changes: str) -> Settings:
    return settings.load(RECEIVER_DATA_DIR=folder / "data", TRANSCRIBE_API_KEY=key, **changes)


def test_without_a_database_a_key_is_enough(folder: Path) -> None:
    with open_database_if_any(configured(folder), needs_key=False) as url:
        assert url is None
    assert not (folder / "data").exists()


def test_without_a_database_and_a_key_nothing_can_be_asked(folder: Path) -> None:
    with pytest.raises(NoDataError), open_database_if_any(configured(folder, key=""), needs_key=False):
        pass


def test_a_question_to_the_provider_needs_a_key_although_there_is_a_database(folder: Path) -> None:
    there = configured(folder, key="", DATABASE_URL="postgresql://u@h.test/d")
    with open_database_if_any(there, needs_key=False) as url:
        assert url == "postgresql://u@h.test/d"
    with (
        pytest.raises(ImpossibleError, match="TRANSCRIBE_API_KEY is not set"),
        open_database_if_any(there, needs_key=True),
    ):
        pass


async def test_a_desk_has_the_database_if_there_is_one(folder: Path, receiver_database: str) -> None:
    async with open_desk(configured(folder), receiver_database) as desk:
        assert desk.db is not None
        assert await desk.db.fetchval("select 1") == 1
    async with open_desk(configured(folder), None) as desk:
        assert desk.db is None


async def test_a_desk_has_no_database_with_an_old_schema(folder: Path, db: Pool, receiver_database: str) -> None:
    await db.execute("delete from receiver.migrations where version > 1")
    with pytest.raises(SchemaError, match="receiver migrate"):
        async with open_desk(configured(folder), receiver_database):
            pass


@pytest.mark.parametrize("has_database", [True, False])
async def test_a_client_asks_as_often_as_its_account_allows(
    folder: Path, sandbox: Simulated, receiver_database: str, has_database: bool  # noqa: FBT001 - a case
) -> None:  # fmt: skip
    slow = configured(
        folder, key=sandbox.key, TRANSCRIBE_API_URL=sandbox.url, TRANSCRIBE_REQUESTS_A_MINUTE="1"
    ).account()  # fmt: skip
    async with open_provider(slow, receiver_database if has_database else None, retries=()) as provider:
        await provider.me()
        with pytest.raises(RateLimited, match="this key's 1 requests a minute are in use"):
            await provider.me()

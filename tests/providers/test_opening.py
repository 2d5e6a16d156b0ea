"""`receiver.providers.opening`: with and without a database, and with and without a key."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import pytest
from pydantic import SecretStr

from receiver import settings
from receiver.database import Pool
from receiver.errors import ImpossibleError, NoDataError, ProviderError, RateLimited, SchemaError, Unauthenticated
from receiver.providers import Source, TranscribeSo
from receiver.providers.budget import Budget, OwnBudget, SharedBudget
from receiver.providers.opening import open_client, open_database_if_any, open_desk, open_providers
from receiver.settings import Account, Settings
from receiver.settings.accounts import OPENAI
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
    url = receiver_database if has_database else None
    async with open_client(TranscribeSo, slow, url, retries=()) as provider:
        await provider.me()
        with pytest.raises(RateLimited, match="this key's 1 requests a minute are in use"):
            await provider.me()


class Own(Source):
    """A source of the tests: what its client was made with, and whether it is closed."""

    name, variables = OPENAI.source, OPENAI

    def __init__(
        self, api_url: str, key: SecretStr | None, *, account: str = "", retries: tuple[float, ...] = (),
        budget: Budget | None = None,
    ) -> None:  # fmt: skip
        self.given = api_url, key, account, retries
        self.budget = budget
        self.is_open = True

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_open = False

    @staticmethod
    def refusal(status: int, headers: Mapping[str, str], body: bytes, key: str) -> ProviderError:
        raise NotImplementedError


async def test_the_client_of_any_source_is_made_for_its_account_and_closed(
    folder: Path, receiver_database: str
) -> None:
    account = configured(
        folder, OPENAI_API_URL="http://o.test/v1", OPENAI_REQUESTS_A_MINUTE="7"
    ).account_of("openai", "default")  # fmt: skip
    async with open_client(Own, account, receiver_database, retries=(1.0,)) as client:
        assert client.given == ("http://o.test", None, "default", (1.0,))
        assert client.is_open
        shared = client.budget
        assert isinstance(shared, SharedBudget), "all processes ask with the same address, with or without a key"
        assert shared.rate.requests_a_minute == 7
    assert not client.is_open
    async with open_client(Own, account, None) as client:
        assert isinstance(client.budget, OwnBudget)


async def test_no_client_of_one_source_is_made_with_anothers_key(folder: Path) -> None:
    account = configured(folder).account()
    with pytest.raises(ValueError, match=r"Own is no client of transcribe\.so"):
        async with open_client(Own, account, None):
            pass


async def test_a_source_that_this_version_has_no_client_of_is_not_opened(folder: Path, receiver_database: str) -> None:
    known = configured(folder, TRANSCRIBE_API_URL="http://a.test").account()
    strange = replace(known, source="a-source-of-tomorrow")
    async with open_providers([strange, known], receiver_database) as providers:
        assert [*providers] == [known.id]
        provider = providers[known.id]
        assert isinstance(provider, TranscribeSo), "it is opened by the class of its source"
        assert provider.api_url == "http://a.test"


@pytest.mark.parametrize(("name", "variable"), [("default", "API_KEY"), ("big-show", "API_KEY__BIG_SHOW")])
async def test_an_account_without_a_key_hears_which_variable_is_missing(name: str, variable: str) -> None:
    account = Account("transcribe.so", name, "http://provider.test")
    async with open_client(TranscribeSo, account, None) as api:
        with pytest.raises(Unauthenticated, match=f"TRANSCRIBE_{variable} is not set"):
            await api.me()

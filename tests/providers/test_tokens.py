"""`receiver.providers.tokens`: one token for all that ask with it, replaced in time, once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio
from pydantic import SecretStr

from receiver.database import Connections, Pool
from receiver.errors import NoTurn, ProviderUnavailable
from receiver.providers import Timbr
from receiver.providers.opening import open_client
from receiver.providers.tokens import Bearer, Issued, OwnTokens, SharedTokens, Tokens
from receiver.settings import Account
from tests.commands import Simulated

HOUR = timedelta(hours=1)
URL = "https://t.test"
Make = Callable[[], Tokens]


class Issuer:
    """Issues tokens, each with the next number, after all who want one have asked."""

    def __init__(self, life: timedelta = HOUR) -> None:
        self.life = life
        self.issued = 0
        self.fails = False

    async def issue(self) -> Issued:
        await asyncio.sleep(0)
        if self.fails:
            raise ProviderUnavailable("down", code="transport")
        self.issued += 1
        return Issued(SecretStr(f"t{self.issued}"), self.life)


@asynccontextmanager
async def connected(database: str) -> AsyncIterator[Connections]:
    connections = Connections(database, size=2)
    yield connections
    connections.close()


@pytest_asyncio.fixture(params=["own", "shared"])
async def make(request: pytest.FixtureRequest, receiver_database: str) -> AsyncIterator[Make]:
    """Yield what makes a place for the tokens of one client, as each process of it has one."""
    async with connected(receiver_database) as connections:
        own = OwnTokens()
        yield lambda: own if request.param == "own" else SharedTokens(connections, api_url=URL, client="c")


async def test_many_who_ask_at_once_have_one_token(make: Make) -> None:
    issuer = Issuer()
    bearer = Bearer(make(), issuer.issue)
    assert {found.get_secret_value() for found in await asyncio.gather(*(bearer.token() for _ in range(10)))} == {"t1"}


async def test_a_refused_token_is_replaced_once_for_all_who_had_it(make: Make) -> None:
    issuer = Issuer()
    bearer = Bearer(make(), issuer.issue)
    refused = await bearer.token()
    found = await asyncio.gather(*(bearer.token(refused=refused) for _ in range(5)))
    assert ({token.get_secret_value() for token in found}, issuer.issued) == ({"t2"}, 2)
    assert await bearer.token() == SecretStr("t2")


async def test_a_token_is_replaced_when_its_life_is_nearly_over(make: Make) -> None:
    issuer = Issuer(timedelta(0))
    bearer = Bearer(make(), issuer.issue)
    assert [(await bearer.token()).get_secret_value() for _ in range(2)] == ["t1", "t2"]


async def test_a_token_that_could_not_be_issued_is_asked_for_again(make: Make) -> None:
    issuer = Issuer()
    bearer = Bearer(make(), issuer.issue)
    issuer.fails = True
    with pytest.raises(ProviderUnavailable, match="no token is issued: transport: down") as raised:
        await bearer.token()
    assert raised.value.code == "no_token"
    issuer.fails = False
    assert await bearer.token() == SecretStr("t1")


async def test_processes_of_one_database_have_one_token(receiver_database: str, db: Pool) -> None:
    issuer = Issuer()
    async with connected(receiver_database) as one, connected(receiver_database) as other:
        bearers = [Bearer(SharedTokens(it, api_url=URL, client="c"), issuer.issue) for it in (one, other)]
        for refused in (None, SecretStr("t1")):
            found = await asyncio.gather(*(bearer.token(refused=refused) for bearer in bearers for _ in range(3)))
            assert len(set(found)) == 1
    assert issuer.issued == 2
    life = await db.fetchval("select expires_at - issued_at from receiver.tokens")
    assert life == HOUR


async def test_nine_tenths_of_a_life_are_used(receiver_database: str, db: Pool) -> None:
    issuer = Issuer()
    async with connected(receiver_database) as connections:
        bearer = Bearer(SharedTokens(connections, api_url=URL, client="c"), issuer.issue)
        await bearer.token()
        for minutes, token in ((53, "t1"), (55, "t2")):
            begun = "issued_at = now() - $1::interval, expires_at = now() - $1::interval + interval '1 hour'"
            await db.execute(f"update receiver.tokens set {begun}", timedelta(minutes=minutes))
            assert await bearer.token() == SecretStr(token)


async def test_who_died_with_the_lease_delays_the_others_only_for_a_while(receiver_database: str, db: Pool) -> None:
    issuer = Issuer()
    async with connected(receiver_database) as connections:
        dead = SharedTokens(connections, api_url=URL, client="c")
        assert await dead.lease(None)
        assert not await dead.lease(None)
        await db.execute("update receiver.tokens set leased_until = now()")
        assert await Bearer(dead, issuer.issue).token() == SecretStr("t1")


async def test_clients_and_apis_have_tokens_of_their_own(receiver_database: str) -> None:
    issuer = Issuer()
    async with connected(receiver_database) as connections:
        for api_url, client in ((URL, "c"), (URL, "d"), ("https://other.test", "c")):
            await Bearer(SharedTokens(connections, api_url=api_url, client=client), issuer.issue).token()
    assert issuer.issued == 3


async def test_while_the_database_is_away_nothing_is_sent() -> None:
    async with connected("postgresql://u@127.0.0.1:1/d") as connections:
        with pytest.raises(NoTurn, match="no token could be read") as raised:
            await Bearer(SharedTokens(connections, api_url=URL, client="c"), Issuer().issue).token()
    assert raised.value.code == "no_turn"


async def test_the_clients_of_an_account_share_its_token_by_the_database(
    sandbox: Simulated, receiver_database: str, db: Pool
) -> None:
    account = Account(
        "timbr", "default", f"{sandbox.url}/timbr", key=SecretStr(sandbox.key),
        client_id="123e4567-e89b-12d3-a456-426614174000", client_secret=SecretStr("s"),
    )  # fmt: skip
    async with (
        open_client(Timbr, account, receiver_database) as one,
        open_client(Timbr, account, receiver_database) as other,
        open_client(Timbr, account, None) as alone,
    ):
        assert await one.balance() == await other.balance() == await alone.balance()
        listed = await one.tokens()
    kept = await db.fetch("select api_url, client, token from receiver.tokens")
    assert len(listed) == 2, "the one without a database has its own"
    assert [(row["api_url"], row["client"]) for row in kept] == [(account.api_url, account.key_fingerprint)]
    assert kept[0]["token"] in [token.access_token.get_secret_value() for token in listed]

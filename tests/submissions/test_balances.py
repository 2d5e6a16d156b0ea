"""`receiver.submissions.balances`: one process asks for all, and what was said stays until something else is said."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from receiver.database import Pool
from receiver.errors import ProviderUnavailable, RateLimited
from receiver.events import AccountId
from receiver.providers import OpenAI, Source
from receiver.submissions import balances

WHOSE = AccountId("transcribe.so", "https://api.test", "default")
AT_ONCE = timedelta(0)


class Purse(OpenAI):
    """A client whose provider says what it is told to say."""

    unit = "USD"

    def __init__(self) -> None:
        super().__init__("https://api.test/v1", None)
        self.says: float | Exception | None = 5.0
        self.asked = 0

    async def balance(self) -> float | None:
        """Say it."""
        self.asked += 1
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.fixture
async def purse() -> AsyncIterator[Purse]:
    async with Purse() as found:
        yield found


async def known(db: Pool) -> balances.Balance:
    return (await balances.read(db))[WHOSE]


async def test_one_process_asks_for_all_now_and_then(db: Pool, purse: Purse) -> None:
    providers: dict[AccountId, Source] = {WHOSE: purse}
    for _ in range(3):
        await balances.ask(db, providers)
    assert purse.asked == 1
    assert (await known(db)).said == "5.00 USD left"
    purse.says = 4.0
    await balances.ask(db, providers, between=AT_ONCE)
    assert (await known(db)).said == "4.00 USD left"


@pytest.mark.parametrize(
    ("says", "trouble"),
    [
        (ProviderUnavailable("it is away", code="transport"), "transport: it is away"),
        (RateLimited("no turn is free", code="out_of_turns"), None),
        (RateLimited("too many", code="rate_limited", status=429), "429 rate_limited: too many"),
    ],
)
async def test_what_was_said_stays_while_nothing_is_said(
    db: Pool, purse: Purse, says: Exception, trouble: str | None
) -> None:
    await balances.ask(db, {WHOSE: purse})
    before = await known(db)
    purse.says = says
    await balances.ask(db, {WHOSE: purse}, between=AT_ONCE)
    now = await known(db)
    assert (now.balance, now.trouble) == (5.0, trouble)
    assert now.seen_at == before.seen_at


async def test_a_provider_that_tells_nothing_leaves_nothing_known(db: Pool, purse: Purse) -> None:
    purse.says = None
    await balances.ask(db, {WHOSE: purse})
    assert (await known(db)).said == "nobody knows what is left"

"""`submissions.standing`: what a free call tells of an account."""

from dataclasses import replace

import pytest
from pydantic import SecretStr

from receiver.database import Pool
from receiver.settings import Account
from receiver.submissions import standing
from receiver.submissions.counts import Waiting
from receiver.submissions.standing import Standing
from tests.commands import Scripted, error
from tests.submissions.submitting import ACCOUNT, bench

NOWHERE = "http://127.0.0.1:1"


async def only(account: Account) -> Standing:
    (found,) = await standing.of([account], None)
    return found


async def test_a_free_call_tells_what_is_left() -> None:
    with Scripted().running() as provider:
        provider.answers = {"GET /api/v1/me": [(200, {"wallet_balance_usd": 12.5})]}
        found = await only(Account("transcribe.so", "default", provider.url, key=SecretStr("k")))
    assert (found.balance, found.trouble, found.said) == (12.5, None, "12.50 USD")


async def test_a_key_that_is_refused_is_told_and_not_shown() -> None:
    with Scripted().running() as provider:
        provider.answers = {"GET /api/v1/me": [(401, error("invalid_api_key", "The key is unknown."))]}
        found = await only(Account("transcribe.so", "default", provider.url, key=SecretStr("sesame")))
    assert (found.balance, found.said) == (None, "no answer: 401 invalid_api_key: The key is unknown. [req_1]")
    assert "sesame" not in repr(found)


@pytest.mark.parametrize(
    "account",
    [
        Account("transcribe.so", "default", NOWHERE),
        Account("thunderscribe", "default", NOWHERE, key=SecretStr("k")),
        Account("openai", "default", NOWHERE),
    ],
    ids=lambda account: account.source,
)
async def test_without_a_key_or_a_free_call_nothing_is_tried(account: Account) -> None:
    found = await only(account)
    assert (found.said, found.trouble) == ("not tried", None)


async def test_an_account_of_a_source_that_this_version_does_not_know_is_left_out() -> None:
    assert await standing.of([Account("of another version", "default", NOWHERE)], None) == []


async def test_programs_get_the_numbers(receiver_database: str) -> None:
    account = Account("thunderscribe", "big-show", NOWHERE, key=SecretStr("sesame"))
    (counted,) = await standing.counted([account], receiver_database)
    told = counted.to_json()
    assert (told["account"], told["key"], told["unfinished"], told["unknown"]) == ("big-show", True, 0, 0)
    (uncounted,) = await standing.counted([account], None)
    assert uncounted.to_json()["unknown"] is None
    assert "sesame" not in str(told)


async def test_what_waits_is_told_of_the_account_that_it_belongs_to(db: Pool, receiver_database: str) -> None:
    async with bench(db, receiver_database) as here:
        await here.submit()
    others = replace(ACCOUNT, name="big-show")
    found = await standing.counted([ACCOUNT, others], receiver_database)
    assert [one.waiting for one in found] == [Waiting(unfinished=1, unknown=0), Waiting()]

"""`receiver.providers.timbr.issued`: tokens are listed, issued and deleted without being shown."""

from datetime import timedelta

import httpx
import pytest

from receiver.errors import ImpossibleError
from receiver.providers.timbr import issued
from tests.providers.scripted import Provider
from tests.providers.timbr.asking import TOKENS, WITH_CLIENT, client, simulated


async def test_tokens_are_listed_by_what_names_them() -> None:
    async with simulated(options=WITH_CLIENT) as found:
        made = await issued.issue(found.api)
        (listed,) = await issued.listed(found.api)
        (text,) = found.sandbox.timbr.tokens._by_text  # noqa: SLF001 - what is never shown
    assert (listed.fingerprint, listed.last_four) == (made.fingerprint, text[-4:])
    assert timedelta(hours=23) < listed.life <= timedelta(hours=24)
    assert text not in f"{listed}{made}"


async def test_a_token_that_was_issued_is_sent_from_then_on() -> None:
    async with simulated(options=WITH_CLIENT) as found:
        await found.api.balance()
        await issued.issue(found.api)
        found.sandbox.timbr.tokens._by_text.pop(next(iter(found.sandbox.timbr.tokens._by_text)))  # noqa: SLF001 - the first one
        await found.api.balance()
        assert found.asked(TOKENS) == 2


async def test_a_deleted_token_is_replaced_when_it_is_used_again() -> None:
    async with simulated(options=WITH_CLIENT) as found:
        for _ in range(2):
            await issued.issue(found.api)
        first, second = await issued.listed(found.api)
        assert await issued.delete(found.api, [first.fingerprint, second.fingerprint]) == 2
        (third,) = await issued.listed(found.api)
    assert third.fingerprint not in (first.fingerprint, second.fingerprint)


async def test_nothing_is_deleted_if_one_of_them_does_not_exist() -> None:
    async with simulated(options=WITH_CLIENT) as found:
        made = await issued.issue(found.api)
        with pytest.raises(ImpossibleError, match=f"there is no token nothing; there are: {made.fingerprint}"):
            await issued.delete(found.api, [made.fingerprint, "nothing"])
        assert len(await issued.listed(found.api)) == 1


async def test_no_token_is_issued_to_a_key_alone() -> None:
    async with simulated() as found:
        with pytest.raises(ImpossibleError, match="TIMBR_CLIENT_ID"):
            await issued.issue(found.api)


async def test_of_a_short_token_not_even_the_end_is_shown() -> None:
    listed = httpx.Response(200, json={"data": {"tokens": [{"access_token": "short"}]}})
    async with client(httpx.MockTransport(Provider(listed))) as api:
        (token,) = await issued.listed(api)
    assert token.last_four == ""

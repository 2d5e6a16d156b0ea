"""`receiver.sandbox.timbr.tokens`: who gets a token, whose it is, and how long it lives."""

from typing import Any

import httpx
import pytest

from receiver import signature
from tests.sandbox.timbr.asking import KEY, charges, code, data, ended, timbr

CLIENT = "123e4567-e89b-12d3-a456-426614174000"
ASKED = {"grant_type": "client_credentials", "client_id": CLIENT}
SECRET = {"client_secret": "s"}
KEYLESS = {"Authorization": ""}
NEVER_ISSUED = "timbr_access_0"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def issue(client: httpx.AsyncClient, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    return await client.post("auth/token/", json=ASKED | more, headers=headers)


async def listed(client: httpx.AsyncClient, headers: dict[str, str] | None = None) -> list[str]:
    tokens = data(await client.get("auth/token/", headers=headers))["tokens"]
    return [token["access_token"] for token in tokens]


async def test_a_token_is_as_good_as_the_key_until_it_is_deleted() -> None:
    async with timbr() as client:
        tokens = [data(await issue(client))["access_token"] for _ in range(2)]
        mine = bearer(tokens[0])
        assert await listed(client, mine) == tokens
        deletion = {"api_tokens": [tokens[0], tokens[0], KEY]}
        assert data(await client.post("auth/token/delete/", json=deletion, headers=mine)) == {
            "requested_count": 3, "deleted_count": 1,
        }  # fmt: skip
        refused = await client.get("v1/credit/", headers=mine)
        assert await listed(client) == tokens[1:]
    assert code(refused) == (401, 401, "INVALID_TOKEN")


async def test_a_token_of_another_account_is_neither_listed_nor_deleted() -> None:
    async with timbr() as client:
        token = data(await issue(client))["access_token"]
        other = bearer("other")
        assert await listed(client, other) == []
        answer = await client.post("auth/token/delete/", json={"api_tokens": [token]}, headers=other)
        assert data(answer)["deleted_count"] == 0
        assert await listed(client, bearer(token)) == [token]


@pytest.mark.parametrize(("knob", "status"), [("required", 401), ("optional", 200)])
async def test_whether_the_first_token_needs_a_key_is_a_knob(knob: str, status: int) -> None:
    async with timbr(first_bearer=knob) as client:
        assert (await issue(client, KEYLESS, **SECRET)).status_code == status
        assert (await issue(client, KEYLESS)).status_code == 401
        assert (await client.get("auth/token/", headers=KEYLESS)).status_code == 401
        assert (await issue(client, bearer(NEVER_ISSUED), **SECRET)).status_code == 401


@pytest.mark.parametrize("with_key", [True, False])
async def test_what_is_done_with_a_token_is_billed_to_the_key_or_else_the_client_that_it_was_issued_for(
    with_key: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async with timbr(first_bearer="optional") as client:
        token = data(await issue(client, None if with_key else KEYLESS, **SECRET))["access_token"]
        client.headers.update(bearer(token))
        renewed = data(await issue(client))["access_token"]
        for one in (token, renewed):
            client.headers.update(bearer(one))
            await ended(client, "transcription")
        accounts = {row["account"] for row in await charges(client)}
    assert accounts == {signature.fingerprint((KEY if with_key else CLIENT).encode())}


@pytest.mark.parametrize(("unit", "expires_in"), [("s", 86_400), ("ms", 86_400_000)])
async def test_a_token_tells_its_life_in_the_unit_that_the_knob_says(unit: str, expires_in: int) -> None:
    async with timbr(expires_in=unit) as client:
        assert data(await issue(client))["expires_in"] == expires_in


async def test_a_token_that_has_expired_is_refused_and_not_listed() -> None:
    async with timbr(files=1e12) as client:
        token = data(await issue(client))["access_token"]
        assert (await client.get("v1/credit/", headers=bearer(token))).status_code == 401
        assert await listed(client) == []


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer  ", "Basic abc", f"Bearer {NEVER_ISSUED}"])
async def test_a_request_without_a_key_or_a_live_token_is_refused_whatever_the_knobs(header: str) -> None:
    async with timbr() as client:
        answer = await client.get("v1/credit/", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json().keys() == {"status", "result_code", "message", "data"}

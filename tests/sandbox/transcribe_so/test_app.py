"""`receiver.sandbox.transcribe_so.app`: keys, request ids, limits, idempotency."""

import asyncio
import re
from types import SimpleNamespace

import pytest

from receiver.sandbox import EXAMPLE_ID, Knobs
from tests.sandbox.simulated import LONGEST_WAIT, OTHER, error, register, sandboxed, submission

# --- keys, request ids, limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (401, "unauthenticated")),
        ("", (401, "unauthenticated")),
        ("Bearer", (401, "unauthenticated")),
        ("Bearer ", (401, "unauthenticated")),
        ("Basic tsk_live_one", (401, "unauthenticated")),
        ("Bearer sk_live_one", (401, "invalid_api_key")),
        ("Bearer tsk_live_", (401, "invalid_api_key")),
        ("Bearer tsk_live_one two", (401, "invalid_api_key")),
    ],
)
async def test_a_request_without_a_good_key_is_refused(header: str | None, expected: tuple[int, str]) -> None:
    async with sandboxed(key=None) as client:
        answer = await client.get("me", headers={} if header is None else {"Authorization": header})
    assert error(answer) == expected


@pytest.mark.parametrize("header", ["Bearer tsk_live_one", "bearer tsk_test_one"])
async def test_a_bearer_key_opens_an_account(header: str) -> None:
    async with sandboxed(key=None) as client:
        assert (await client.get("me", headers={"Authorization": header})).is_success


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "me", 200),
        ("GET", f"transcriptions/{EXAMPLE_ID}/result", 200),
        ("GET", "transcriptions/1", 404),
        ("POST", "transcriptions", 400),
        ("GET", f"transcriptions/{EXAMPLE_ID}/timestamps?format=youtube&style=educational", 409),
        ("GET", "transcriptions/abc", 404),
        ("GET", "nothing/of/the/kind", 404),
        ("PATCH", "me", 405),
    ],
)
async def test_every_answer_has_a_request_id_of_its_own_and_a_refusal_repeats_it(
    method: str, path: str, status: int
) -> None:
    async with sandboxed() as client:
        first, second = [await client.request(method, path) for _ in range(2)]
    assert first.status_code == status
    assert re.fullmatch(r"req_[0-9a-f]{12}", first.headers["X-Request-Id"])
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    if first.is_error:
        assert set(first.json()["error"]) >= {"code", "message", "request_id", "doc_url"}
        assert first.json()["error"]["request_id"] == first.headers["X-Request-Id"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return the clock by which requests are counted; it stands at `now` seconds."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("receiver.sandbox.transcribe_so.app.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.mark.usefixtures("clock")
async def test_the_61st_request_of_a_key_in_a_minute_is_refused_with_how_long_to_wait() -> None:
    async with sandboxed(speed=1) as client:
        answers = [await client.get("me") for _ in range(61)]
        other = await client.get("me", headers={"Authorization": "Bearer tsk_live_two"})
    assert [a.status_code for a in answers] == [200] * 60 + [429]
    assert error(answers[-1]) == (429, "rate_limited")
    assert answers[-1].headers["Retry-After"] == "60"
    assert other.is_success


async def test_the_minute_passes_as_fast_as_everything_else(clock: SimpleNamespace) -> None:
    async with sandboxed(speed=100) as client:  # a minute takes 0.6 s
        answers = [await client.get("me") for _ in range(61)]
        for seconds in (0.59, 0.02):
            clock.now += seconds
            answers.append(await client.get("me"))
    assert [answer.status_code for answer in answers[60:]] == [429, 429, 200]


# --- idempotency -----------------------------------------------------------------------------------------------------


async def test_an_idempotency_key_repeats_the_first_answer_and_its_secret() -> None:
    async with sandboxed() as client:
        one, same, other = [
            await client.post("webhooks", json={"url": "http://127.0.0.1:1/"}, headers={"Idempotency-Key": key})
            for key in ("one", "one", "other")
        ]
    assert (one.status_code, one.content) == (same.status_code, same.content)
    assert one.json()["signing_secret"] != other.json()["signing_secret"]


async def test_an_idempotency_key_with_another_request_is_refused() -> None:
    key = {"Idempotency-Key": "one"}
    async with sandboxed() as client:
        await client.post("webhooks", json={"url": "http://127.0.0.1:1/"}, headers=key)
        body = await client.post("webhooks", json={"url": "http://127.0.0.1:2/"}, headers=key)
        path = await client.post("transcriptions", json={"url": "http://127.0.0.1:1/"}, headers=key)
        stranger = {"Authorization": "Bearer tsk_live_two", **key}
        theirs = await client.post("webhooks", json={"url": "http://127.0.0.1:2/"}, headers=stranger)
    assert error(body) == error(path) == (400, "invalid_request")
    assert theirs.status_code == 201


async def test_a_refusal_is_kept_under_its_idempotency_key() -> None:
    """A refused client needs a new key: the same key gets the old refusal, although the request would succeed now."""
    key = {"Idempotency-Key": "one"}
    async with sandboxed() as client:
        refused = await client.post("webhooks/test", headers=key)
        await register(client, "http://127.0.0.1:1/")
        again = await client.post("webhooks/test", headers=key)
        anew = await client.post("webhooks/test", headers={"Idempotency-Key": "two"})
    assert error(refused) == (404, "not_found")
    assert (again.status_code, again.content) == (404, refused.content)
    assert anew.status_code == 202


async def test_a_key_of_more_than_128_characters_or_of_none_is_refused() -> None:
    async with sandboxed() as client:
        answers = [
            await client.post("webhooks", json={"url": "http://127.0.0.1:1/"}, headers={"Idempotency-Key": key})
            for key in ("", "k" * 129, "k" * 128)
        ]
    assert [error(answer) for answer in answers[:2]] == [(400, "invalid_request")] * 2
    assert answers[2].status_code == 201


async def test_an_idempotency_key_is_forgotten_after_a_day() -> None:
    key = {"Idempotency-Key": "one"}
    async with sandboxed(files=24 * 3600 * 20) as client:  # a day takes a twentieth of a second
        first = (await client.post("transcriptions", json=submission(), headers=key)).json()["id"]
        async with asyncio.timeout(LONGEST_WAIT):
            while (await client.post("transcriptions", json=submission(), headers=key)).json()["id"] == first:  # noqa: ASYNC110 - a far side has no event to wait for
                await asyncio.sleep(0.01)


async def test_an_answer_is_repeated_for_a_day_of_who_asks_however_fast_the_work_is_done() -> None:
    key = {"Idempotency-Key": "one"}
    async with sandboxed(speed=1e12) as client:
        first, again = [await client.post("transcriptions", json=submission(), headers=key) for _ in range(2)]
    assert (first.status_code, first.content) == (202, again.content)


async def test_a_repeat_while_the_first_is_under_way_is_refused_and_starts_nothing() -> None:
    key = {"Idempotency-Key": "one"}
    path = f"transcriptions/{EXAMPLE_ID}/timestamps/regenerate"
    async with sandboxed(speed=100) as client:
        first = asyncio.create_task(client.post(path, json={}, headers=key))
        await asyncio.sleep(0)
        repeats = []
        async with asyncio.timeout(LONGEST_WAIT):
            while not first.done():
                repeats.append(await client.post(path, json={}, headers=key))
                await asyncio.sleep(0.02)
        again = await client.post(path, json={}, headers=key)
        regenerations = (await client.get(f"transcriptions/{EXAMPLE_ID}/timestamps?format=youtube")).json()["source"]
    assert error(repeats[0]) == (409, "request_in_progress")
    assert (again.status_code, again.content) == (200, (await first).content)
    assert regenerations["regen_count"] == 1


async def test_a_key_whose_first_request_came_to_nothing_is_free_again() -> None:
    key = {"Idempotency-Key": "one"}
    path = f"transcriptions/{EXAMPLE_ID}/timestamps/regenerate"
    async with sandboxed(speed=100) as client:
        broken = asyncio.create_task(client.post(path, json={}, headers=key))
        await asyncio.sleep(0)
        broken.cancel()
        await asyncio.gather(broken, return_exceptions=True)
        again = await client.post(path, json={}, headers=key)
    assert again.status_code == 200


async def test_what_was_limited_stays_limited_under_its_idempotency_key() -> None:
    """A limited client needs a new key; a request that was answered before still gets that answer."""
    one, two = ({"Idempotency-Key": name} for name in ("one", "two"))
    async with sandboxed(speed=1) as client:
        first = await client.post("transcriptions", json=submission(), headers=one)
        while (await client.get("me")).is_success:
            pass
        limited, again = [await client.post("transcriptions", json=submission(), headers=two) for _ in range(2)]
        repeated = await client.post("transcriptions", json=submission(), headers=one)
    assert (repeated.status_code, repeated.content) == (202, first.content)
    assert error(limited) == (429, "rate_limited")
    assert again.content == limited.content  # it has the id of the refused request


async def test_an_account_shows_its_wallet_and_where_everything_is() -> None:
    async with sandboxed() as client:
        mine, theirs = (await client.get("me")).json(), (await client.get("me", headers=OTHER)).json()
    assert (mine["wallet_balance_usd"], mine["monthly_credit_remaining_usd"]) == (97.55, 0.10)
    assert mine["links"]["billing"] == "https://transcribe.so/billing"
    assert mine["user_id"] != theirs["user_id"]


async def test_money_and_keys_are_refused_with_where_to_get_them() -> None:
    async with sandboxed(knobs=Knobs(wallet=0), key=None) as client:
        keyless = await client.get("me")
        poor = await client.post("transcriptions", json=submission(), headers=OTHER)
    assert "https://transcribe.so/settings/api-keys" in keyless.json()["error"]["message"]
    assert poor.json()["error"]["doc_url"] == "https://transcribe.so/billing"
    assert "https://transcribe.so/billing" in poor.json()["error"]["message"]

"""`sandbox.transcribe_so.feed`: announcements are dropped and held as ordered, and what is held can be released."""

from typing import Any

import httpx
import pytest

from tests.sandbox.simulated import URL, Target, ended, error, made, register, sandboxed, submit

PLACE = f"{URL}/sandbox/announcements"


async def order(client: httpx.AsyncClient, **body: object) -> None:
    answer = await client.post(PLACE, json=body, headers={"Authorization": ""})
    assert answer.status_code == 201, answer.text


async def state(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(PLACE)).json()
    return found


async def test_what_is_dropped_ends_and_is_never_announced() -> None:
    async with Target().listening() as target, sandboxed() as client:
        await register(client, target.url)
        await order(client, kind="drop", times=2)
        lost = [await made(client, "https://youtu.be/lost") for _ in range(2)]
        told = await made(client, "https://youtu.be/told")
        first = await target.next_event()
        assert target.more == 0
        shown = await state(client)
    assert first["data"]["transcription"]["id"] == told
    assert told not in lost
    assert shown == {"ordered": None, "dropped": 2, "held": 0}


async def test_every_third_is_held_until_it_is_released_and_the_oldest_comes_first() -> None:
    async with Target().listening() as target, sandboxed() as client:
        await register(client, target.url)
        await order(client, kind="hold", every=3, times=2)
        numbers = [await made(client, "https://youtu.be/x") for _ in range(7)]
        came = [(await target.next_event())["data"]["transcription"]["id"] for _ in range(5)]
        held = await state(client)
        late = []
        for count, body in ((1, {"count": 1}), (1, {}), (0, {"count": 5})):
            released = await client.post(f"{PLACE}/release", json=body)
            assert released.json() == {"released": count}
            late += [(await target.next_event())["data"]["transcription"]["id"] for _ in range(count)]
        assert target.more == 0
    assert sorted(came) == [*numbers[:2], *numbers[3:5], numbers[6]]
    assert held == {"ordered": None, "dropped": 0, "held": 2}
    assert late == [numbers[2], numbers[5]]


async def test_a_release_without_a_body_sends_all_that_is_held() -> None:
    async with Target().listening() as target, sandboxed() as client:
        await register(client, target.url)
        await order(client, kind="hold", times=5)
        for _ in range(2):
            await made(client, "https://youtu.be/x")
        released = await client.post(f"{PLACE}/release")
        for _ in range(2):
            await target.next_event()
    assert released.json() == {"released": 2}


async def test_a_callback_is_withheld_too_and_a_test_event_is_not() -> None:
    async with Target().listening() as target, sandboxed() as client:
        await register(client, f"{target.url}/webhook")
        await order(client, kind="drop", times=5)
        number = await submit(client, callback_url=f"{target.url}/callback")
        await ended(client, number)
        await client.post("webhooks/test")
        assert (await target.next_event())["event"] == "webhook.test"
        assert target.more == 0


async def test_an_order_ends_when_it_is_deleted_and_what_is_held_stays() -> None:
    async with Target().listening() as target, sandboxed() as client:
        await register(client, target.url)
        await order(client, kind="hold", times=5)
        await made(client, "https://youtu.be/held")
        assert (await state(client))["ordered"] == {"kind": "hold", "every": 1, "times": 4}
        after = (await client.delete(PLACE)).json()
        told = await made(client, "https://youtu.be/told")
        assert (await target.next_event())["data"]["transcription"]["id"] == told
        assert target.more == 0
    assert after == {"ordered": None, "dropped": 0, "held": 1}


@pytest.mark.parametrize(
    "body",
    [[], {}, {"kind": "lose"}, {"kind": "drop", "times": 0}, {"kind": "drop", "every": 1.5},
     {"kind": "drop", "every": True}, {"kind": "drop", "number": 3}],
    ids=str,
)  # fmt: skip
async def test_an_order_that_makes_no_sense_is_refused(body: object) -> None:
    async with sandboxed() as client:
        assert error(await client.post(PLACE, json=body)) == (400, "invalid_request")


@pytest.mark.parametrize("body", [[], {"count": -1}, {"count": True}, {"number": 3}], ids=str)
async def test_a_release_that_makes_no_sense_is_refused(body: object) -> None:
    async with sandboxed() as client:
        assert error(await client.post(f"{PLACE}/release", json=body)) == (400, "invalid_request")

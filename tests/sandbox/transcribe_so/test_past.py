"""`sandbox.transcribe_so.past`: transcriptions of an account's past, and how a list writes times."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from receiver.sandbox import EXAMPLE_ID, Knobs
from receiver.sandbox.knobs import Digits, Tells
from tests.sandbox.simulated import KEY, OTHER, URL, Target, error, register, sandboxed, submit


async def make(client: httpx.AsyncClient, **body: object) -> list[int]:
    answer = await client.post(f"{URL}/sandbox/transcriptions", json={"key": KEY} | body, headers={"Authorization": ""})
    assert answer.status_code == 201, answer.text
    found: list[int] = answer.json()["ids"]
    return found


async def listed(client: httpx.AsyncClient, **headers: str) -> dict[int, dict[str, Any]]:
    rows = (await client.get("transcriptions?limit=200", headers=headers)).json()["data"]
    return {row["id"]: row for row in rows if row["id"] != EXAMPLE_ID}


async def test_the_past_is_listed_spread_over_time_and_announced_to_nobody() -> None:
    async with Target().listening() as target, sandboxed() as client:
        await register(client, target.url)
        numbers = await make(client, count=4, ended_days_ago=40, over_days=2)
        rows = await listed(client)
        result = await client.get(f"transcriptions/{numbers[0]}/result")
        charged = (await client.get(f"{URL}/sandbox/charges")).json()
        await client.post("webhooks/test")
        assert (await target.next_event())["event"] == "webhook.test"
    assert [*rows] == numbers
    ends = [datetime.fromisoformat(row["completed_at"]) for row in rows.values()]
    assert timedelta(days=40) <= datetime.now(UTC) - ends[0] < timedelta(days=41)
    assert {earlier - later for later, earlier in itertools.pairwise(ends)} == {timedelta(days=-0.5)}
    assert all(datetime.fromisoformat(row["created_at"]) < end for row, end in zip(rows.values(), ends, strict=True))
    assert result.is_success
    assert charged == []


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "quoted", "queued", "processing"])
async def test_it_has_the_status_that_is_asked_for_and_keeps_it(status: str) -> None:
    async with sandboxed() as client:
        (number,) = await make(client, status=status)
        waited = (await client.get(f"transcriptions/{number}/wait?timeout=1")).json()
        shown = (await client.get(f"transcriptions/{number}")).json()
    assert shown["status"] == waited["status"] == status
    assert (shown["completed_at"] is not None) is (status in ("completed", "failed", "cancelled"))
    assert ("error" in shown) is (status == "failed")
    assert ("_timed_out" in waited) is (status in ("queued", "processing"))


async def test_it_may_have_no_end_and_come_from_the_dashboard() -> None:
    async with sandboxed() as client:
        (number,) = await make(client, by_api=False, completed_at=False)
        own = (await client.get("transcriptions?api_only=true")).json()["data"]
        rows = await listed(client)
        text = await client.get(f"transcriptions/{number}/timestamps?format=youtube")
    assert own == []
    assert (rows[number]["status"], rows[number]["completed_at"]) == ("completed", None)
    assert text.is_success


async def test_it_is_of_one_key_or_of_all_that_are_known() -> None:
    async with sandboxed() as client:
        nobodys = await client.post(f"{URL}/sandbox/transcriptions", json={})
        for headers in ({}, OTHER):
            await client.get("me", headers=headers)
        mine = await make(client)
        both = await make(client, key=None)
        one, two = await listed(client), await listed(client, **OTHER)
    assert error(nobodys) == (400, "invalid_request")
    assert {*one} == {*mine, both[0]}
    assert {*two} == {both[1]}


@pytest.mark.parametrize(
    "body",
    [[], {"status": "lost"}, {"status": ["completed"]}, {"count": 0}, {"count": 10_001}, {"count": True},
     {"ended_days_ago": -1}, {"over_days": "1"}, {"by_api": 1}, {"completed_at": "x"}, {"key": "x"}, {"key": ["x"]},
     {"number": 3}],
    ids=str,
)  # fmt: skip
async def test_an_order_that_makes_no_sense_is_refused(body: object) -> None:
    async with sandboxed() as client:
        assert error(await client.post(f"{URL}/sandbox/transcriptions", json=body)) == (400, "invalid_request")


@pytest.mark.parametrize(("digits", "end"), [(3, ".ddd Z"), (0, " Z"), (6, ".dddddd Z"), ("offset", ".ddd +02:00")])
async def test_a_list_and_an_event_write_the_same_instant_as_the_knob_says(digits: Digits, end: str) -> None:
    async with Target().listening() as target, sandboxed(knobs=Knobs(list_digits=digits)) as client:
        await register(client, target.url)
        number = await submit(client)
        event = (await target.next_event())["data"]["transcription"]
        row = (await listed(client))[number]
        got = (await client.get(f"transcriptions/{number}")).json()
        page = (await client.get("transcriptions?limit=1")).json()
        rest = (await client.get("transcriptions", params={"cursor": page["next_cursor"]})).json()["data"]
    assert row == got
    for written in (row["completed_at"], row["created_at"]):
        fraction, zone = end.split(" ")
        assert written.endswith(zone)
        assert len(written.removesuffix(zone)) == len("2026-04-29T14:25:27") + len(fraction)
    moment, told = (datetime.fromisoformat(shown["completed_at"]) for shown in (row, event))
    assert abs(moment - told) < timedelta(seconds=1)
    assert event["completed_at"].endswith("Z")
    assert page["next_cursor"] == row["created_at"]
    assert [other["id"] for other in rest] == [EXAMPLE_ID]


@pytest.mark.parametrize(
    ("tells", "told"),
    [("both", (True, True)), ("list", (True, False)), ("event", (False, True)), ("neither", (False, False))],
)
async def test_a_list_or_an_event_tells_no_end_where_the_knob_says_so(tells: Tells, told: tuple[bool, bool]) -> None:
    async with Target().listening() as target, sandboxed(knobs=Knobs(completed_at=tells)) as client:
        await register(client, target.url)
        number = await submit(client)
        event = (await target.next_event())["data"]["transcription"]
        row = (await listed(client))[number]
    assert (row["completed_at"] is not None, event["completed_at"] is not None) == told
    assert (row["status"], event["status"]) == ("completed", "completed")

"""`receiver.sandbox.fishaudio`: keys, credits, faults, what is answered, and when what is billed."""

import asyncio
from typing import Any

import pytest

from receiver import signature
from tests.sandbox.fishaudio.asking import KEY, PATH, charges, fishaudio, transcribed
from tests.sandbox.simulated import LONGEST_WAIT, URL, hold_transcriptions

HOUR = 600  # what it costs, in credits


async def test_a_transcription_is_billed_when_it_is_done_with_whose_key_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = hold_transcriptions(monkeypatch)
    async with fishaudio() as client:
        asking = asyncio.create_task(transcribed(client, "two-hours.mp3"))
        assert await charges(client) == []
        over.set()
        answer = (await asking).json()
        (row,) = await charges(client)
    assert row.pop("at") >= 0
    assert len(row.pop("id")) == 24
    assert row == {
        "provider": "fishaudio", "account": signature.fingerprint(KEY.encode()), "operation": "transcription",
        "amount": 2 * HOUR, "unit": "credits",
    }  # fmt: skip
    assert (answer["duration"], answer["credits_used"], answer["quota_remaining"]) == (7200.0, 1200, 98_800)


async def test_the_key_may_be_in_the_body_and_the_header_goes_before_it() -> None:
    async with fishaudio() as client:
        await transcribed(client, token="other")
        await client.post(
            PATH, json={"audio_url": "https://x.example/", "token": "other"}, headers={"Authorization": ""}
        )
        refused = [
            await client.post(PATH, content=body, headers={"Authorization": header})
            for header, body in [
                ("", b'{"token": " "}'),
                ("", b'{"token": 1}'),
                ("Basic abc", b"{"),
                ("Bearer ", b"[]"),
            ]
        ]
        accounts = [row["account"] for row in await charges(client)]
    assert accounts == [signature.fingerprint(key) for key in (KEY.encode(), b"other")]
    assert [answer.status_code for answer in refused] == [401] * 4


@pytest.mark.parametrize(
    ("knob", "status", "answered"), [("yes", 200, {"api_quota_remaining": 100_000 - HOUR}), ("no", 404, None)]
)
async def test_a_profile_tells_what_is_left_if_the_knob_says_so(
    knob: str, status: int, answered: dict[str, int] | None
) -> None:
    async with fishaudio(profile=knob) as client:
        await transcribed(client)
        answer = await client.get("profile")
    assert answer.status_code == status
    assert answered in (None, answer.json())


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"audio_url": "https://x.example/\\ud800"}'])
async def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    async with fishaudio() as client:
        answer = await client.post(PATH, content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("status", [402, 429])
async def test_what_the_account_cannot_pay_is_refused_before_it_is_worked_on_also_while_other_work_goes_on(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = hold_transcriptions(monkeypatch)
    async with fishaudio(credits=HOUR + 1, no_credits=status) as client:
        asking = [asyncio.create_task(transcribed(client)) for _ in range(2)]
        (one,), (other,) = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        over.set()
        refused = await one
        assert (await other).json()["quota_remaining"] == 1
        assert len(await charges(client)) == 1
    assert refused.status_code == status
    assert refused.json() == {"error": "Insufficient credits"} | (
        {"remaining_quota": 1, "required_quota": HOUR} if status == 402
        else {"code": "insufficient_credits", "details": "600 credits are required, 1 remain"}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("knobs", "asked", "shown"),
    [({}, {}, True), ({}, {"ignore_timestamps": True}, []), ({"segments": "empty"}, {}, []),
     ({"segments": "absent"}, {}, None)],
)  # fmt: skip
async def test_segments_are_there_as_knob_and_request_say(
    knobs: dict[str, Any], asked: dict[str, Any], shown: object
) -> None:
    async with fishaudio(**knobs) as client:
        found = (await transcribed(client, **asked)).json()
    segments = found.get("segments")
    if shown is not True:
        assert segments == shown
        return
    assert segments[0].keys() == {"text", "start", "end"}
    assert found["text"] == " ".join(segment["text"] for segment in segments)
    assert segments[-1]["end"] == found["duration"] == 3600.0


async def test_the_duration_is_in_milliseconds_if_the_knob_says_so_and_silence_is_a_success() -> None:
    async with fishaudio(duration="ms") as client:
        found = (await transcribed(client, "empty.mp3")).json()
    assert (found["duration"], found["text"], found["segments"]) == (3_600_000, "", [])


async def test_a_recording_that_fails_is_not_billed_and_one_that_fails_once_works_the_second_time() -> None:
    async with fishaudio() as client:
        answers = [await transcribed(client, name) for name in ("fail.mp3", "fail.mp3", *["fail-once.mp3"] * 2)]
        assert [answer.status_code for answer in answers] == [400, 400, 400, 200]
        assert [row["amount"] for row in await charges(client)] == [HOUR]


@pytest.mark.parametrize(("kind", "rows"), [("500", 0), ("429", 0), ("html", 1)])
async def test_a_fault_that_refuses_costs_nothing_and_one_that_loses_the_answer_costs_it(kind: str, rows: int) -> None:
    async with fishaudio() as client:
        await client.post(f"{URL}/sandbox/faults", json={"endpoint": "/open/speech-to-text", "kind": kind})
        answer = await transcribed(client)
        assert len(await charges(client)) == rows
    if not rows:
        assert answer.status_code == int(kind)
        assert answer.json().keys() == {"error", "code"}


async def test_a_sandbox_that_stops_releases_who_waits() -> None:
    async with fishaudio(speed=1) as client:
        asking = asyncio.create_task(transcribed(client))
        await asyncio.sleep(0)
    async with asyncio.timeout(LONGEST_WAIT):
        assert (await asking).status_code == 503

"""`receiver.sandbox.thunderscribe.app`: keys, paths, faults, and when what is billed."""

import asyncio
from typing import Any

import httpx
import pytest

from receiver import signature
from receiver.sandbox import EXAMPLE_ID, Sandbox, application
from tests.processes import Processes, free_port, until
from tests.sandbox.simulated import LONGEST_WAIT, URL, hold_transcriptions
from tests.sandbox.thunderscribe.asking import KEY, TRANSCRIPTIONS, charges, named, thunderscribe, transcribed

FAULT = {"endpoint": "/audio/transcriptions"}


async def plan(client: httpx.AsyncClient, kind: str) -> None:
    assert (await client.post(f"{URL}/sandbox/faults", json=FAULT | {"kind": kind})).status_code == 201


async def billed(client: httpx.AsyncClient, number: int) -> list[dict[str, Any]]:
    """Return the ledger as soon as it has so many rows."""
    async with asyncio.timeout(LONGEST_WAIT):
        while len(found := await charges(client)) < number:  # noqa: ASYNC110 - a far side has no event to wait for
            await asyncio.sleep(0.01)
    return found


# --- keys and paths --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer  ", "Basic abc"])
async def test_a_request_without_a_key_is_refused(header: str) -> None:
    async with thunderscribe() as client:
        answer = await client.post("v1/upload", files=named("a.mp3"), headers={"Authorization": header})
    assert answer.status_code == 401


@pytest.mark.parametrize(("knob", "there"), [("v3", [200, 404]), ("v1", [404, 200]), ("both", [200, 200])])
async def test_a_transcription_has_the_path_that_the_knob_gives_it(knob: str, there: list[int]) -> None:
    async with thunderscribe(paths=knob) as client:
        answers = [
            await client.post(f"{version}/audio/transcriptions", data={"language": "en"}, files=named("a.mp3"))
            for version in ("v3", "v1")
        ]
    assert [answer.status_code for answer in answers] == there


async def test_what_does_not_exist_is_refused_in_the_providers_shape() -> None:
    async with thunderscribe() as client:
        answers = [await client.get("v1/nothing"), await client.get("v1/upload")]
    assert [answer.status_code for answer in answers] == [404, 405]
    assert all(answer.json().keys() == {"error", "message"} for answer in answers)


async def test_both_providers_answer_on_one_port_and_their_requests_are_in_one_log() -> None:
    async with thunderscribe() as client:
        await transcribed(client)
        theirs = await client.get(
            f"{URL}/api/v1/transcriptions/{EXAMPLE_ID}", headers={"Authorization": "Bearer tsk_live_one"}
        )
        log = (await client.get(f"{URL}/sandbox/requests")).json()["requests"]
    assert theirs.status_code == 200
    assert [(one["path"], one["status"]) for one in log] == [
        (f"/thunderscribe/api/{TRANSCRIPTIONS}", 200), (f"/api/v1/transcriptions/{EXAMPLE_ID}", 200),
    ]  # fmt: skip


# --- when what is billed ---------------------------------------------------------------------------------------------


async def test_a_transcription_is_billed_when_it_is_done_with_its_file_length_and_whose_key_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = hold_transcriptions(monkeypatch)
    async with thunderscribe() as client:
        file_id = (await client.post("v1/upload", files=named("two-hours.mp3"))).json()["file_id"]
        data = {"language": "en", "file_id": file_id}
        asking = asyncio.create_task(client.post(TRANSCRIPTIONS, data=data))
        assert await charges(client) == []
        over.set()
        assert (await asking).status_code == 200
        (row,) = await charges(client)
    assert row.pop("at") >= 0
    assert row == {
        "provider": "thunderscribe", "account": signature.fingerprint(KEY.encode()), "operation": "transcription",
        "id": file_id, "amount": 7200.0, "unit": "seconds",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["fail.mp3", "hundred-hours.mp3"])
async def test_what_is_refused_is_not_billed(name: str) -> None:
    async with thunderscribe() as client:
        assert (await transcribed(client, name)).status_code == 400
        assert (await client.post(TRANSCRIPTIONS, data={"language": "en"}, files=named("a.mp3", b""))).is_error
        assert (await transcribed(client, temperature="2")).is_error
        assert await charges(client) == []


async def test_a_recording_that_fails_once_works_the_second_time() -> None:
    async with thunderscribe() as client:
        answers = [await transcribed(client, "fail-once.mp3") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [400, 200]
        assert len(await charges(client)) == 1


async def test_every_repeated_request_is_billed_again() -> None:
    async with thunderscribe() as client:
        for _ in range(3):
            await transcribed(client)
        assert len({row["id"] for row in await charges(client)}) == 3


async def test_a_proxy_cuts_long_work_off_which_goes_on_and_is_billed() -> None:
    async with thunderscribe(speed=36_000, cut_seconds=100) as client:  # an hour takes a tenth of a second
        answer = await transcribed(client)
        found = await billed(client, 1)
    assert (answer.status_code, answer.headers["Content-Type"]) == (524, "text/html; charset=utf-8")
    assert found[0]["amount"] == 3600.0


async def test_work_that_ends_before_the_proxy_cuts_is_answered() -> None:
    async with thunderscribe(cut_seconds=1e9) as client:
        assert (await transcribed(client)).status_code == 200


@pytest.mark.parametrize(("kind", "rows"), [("500", 0), ("429", 0), ("html", 1), ("redirect", 1)])
async def test_a_fault_that_refuses_costs_nothing_and_one_that_loses_the_answer_costs_it(kind: str, rows: int) -> None:
    async with thunderscribe() as client:
        await plan(client, kind)
        answer = await transcribed(client)
        assert len(await charges(client)) == rows
    if not rows:
        assert answer.status_code == int(kind)
        assert answer.json().keys() == {"error", "message"}


def test_work_goes_on_and_is_billed_after_the_client_has_gone_and_the_sandbox_still_ends_at_once(
    processes: Processes,
) -> None:
    port = free_port()
    options = ("--thunderscribe-words", "top", "--thunderscribe-cut-seconds", "100000")
    sandbox = processes.start("sandbox", "--port", str(port), "--speed", "3600", *options)  # an hour takes a second
    until(lambda: "sandbox: export" in sandbox.out.read_text(), "the sandbox listens")
    base = f"http://127.0.0.1:{port}"
    path, data = f"/thunderscribe/api/{TRANSCRIPTIONS}", {"language": "en", "response_format": "json"}
    with httpx.Client(base_url=base, headers={"Authorization": "Bearer x"}, timeout=20) as client:
        until(lambda: client.get("/sandbox/charges").is_success, "the sandbox answers")
        with pytest.raises(httpx.ReadTimeout):
            client.post(path, data=data, files=named("a.mp3"), timeout=httpx.Timeout(20, read=0.2))
        until(lambda: len(client.get("/sandbox/charges").json()) == 1, "the work is billed")
        answer = client.post(path, data=data | {"timestamp_granularities": "word"}, files=named("a.mp3"))
        assert answer.json()["words"]
    assert sandbox.end() == 0
    assert "Traceback" not in sandbox.log


async def test_a_sandbox_that_stops_releases_who_waits_and_bills_nothing() -> None:
    sandbox = Sandbox(speed=1)
    transport = httpx.ASGITransport(application(sandbox))
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=f"{URL}/thunderscribe/api/", headers=headers, transport=transport) as client:
        asking = asyncio.create_task(transcribed(client))
        async with asyncio.timeout(LONGEST_WAIT):
            while not sandbox.thunderscribe.files:  # noqa: ASYNC110 - a far side has no event to wait for
                await asyncio.sleep(0)
        sandbox.stop()
        assert (await asking).status_code == 503
    await sandbox.close()
    assert sandbox.charges == []

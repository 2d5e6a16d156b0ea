"""`receiver.sandbox.timbr.app`: paths, refusals, faults, a task's life, and when what is billed."""

import asyncio
import hashlib
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from receiver import signature
from receiver.sandbox import Sandbox
from tests.sandbox.simulated import LONGEST_WAIT, URL
from tests.sandbox.timbr import asking
from tests.sandbox.timbr.asking import KEY, ORDERS, charges, code, data, ended, look, ordered, send, timbr, uploaded

OTHER = {"Authorization": "Bearer other"}


def hold(monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """Let every step of a task last until the semaphore is released once, whatever the speed."""
    steps = asyncio.Semaphore(0)

    async def pause(sandbox: Sandbox, _: float) -> bool:
        await steps.acquire()
        return sandbox.stopping.is_set()

    monkeypatch.setattr(Sandbox, "pause", pause)
    return steps


async def changed(client: httpx.AsyncClient, task: dict[str, Any], task_id: str) -> dict[str, Any]:
    """Return a task as soon as it is in another state."""
    async with asyncio.timeout(LONGEST_WAIT):
        while (now := await look(client, task_id))["status"] == task["status"]:  # noqa: ASYNC110 - a far side has no event to wait for
            await asyncio.sleep(0)
    return now


async def plan(client: httpx.AsyncClient, kind: str, path: str = "/timbr/openapi/v1/transcription/") -> None:
    assert (await client.post(f"{URL}/sandbox/faults", json={"endpoint": path, "kind": kind})).status_code == 201


# --- paths and refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["v1/task", "v1/upload/file", "auth/token/delete"])
async def test_a_path_without_its_last_slash_is_redirected_and_nothing_is_done(path: str) -> None:
    async with timbr() as client:
        answer = await client.post(path, json={"api_tokens": []})
    assert (answer.status_code, answer.headers["Location"]) == (301, f"/timbr/openapi/{path}/")


async def test_what_does_not_exist_is_refused_in_the_envelope() -> None:
    async with timbr() as client:
        answers = [await client.get("v1/nothing/"), await client.get("v1/task/")]
    assert [code(answer)[:2] for answer in answers] == [(404, 404), (405, 405)]


@pytest.mark.parametrize(("knob", "status"), [("200", 200), ("4xx", 400)])
async def test_a_refusal_has_the_status_that_the_knob_says(knob: str, status: int) -> None:
    async with timbr(errors=knob) as client:
        answer = await ordered(client, "transcription", "any", speakers="10")
    assert code(answer) == (status, 400, "INVALID_PARAMETER")


@pytest.mark.parametrize("body", [{"json": {"task_id": "x"}}, {"data": {"task_id": "x"}}, {}])
async def test_a_form_that_is_not_multipart_is_refused(body: dict[str, Any]) -> None:
    async with timbr(errors="4xx") as client:
        assert (await client.post("v1/task/", **body)).status_code == 415


async def test_files_and_tasks_that_are_unknown_or_another_accounts_are_refused() -> None:
    async with timbr(errors="4xx") as client:
        file_id = await uploaded(client)
        task_id = data(await ordered(client, "transcription", file_id))["task_id"]
        form = {"file_id": file_id} | ORDERS["transcription"]
        refused = [
            await ordered(client, "transcription", "unknown"),
            await send(client, "v1/transcription/", form, headers=OTHER),
            await send(client, "v1/task/", {"task_id": "unknown"}),
            await send(client, "v1/task/", {"task_id": task_id}, headers=OTHER),
        ]
    assert [code(answer) for answer in refused] == [(404, 404, "FILE_NOT_FOUND")] * 2 + [
        (404, 404, "TASK_NOT_FOUND")
    ] * 2


async def test_a_file_that_has_expired_is_refused() -> None:
    async with timbr(errors="4xx", files=1e12) as client:
        refused = await ordered(client, "transcription", await uploaded(client))
    assert code(refused)[2] == "FILE_NOT_FOUND"


@pytest.mark.parametrize(
    ("operation", "name"),
    [("translation", "talk.wav"), ("transcription", "talk.srt"), ("audio-separation", "talk.srt")],
)
async def test_subtitles_are_translated_and_nothing_else_is(operation: str, name: str) -> None:
    async with timbr() as client:
        assert code(await ordered(client, operation, await uploaded(client, name)))[1] == 400
        assert await charges(client) == []


async def test_more_than_sixty_requests_a_minute_are_refused() -> None:
    async with timbr(speed=1) as client:
        answers = [await client.get("v1/credit/") for _ in range(61)]
        other = await client.get("v1/credit/", headers=OTHER)
    assert [answer.status_code for answer in answers] == [200] * 60 + [429]
    assert other.status_code == 200


async def test_an_upload_without_a_file_is_refused_and_one_with_it_is_kept_by_size_and_hash() -> None:
    async with timbr() as client:
        assert code(await send(client, "v1/upload/file/", {"file": "binary"}))[1] == 400
        file_id = await uploaded(client, content=b"sound")
        found = (await client.get(f"{URL}/sandbox/uploads")).json()["uploads"]
    assert found == [{"id": file_id, "size": 5, "sha256": hashlib.sha256(b"sound").hexdigest(), "complete": True}]


# --- a task's life ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("knob", "words"),
    [
        ("completed", ["pending", "processing", "completed"]), ("done", ["waiting", "running", "done"]),
        ("SUCCESS", ["PENDING", "STARTED", "SUCCESS"]),
    ],
)  # fmt: skip
async def test_a_task_waits_works_and_is_done_and_is_billed_only_then(
    monkeypatch: pytest.MonkeyPatch, knob: str, words: list[str]
) -> None:
    steps = hold(monkeypatch)
    async with timbr(status=knob) as client:
        task_id = data(await ordered(client, "transcription", await uploaded(client, "two-hours.wav")))["task_id"]
        seen = [await look(client, task_id)]
        for _ in range(2):
            assert await charges(client) == []
            steps.release()
            seen.append(await changed(client, seen[-1], task_id))
        (row,) = await charges(client)
    assert [task["status"] for task in seen] == words
    assert [bool(task["started_at"]) for task in seen] == [False, True, True]
    assert [len(task["output_assets"]) for task in seen] == [0, 0, 1]
    assert seen[0]["created_at"] == seen[0]["updated_at"] < seen[1]["updated_at"] < seen[2]["updated_at"]
    assert row.pop("at") >= 0
    assert row == {
        "provider": "timbr", "account": signature.fingerprint(KEY.encode()), "operation": "transcription",
        "id": task_id, "amount": 7200.0, "unit": "credits",
    }  # fmt: skip


async def test_each_operation_is_billed_by_its_name_and_lowers_the_credit() -> None:
    async with timbr() as client:
        before = data(await client.get("v1/credit/"))["credit"]
        for operation in ORDERS:
            await ended(client, operation, "talk.srt" if operation == "translation" else "talk.wav")
        left = data(await client.get("v1/credit/"))["credit"]
        rows = await charges(client)
    assert [row["operation"] for row in rows] == ["transcription", "translation", "separation"]
    assert before - left == sum(row["amount"] for row in rows) == 3 * 3600


@pytest.mark.parametrize(("knob", "word"), [("completed", "failed"), ("done", "error"), ("SUCCESS", "FAILURE")])
async def test_a_task_that_fails_says_why_and_costs_nothing(knob: str, word: str) -> None:
    async with timbr(status=knob) as client:
        before = await client.get("v1/credit/")
        task = await ended(client, "audio-separation", "fail.wav")
        assert (task["status"], task["output_assets"]) == (word, [])
        assert task["error_message"]
        assert (await client.get("v1/credit/")).json() == before.json()
        assert await charges(client) == []


async def test_a_name_may_fail_once_and_a_recording_without_content_always_does() -> None:
    async with timbr() as client:
        tasks = [await ended(client, "transcription", "fail-once.wav") for _ in range(2)]
        bad = await ended(client, "transcription", content=b"")
    assert [bool(task["error_message"]) for task in tasks] == [True, False]
    assert bad["status"] == "failed"


async def test_what_the_credit_does_not_cover_is_refused_before_it_begins() -> None:
    async with timbr(errors="4xx") as client:
        file_id = await uploaded(client, "hundred-hours.wav")
        answers = [await ordered(client, "transcription", file_id) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 402]


async def test_a_transcript_can_be_fetched_uploaded_and_translated() -> None:
    async with timbr() as client:
        written = await asking.text(client, await ended(client, "transcription", "talk.wav"))
        translated = await ended(client, "translation", "talk.srt", written.encode())
        assert (await asking.text(client, translated)).count("-->") == written.count("-->") > 100
    assert translated["output_assets"][0]["name"] == "talk_ko.srt"


@pytest.mark.parametrize(("knob", "seconds"), [("60s", 60), ("forever", float("inf"))])
async def test_a_link_lives_as_long_as_the_knob_says_and_that_of_a_sent_file_leads_nowhere(
    knob: str, seconds: float
) -> None:
    async with timbr(links=knob) as client:
        before = time.time()
        task = await ended(client, "audio-separation")
        nowhere = await asking.fetched(client, task["source_assets"][0]["link"])
    (ticket,) = parse_qs(urlsplit(task["output_assets"][0]["link"]).query)["ticket"]
    assert before + seconds <= float(ticket.split("-")[0]) <= time.time() + seconds
    assert nowhere.status_code == 404


# --- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "rows"), [("500", 0), ("429", 0), ("html", 1), ("redirect", 1)])
async def test_a_fault_that_refuses_costs_nothing_and_one_that_loses_the_answer_costs_it(kind: str, rows: int) -> None:
    async with timbr() as client:
        file_id = await uploaded(client)
        await plan(client, kind)
        answer = await ordered(client, "transcription", file_id)
        await ended(client, "audio-separation")
        assert len(await charges(client)) == rows + 1
    if not rows:
        assert code(answer)[:2] == (int(kind), int(kind))


async def test_a_fault_may_be_for_looks_alone() -> None:
    async with timbr() as client:
        task_id = data(await ordered(client, "transcription", await uploaded(client)))["task_id"]
        await plan(client, "500", "/timbr/openapi/v1/task/")
        assert (await send(client, "v1/task/", {"task_id": task_id})).status_code == 500
        assert (await look(client, task_id))["created_at"]

"""`receiver.sandbox.timbr_audio.app`: keys, paths, jobs and their list, faults, and when what is billed."""

import asyncio
from typing import Any

import pytest

from receiver import signature
from tests.sandbox.simulated import LONGEST_WAIT, URL, hold_transcriptions
from tests.sandbox.timbr_audio.asking import (
    KEY,
    OTHER,
    announced,
    charges,
    ended,
    made,
    put,
    started,
    timbr_audio,
    uploaded,
)

HOUR = 3600  # what it costs, in credits
OPERATIONS = {"separate": "separation", "enhance": "enhancement", "diarize": "diarization"}


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_job_is_billed_when_it_is_completed_with_whose_key_it_was(
    operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = hold_transcriptions(monkeypatch)
    async with timbr_audio() as client:
        job_id = await started(client, operation, await uploaded(client))
        assert (await client.get(f"jobs/{job_id}")).json()["status"] in ("pending", "queued", "processing")
        assert await charges(client) == []
        over.set()
        job = await ended(client, job_id)
        (row,) = await charges(client)
    assert row.pop("at") >= 0
    assert row == {
        "provider": "timbr-audio", "account": signature.fingerprint(KEY.encode()), "operation": OPERATIONS[operation],
        "id": job_id, "amount": HOUR, "unit": "credits",
    }  # fmt: skip
    assert (job["status"], job["progress"], job["error"], job["cost"]) == ("completed", 100, None, HOUR)


async def test_credits_are_reserved_at_creation_and_given_back_when_a_job_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = hold_transcriptions(monkeypatch)
    async with timbr_audio(credits=HOUR) as client:
        body = {"file_id": await uploaded(client, "fail-once.wav")}
        first = (await client.post("audio/enhance", json=body)).json()["job_id"]
        refused = await client.post("audio/enhance", json=body)
        over.set()
        failed = await ended(client, first)
        job = await ended(client, await started(client, "enhance", **body))
        spent = await client.post("audio/enhance", json=body)
        assert [row["id"] for row in await charges(client)] == [job["job_id"]]
    assert (refused.status_code, refused.json()) == (402, {"detail": "Insufficient credits"})
    assert (failed["status"], failed["result"]) == ("failed", None)
    assert failed["error"]
    assert (job["status"], spent.status_code) == ("completed", 402)


@pytest.mark.parametrize(("name", "content"), [("fail.wav", b"sound"), ("talk.wav", b"")])
async def test_what_fails_is_not_billed(name: str, content: bytes) -> None:
    async with timbr_audio() as client:
        job = await ended(client, await started(client, "diarize", await uploaded(client, name, content)))
        assert job["status"] == "failed"
        assert await charges(client) == []


async def test_a_file_that_is_unknown_somebody_elses_or_has_not_come_is_not_found() -> None:
    async with timbr_audio() as client:
        mine, (empty, _) = await uploaded(client), await announced(client)
        answers = [
            await client.post("audio/diarize", json={"file_id": "unknown"}),
            await client.post("audio/diarize", json={"file_id": mine}, headers=OTHER),
            await client.post("audio/diarize", json={"file_id": empty}),
            await client.post("audio/diarize", json={"file_id": mine, "input_srt_file_id": "unknown"}),
        ]
        subtitles = await uploaded(client, "talk.srt")
        await started(client, "diarize", mine, input_srt_file_id=subtitles)
    assert [(answer.status_code, answer.json()) for answer in answers] == [(404, {"detail": "File not found"})] * 4


async def test_a_file_is_not_found_until_it_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    over = hold_transcriptions(monkeypatch)
    async with timbr_audio(confirm=5) as client:
        body = {"file_id": await uploaded(client)}
        assert (await client.post("audio/enhance", json=body)).status_code == 404
        over.set()
        async with asyncio.timeout(LONGEST_WAIT):
            while (await client.post("audio/enhance", json=body)).status_code != 200:  # noqa: ASYNC110 - a far side has no event
                await asyncio.sleep(0)


@pytest.mark.parametrize(("knob", "there"), [("/v1/upload", [200, 404]), ("/v1/audio/upload", [404, 200])])
async def test_an_upload_has_the_path_that_the_knob_gives_it(knob: str, there: list[int]) -> None:
    async with timbr_audio(upload_path=knob) as client:
        answers = [await client.post(path) for path in ("upload", "audio/upload")]
    assert [answer.status_code for answer in answers] == there


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"filename": "a.txt"}', b'{"filename": 1}'])
async def test_an_announcement_that_makes_no_sense_is_refused(body: bytes) -> None:
    async with timbr_audio() as client:
        answer = await client.post("upload", content=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer  ", "Basic abc", "TBR_abc"])
async def test_a_request_without_a_key_is_refused(header: str) -> None:
    async with timbr_audio() as client:
        answer = await client.get("jobs", headers={"Authorization": header})
    assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})


async def test_what_does_not_exist_is_refused_in_the_providers_shape() -> None:
    async with timbr_audio(list="404") as client:
        job = await made(client)
        asked = [
            await client.get("jobs"), await client.get("jobs/unknown"), await client.get("upload"),
            await client.get(f"jobs/{job['job_id']}", headers=OTHER),
        ]  # fmt: skip
    assert [answer.status_code for answer in asked] == [404, 404, 405, 404]
    assert all(answer.json().keys() == {"detail"} for answer in asked)


async def test_a_page_of_the_list_has_the_newest_first_as_each_is_shown_alone() -> None:
    async with timbr_audio(names_file="yes") as client:
        file_id = await uploaded(client, "fail-once.wav")
        jobs = [await ended(client, await started(client, "enhance", file_id)) for _ in range(3)]
        pages = [(await client.get("jobs", params={"page": page, "page_size": 2})).json() for page in (1, 2)]
        failed = (await client.get("jobs?status=failed")).json()
        others = (await client.get("jobs", headers=OTHER)).json()
    shown = [[job["job_id"] for job in page["jobs"]] for page in pages]
    assert shown == [[jobs[2]["job_id"], jobs[1]["job_id"]], [jobs[0]["job_id"]]]
    assert [(page["has_more"], page["total"]) for page in pages] == [(True, 3), (False, 3)]
    assert failed["jobs"] == [jobs[0]]
    assert {job["file_id"] for job in jobs} == {file_id}
    assert (others["jobs"], others["has_more"]) == ([], False)


@pytest.mark.parametrize("query", ["page=0", "page=x", "page_size=0", "page_size=101", "page_size=", "status=done"])
async def test_a_list_that_makes_no_sense_is_refused_by_name(query: str) -> None:
    async with timbr_audio() as client:
        answer = await client.get(f"jobs?{query}")
    assert answer.status_code == 422
    assert [problem["loc"] for problem in answer.json()["detail"]] == [["query", query.partition("=")[0]]]


async def test_a_job_does_not_name_its_file_unless_the_knob_says_so() -> None:
    async with timbr_audio() as client:
        assert "file_id" not in await made(client)


@pytest.mark.parametrize(("kind", "rows"), [("500", 0), ("429", 0), ("html", 1)])
async def test_a_fault_that_refuses_starts_nothing_and_one_that_loses_the_answer_does(kind: str, rows: int) -> None:
    async with timbr_audio() as client:
        body: dict[str, Any] = {"file_id": await uploaded(client)}
        await client.post(f"{URL}/sandbox/faults", json={"endpoint": "/audio/separate", "kind": kind})
        answer = await client.post("audio/separate", json=body)
        jobs = (await client.get("jobs")).json()["jobs"]
    assert len(jobs) == rows
    if not rows:
        assert answer.status_code == int(kind)
        assert answer.json().keys() == {"detail"}


async def test_requests_beyond_the_limit_are_refused_and_the_store_has_none() -> None:
    async with timbr_audio(speed=1) as client:
        _, url = await announced(client)
        while (answer := await client.get("jobs")).status_code == 200:
            pass
        assert (await put(client, url)).status_code == 200
        asked = (await client.get(f"{URL}/sandbox/requests")).json()["requests"]
    assert (answer.status_code, answer.json()) == (429, {"detail": "Rate limit exceeded"})
    assert len(asked) == 61  # the store is no part of the log of requests

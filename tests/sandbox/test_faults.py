"""`receiver.sandbox`: planned faults, the other control endpoints, seeds, and the command that shows them all."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import fields
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Message

from receiver.sandbox import EXAMPLE_ID, FishAudioKnobs, Knobs, ThunderScribeKnobs, TimbrAudioKnobs, TimbrKnobs, faults
from tests.processes import Processes, free_port, until
from tests.sandbox.simulated import LONGEST_WAIT, URL, error, register, sandboxed, submission, submit

RESULT = f"transcriptions/{EXAMPLE_ID}/result"


async def plan(client: httpx.AsyncClient, endpoint: str, kind: str, **more: object) -> None:
    body = {"endpoint": endpoint, "kind": kind, **more}
    answer = await client.post(f"{URL}/sandbox/faults", json=body, headers={"Authorization": ""})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(("kind", "code"), [("500", "internal_error"), ("429", "rate_limited")])
async def test_a_refusing_fault_comes_as_often_as_planned_and_nothing_is_done(kind: str, code: str) -> None:
    async with sandboxed() as client:
        await plan(client, "/transcriptions", kind, times=2, method="POST")
        assert (await client.get("transcriptions")).is_success
        refused = [await client.post("transcriptions", json=submission()) for _ in range(2)]
        rows = (await client.get("transcriptions")).json()["data"]
        after = await client.post("transcriptions", json=submission())
    assert [error(answer) for answer in refused] == [(int(kind), code)] * 2
    assert refused[0].headers.get("Retry-After") == (None if kind == "500" else "1")
    assert len(rows) == 1
    assert after.status_code == 202


async def test_a_500_is_not_kept_under_an_idempotency_key_but_a_429_is() -> None:
    async with sandboxed() as client:
        for kind in ("500", "429"):
            await plan(client, "/transcriptions", kind)
        answers = [
            await client.post("transcriptions", json=submission(), headers={"Idempotency-Key": "one"}) for _ in range(3)
        ]
    assert [answer.status_code for answer in answers] == [500, 429, 429]
    assert answers[1].content == answers[2].content


@pytest.mark.parametrize("kind", ["malformed", "html", "redirect"])
async def test_a_damaged_answer_was_a_done_request(kind: str) -> None:
    key = {"Idempotency-Key": "one"}
    async with sandboxed() as client:
        await plan(client, "/transcriptions", kind)
        damaged = await client.post("transcriptions", json=submission(), headers=key)
        rows = (await client.get("transcriptions")).json()["data"]
        repeated = await client.post("transcriptions", json=submission(), headers=key)
    assert (repeated.status_code, repeated.json()["id"]) == (202, rows[0]["id"])
    match kind:
        case "malformed":
            assert damaged.status_code == 202
            with pytest.raises(json.JSONDecodeError):
                damaged.json()
        case "html":
            assert (damaged.status_code, damaged.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
        case _:
            assert (damaged.status_code, damaged.headers["Location"]) == (307, f"{URL}/sandbox/elsewhere")


async def test_a_slow_answer_is_whole() -> None:
    async with sandboxed() as client:
        await plan(client, "/result", "slow", seconds=0.5)
        slow = asyncio.create_task(client.get(RESULT))
        async with asyncio.timeout(LONGEST_WAIT):
            while (await client.get(f"{URL}/sandbox/faults")).json()["faults"]:  # noqa: ASYNC110 - a far side has no event
                await asyncio.sleep(0)
        quick = await client.get(RESULT)
        assert not slow.done()
        assert (await slow).content == quick.content


async def test_an_end_of_a_path_may_leave_parts_open() -> None:
    async with sandboxed() as client:
        await plan(client, "/transcriptions/*", "500", times=2, method="GET")
        answers = [
            await client.get(path) for path in ("transcriptions", RESULT, f"transcriptions/{EXAMPLE_ID}", RESULT)
        ]
    assert [answer.status_code for answer in answers] == [200, 500, 500, 200]


async def test_faults_reach_files_too() -> None:
    async with sandboxed() as client:
        asked = (
            await client.post("uploads", json={"filename": "a.wav", "content_type": "audio/wav", "file_size": 1})
        ).json()
        await plan(client, "/uploads/*", "500", method="PUT")
        put = [
            await client.put(asked["upload_url"], content=b"a", headers={"Content-Type": "audio/wav"}) for _ in range(2)
        ]
    assert [answer.status_code for answer in put] == [500, 200]


async def test_planned_faults_are_listed_and_cleared() -> None:
    async with sandboxed() as client:
        await plan(client, "/result", "500", times=3)
        await client.get(RESULT)
        listed = (await client.get(f"{URL}/sandbox/faults")).json()
        cleared = (await client.delete(f"{URL}/sandbox/faults")).json()
        answer = await client.get(RESULT)
    assert listed == {
        "faults": [{"endpoint": "/result", "kind": "500", "times": 2, "method": None, "seconds": 5.0}]
    }  # fmt: skip
    assert cleared == {"faults": []}
    assert answer.is_success


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "JSON object"),
        (b"[]", "JSON object"),
        ({}, "endpoint must be"),
        ({"endpoint": "result", "kind": "500"}, "endpoint must be"),
        ({"endpoint": "/result", "kind": "418"}, "kind must be one of 500, 429"),
        ({"endpoint": "/result", "kind": "500", "times": 0}, "times must be"),
        ({"endpoint": "/result", "kind": "500", "times": "3"}, "times must be"),
        ({"endpoint": "/result", "kind": "500", "method": "get"}, "method must be"),
        ({"endpoint": "/result", "kind": "slow", "seconds": -1}, "seconds must be"),
        ({"endpoint": "/result", "kind": "500", "time": 3}, "knows no time"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused_in_plain_words(
    body: bytes | dict[str, object], said: str
) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with sandboxed() as client:
        answer = await client.post(f"{URL}/sandbox/faults", content=raw)
    assert error(answer) == (400, "invalid_request")
    assert said in answer.json()["error"]["message"]


async def test_controls_need_no_key_and_do_not_count() -> None:
    async with sandboxed(speed=1, key=None) as client:
        answers = [await client.get(f"{URL}/sandbox/requests") for _ in range(70)]
        first = await client.get("me", headers={"Authorization": "Bearer tsk_live_one"})
    assert {answer.status_code for answer in answers} == {200}
    assert first.status_code == 200


async def test_requests_are_remembered_with_when_what_and_how_but_not_whose() -> None:
    async with sandboxed() as client:
        await client.get("me")
        await client.get("me", headers={"Authorization": ""})
        await client.get("transcriptions?limit=1")
        await client.get(f"{URL}/sandbox/uploads")
        remembered = (await client.get(f"{URL}/sandbox/requests")).json()["requests"]
    assert [(r["method"], r["path"], r["status"]) for r in remembered] == [
        ("GET", "/api/v1/me", 200), ("GET", "/api/v1/me", 401), ("GET", "/api/v1/transcriptions", 200),
    ]  # fmt: skip
    times = [r["at"] for r in remembered]
    assert times == sorted(times)
    assert set(remembered[0]) == {"at", "method", "path", "status"}


@pytest.mark.parametrize(
    ("kind", "promised", "came", "whole"),
    [("malformed", 3, 3, True), ("truncated", 7, 3, False), ("huge", 7 + 80 * 1024**2, 7 + 80 * 1024**2, True)],
)
async def test_an_answer_that_is_streamed_is_cut_or_swollen_too(
    kind: str, promised: int, came: int, *, whole: bool
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"ab", b"cdef", b"g"):
            yield piece

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    request = Request({"type": "http", "method": "GET", "path": "/", "headers": []})
    answer = StreamingResponse(pieces(), headers={"Content-Length": "7"})
    spoilt = await faults.spoil(faults.Fault("/", kind), answer, request, asyncio.Event())
    await spoilt({"type": "http", "asgi": {"spec_version": "2.4"}}, request.receive, send)
    bodies = [message["body"] for message in sent[1:]]
    assert (b"content-length", str(promised).encode()) in sent[0]["headers"]
    assert sum(map(len, bodies)) == came
    assert b"".join(bodies[:3]).startswith(b"abc")
    assert sent[-1].get("more_body", False) == (not whole)


# --- seeds -----------------------------------------------------------------------------------------------------------


async def drawn(seed: int | None) -> list[Any]:
    """Return what a short run with this seed makes up."""
    async with sandboxed(seed=seed) as client:
        me = (await client.get("me")).json()["user_id"]
        answer = await client.get("nothing")
        secret = await register(client, "http://127.0.0.1:1/")
        return [me, answer.headers["X-Request-Id"], secret, await submit(client)]


async def test_a_seed_repeats_a_run_and_without_one_no_two_are_alike() -> None:
    one, same, other, free, freer = [await drawn(seed) for seed in (7, 7, 8, None, None)]
    assert one == same
    for left, right in ((one, other), (free, freer), (one, free)):
        assert not set(left) & set(right)


# --- the command -----------------------------------------------------------------------------------------------------


def test_every_knob_and_every_control_is_in_the_help(processes: Processes) -> None:
    said = processes.run("sandbox", "--help").stdout
    for knobs, prefix in (
        (Knobs, "--"), (ThunderScribeKnobs, "--thunderscribe-"), (TimbrKnobs, "--timbr-"),
        (FishAudioKnobs, "--fishaudio-"), (TimbrAudioKnobs, "--timbr-audio-"),
    ):  # fmt: skip
        for field in fields(knobs):
            assert f"{prefix}{field.name.replace('_', '-')}" in said
    for word in (
        "--seed",
        "/sandbox/faults",
        "/sandbox/requests",
        "/sandbox/uploads",
        "/sandbox/charges",
        "/sandbox/webhooks/enable",
    ):
        assert word in said
    assert "500, 429, slow, malformed, html, truncated, huge, redirect or hang" in said


def test_a_running_sandbox_cuts_swells_and_holds_answers_and_still_ends_at_once(processes: Processes) -> None:
    port = free_port()
    options = ("--attempts", "6", "--wallet", "5", "--fishaudio-no-credits", "429", "--fishaudio-credits", "0.5")
    more = ("--timbr-audio-upload-path", "/v1/audio/upload", "--seed", "1")
    sandbox = processes.start("sandbox", "--port", str(port), *options, *more)
    until(lambda: "sandbox: export" in sandbox.out.read_text(), "the sandbox listens")
    base = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=base, headers={"Authorization": "Bearer tsk_test_a"}, timeout=20) as client:
        until(lambda: client.get("/api/v1/me").status_code == 200, "the sandbox answers")
        assert client.get("/api/v1/me").json()["wallet_balance_usd"] == 5.0
        assert client.post("/timbr-audio/v1/audio/upload").status_code == 200
        poor = client.post("/fishaudio/api/open/speech-to-text", json={"audio_url": "https://example.com/a.mp3"})
        assert (poor.status_code, poor.json()["details"]) == (429, "600 credits are required, 0.5 remain")
        for kind in ("truncated", "huge", "hang"):
            assert client.post("/sandbox/faults", json={"endpoint": "/me", "kind": kind}).status_code == 201
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/api/v1/me")
        with client.stream("GET", "/api/v1/me") as answer:
            assert sum(len(piece) for piece in answer.iter_bytes()) > 64 * 1024 * 1024
        with pytest.raises(httpx.ReadTimeout):
            client.get("/api/v1/me", timeout=0.2)
        until(lambda: not client.get("/sandbox/faults").json()["faults"], "what was held has arrived")
        assert client.get("/api/v1/me").status_code == 200
        head = (
            "POST /api/v1/quotes HTTP/1.1\r\nHost: s\r\nAuthorization: Bearer tsk_test_a\r\nContent-Length: 99\r\n\r\n{"
        )
        with socket.create_connection(("127.0.0.1", port)) as broken:
            broken.sendall(head.encode())
        assert client.post("/api/v1/transcriptions", json=submission()).status_code == 202
    assert sandbox.end() == 0
    assert "Traceback" not in sandbox.log

"""`receiver.sandbox`: the simulated provider does what the provider's documentation says, deliveries included."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import chain, pairwise, repeat
from typing import Any

import httpx
import pytest

from receiver import events, signature
from receiver.events import Event
from receiver.sandbox import EXAMPLE_ID, Sandbox, application
from receiver.sandbox.account import SecondWebhook

URL = "http://sandbox.test"
KEY = "tsk_live_one"
FORMATS = ("youtube", "spotify", "apple_podcasts", "markdown", "clip_ideas", "show_notes", "original")
PIPELINE = "qwen3-asr-flash-filetrans"
ALMOST_AT_ONCE = 200_000.0  # the provider's longest pause takes 50 ms


@asynccontextmanager
async def sandboxed(
    *, speed: float = 6000, second_webhook: SecondWebhook = "replace", key: str | None = KEY
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a new sandbox."""
    sandbox = Sandbox(speed=speed, second_webhook=second_webhook)
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(application(sandbox), raise_app_exceptions=False)
    async with httpx.AsyncClient(base_url=f"{URL}/api/v1/", headers=headers, transport=transport) as client:
        yield client
    await sandbox.close()


class Target:
    """Where deliveries go: a server on the loopback that answers with prepared statuses, then always 200."""

    def __init__(self, *statuses: int) -> None:
        self._statuses: Iterator[int] = chain(statuses, repeat(200))
        self._arrived: asyncio.Queue[tuple[list[tuple[bytes, bytes]], bytes]] = asyncio.Queue()
        self._served: list[asyncio.Task[Any] | None] = []
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Target"]:
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
            yield self
        await asyncio.wait_for(asyncio.gather(*filter(None, self._served)), 5)

    async def next(self) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Return headers and body of the next delivery."""
        return await asyncio.wait_for(self._arrived.get(), 5)

    async def next_event(self) -> dict[str, Any]:
        payload: dict[str, Any] = json.loads((await self.next())[1])
        return payload

    @property
    def more(self) -> int:
        """How many deliveries have arrived that nobody asked for."""
        return self._arrived.qsize()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._served.append(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:-2]]
        headers = [(name.lower(), value) for name, _, value in lines]
        body = await reader.readexactly(int(dict(headers)[b"content-length"]))
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % next(self._statuses))
        self._arrived.put_nowait((headers, body))
        writer.close()
        await writer.wait_closed()


async def register(client: httpx.AsyncClient, url: str) -> str:
    """Register a webhook and return its secret."""
    answer = await client.post("webhooks", json={"url": url})
    assert answer.status_code == 201
    secret: str = answer.json()["signing_secret"]
    return secret


def submission(url: object = "https://youtu.be/x", **more: object) -> dict[str, object]:
    return {"source": "youtube", "url": url, "pipeline_code": PIPELINE, **more}


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


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


async def test_the_61st_request_of_a_key_in_a_minute_is_refused_with_how_long_to_wait() -> None:
    async with sandboxed(speed=1) as client:
        answers = [await client.get("me") for _ in range(61)]
        other = await client.get("me", headers={"Authorization": "Bearer tsk_live_two"})
    assert [a.status_code for a in answers] == [200] * 60 + [429]
    assert error(answers[-1]) == (429, "rate_limited")
    assert 55 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert other.is_success


async def test_the_minute_passes_as_fast_as_everything_else() -> None:
    async with sandboxed(speed=600) as client:  # a minute takes a tenth of a second
        began = time.monotonic()
        answers = [await client.get("me") for _ in range(61)]
        while answers[-1].status_code == 429 and time.monotonic() < began + 5:
            await asyncio.sleep(0.02)
            answers.append(await client.get("me"))
    assert answers[-1].is_success
    assert time.monotonic() - began >= 0.1


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
    """Whoever is refused needs a new key; the same one gets the old refusal although it would succeed now."""
    key = {"Idempotency-Key": "one"}
    async with sandboxed() as client:
        refused = await client.post("webhooks/test", headers=key)
        await register(client, "http://127.0.0.1:1/")
        again = await client.post("webhooks/test", headers=key)
        anew = await client.post("webhooks/test", headers={"Idempotency-Key": "two"})
    assert error(refused) == (404, "not_found")
    assert (again.status_code, again.content) == (404, refused.content)
    assert anew.status_code == 202


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "invalid_request")),
        (b"[]", (400, "invalid_request")),
        (b"[" * 100_000, (400, "invalid_request")),
        ({}, (400, "invalid_request")),
        (submission(source="tape"), (400, "invalid_request")),
        (submission(source=["youtube"]), (400, "invalid_request")),
        (submission(url=""), (400, "invalid_request")),
        (submission(url=5), (400, "invalid_request")),
        (submission(pipeline_code="whisper"), (400, "unsupported_pipeline")),
        (submission(pipeline_code=[PIPELINE]), (400, "unsupported_pipeline")),
        (submission(duration_seconds=0), (400, "invalid_request")),
        (submission(duration_seconds="60"), (400, "invalid_request")),
        ({"source": "upload", "upload_id": "u", "pipeline_code": PIPELINE}, (400, "invalid_request")),
    ],
    ids=lambda case: str(case)[:60] if isinstance(case, bytes | dict) else "",
)
async def test_a_submission_that_makes_no_sense_is_refused(
    body: bytes | dict[str, object], expected: tuple[int, str]
) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with sandboxed() as client:
        assert error(await client.post("transcriptions", content=raw)) == expected


@pytest.mark.parametrize("url", [None, 5, "", "example.com/hook", "ftp://example.com/", ["http://127.0.0.1:1/"]])
async def test_a_webhook_needs_a_web_address(url: object) -> None:
    async with sandboxed() as client:
        assert error(await client.post("webhooks", json={"url": url})) == (400, "invalid_request")


@pytest.mark.parametrize("more", ["", "/result", "/timestamps?format=youtube"])
async def test_another_keys_transcription_is_not_found(more: str) -> None:
    async with sandboxed() as client:
        mine = (await client.post("transcriptions", json=submission())).json()["id"]
        theirs = await client.get(f"transcriptions/{mine}{more}", headers={"Authorization": "Bearer tsk_live_two"})
    assert error(theirs) == (404, "not_found")


@pytest.mark.parametrize("more", ["/result", "/timestamps?format=youtube"])
async def test_what_is_still_processing_is_not_ready_and_says_why(more: str) -> None:
    async with sandboxed(speed=1) as client:
        mine = (await client.post("transcriptions", json=submission())).json()["id"]
        answer = await client.get(f"transcriptions/{mine}{more}")
    assert error(answer) == (409, "not_ready")
    assert answer.json()["error"]["reason"] == "transcription_processing"


@pytest.mark.parametrize("query", ["", "?format=", "?format=tiktok", "?style=punchy"])
async def test_timestamps_need_a_format_that_exists(query: str) -> None:
    async with sandboxed() as client:
        answer = await client.get(f"transcriptions/{EXAMPLE_ID}/timestamps{query}")
    assert error(answer) == (400, "invalid_request")


# --- webhooks --------------------------------------------------------------------------------------------------------


async def test_a_second_webhook_replaces_the_first() -> None:
    async with Target().listening() as old, Target().listening() as new, sandboxed() as client:
        first, second = await register(client, old.url), await register(client, new.url)
        await client.post("webhooks/test")
        headers, body = await new.next()
        assert first != second
        assert signature.verify(headers, body, secrets=[second.encode()], now=time.time()).secret == second.encode()
        assert old.more == 0


async def test_a_second_webhook_is_refused_where_the_provider_does_so() -> None:
    async with sandboxed(second_webhook="409") as client:
        await register(client, "http://127.0.0.1:1/")
        second = await client.post("webhooks", json={"url": "http://127.0.0.1:2/"})
    assert second.status_code == 409


async def test_a_second_webhook_is_the_first_without_its_secret_where_the_provider_does_so() -> None:
    async with sandboxed(second_webhook="same") as client:
        first = (await client.post("webhooks", json={"url": "http://127.0.0.1:1/"})).json()
        second = await client.post("webhooks", json={"url": "http://127.0.0.1:2/"})
    assert second.status_code == 200
    assert second.json() == {k: v for k, v in first.items() if k != "signing_secret"}


# --- deliveries ------------------------------------------------------------------------------------------------------


async def test_a_transcription_completes_and_one_signed_event_says_so() -> None:
    async with Target().listening() as target, sandboxed() as client:
        secret = await register(client, target.url)
        submitted = await client.post("transcriptions", json=submission("https://youtu.be/talk"))
        headers, body = await target.next()
        status = (await client.get(f"transcriptions/{submitted.json()['id']}")).json()
        assert target.more == 0
    assert submitted.status_code == 202
    assert submitted.json() == {
        "id": status["id"], "status": "processing", "stage": "queued", "pipeline_code": PIPELINE, "language": "auto",
        "source": "youtube", "url": "https://youtu.be/talk", "duration_seconds": 3600,
    }  # fmt: skip
    assert signature.verify(headers, body, secrets=[secret.encode()], now=time.time()).secret == secret.encode()
    event = events.read("transcribe.so", body)
    assert isinstance(event, Event)
    assert (event.type, event.transcription.id) == ("transcription.completed", str(status["id"]))
    assert event.created == pytest.approx(time.time(), abs=5)
    assert event.data == {"transcription": status}
    assert set(status) == {
        "id", "status", "stage", "pipeline_code", "language", "source", "title", "duration_seconds", "billed_seconds",
        "charge_usd", "completed_at",
    }  # fmt: skip
    assert (status["status"], status["stage"], status["title"]) == ("completed", "completed", "talk")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", status["completed_at"])


@pytest.mark.parametrize(
    "body",
    [
        submission("https://example.com/this-will-FAIL.mp3"),
        {"source": "upload", "upload_id": "u", "original_filename": "fail.mp3", "pipeline_code": PIPELINE,
         "duration_seconds": 60},
    ],
    ids=["url", "filename"],
)  # fmt: skip
async def test_what_is_called_fail_fails_and_costs_nothing(body: dict[str, object]) -> None:
    async with Target().listening() as target, sandboxed() as client:
        await register(client, target.url)
        submitted = (await client.post("transcriptions", json=body)).json()
        event = await target.next_event()
        result = await client.get(f"transcriptions/{submitted['id']}/result")
    about = event["data"]["transcription"]
    assert (event["event"], about["id"], about["status"]) == ("transcription.failed", submitted["id"], "failed")
    assert (about["charge_usd"], about["error"]) == (0.0, "The media could not be decoded.")
    assert error(result) == (409, "not_ready")
    assert result.json()["error"]["reason"] == "transcription_failed"


async def test_a_test_event_names_no_transcription() -> None:
    async with Target().listening() as target, sandboxed() as client:
        await register(client, target.url)
        await client.post("webhooks/test")
        event = events.read("transcribe.so", (await target.next())[1])
    assert isinstance(event, Event)
    assert (event.type, event.transcription.id) == ("webhook.test", None)


@pytest.mark.parametrize("status", [199, 302, 400, 401, 404, 410, 500, 503])
async def test_what_is_not_taken_is_delivered_again_with_the_same_id_and_body(status: int) -> None:
    async with Target(status, status).listening() as target, sandboxed(speed=ALMOST_AT_ONCE) as client:
        await register(client, target.url)
        await client.post("webhooks/test")
        bodies = [(await target.next())[1] for _ in range(3)]
    assert len(set(bodies)) == 1


async def test_after_five_failures_the_webhook_is_off_for_every_event(caplog: pytest.LogCaptureFixture) -> None:
    async with Target(*[500] * 5).listening() as target, sandboxed(speed=ALMOST_AT_ONCE) as client:
        await register(client, target.url)
        await client.post("webhooks/test")
        assert len({(await target.next_event())["id"] for _ in range(5)}) == 1
        await until_logged(caplog, "is switched off after 5 failures in a row")
        await client.post("webhooks/test")
        await until_logged(caplog, "is not delivered")
        assert target.more == 0


async def test_failures_of_different_events_count_together(caplog: pytest.LogCaptureFixture) -> None:
    """Five events in one short outage are enough."""
    async with Target(*[500] * 100).listening() as target, sandboxed(speed=120) as client:
        await register(client, target.url)
        for _ in range(5):
            await client.post("webhooks/test")
        assert len({(await target.next_event())["id"] for _ in range(5)}) == 5
        await until_logged(caplog, "is not delivered")  # the first of the five, when its first pause is over
        assert target.more == 0


async def test_a_success_resets_the_count_of_failures() -> None:
    async with Target(*[500] * 4, 200, *[500] * 4).listening() as target, sandboxed(speed=ALMOST_AT_ONCE) as client:
        await register(client, target.url)
        ids = []
        for _ in range(2):
            await client.post("webhooks/test")
            ids.append([(await target.next_event())["id"] for _ in range(5)])
    assert [len(set(five)) for five in ids] == [1, 1]
    assert ids[0] != ids[1]


async def test_a_target_that_does_not_answer_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    async with sandboxed(speed=ALMOST_AT_ONCE) as client:
        await register(client, "http://127.0.0.1:1/")
        await client.post("webhooks/test")
        await until_logged(caplog, "is switched off after 5 failures in a row")


async def until_logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    async with asyncio.timeout(5):
        while text not in caplog.text:  # noqa: ASYNC110 - a log has no event to wait for
            await asyncio.sleep(0.01)


# --- content ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
async def test_timestamps_have_the_fields_of_the_documentation(name: str) -> None:
    async with sandboxed() as client:
        stamps = (await client.get(f"transcriptions/{EXAMPLE_ID}/timestamps?format={name}")).json()
    assert set(stamps) == {
        "format", "style", "text", "char_count", "items_used", "items_total", "truncated", "ok_to_paste", "warnings",
        "constraints", "source",
    }  # fmt: skip
    assert set(stamps["constraints"]) == {
        "maxChars", "minChapters", "firstMustBeZero", "minSpacingSeconds", "titleCap", "label",
    }  # fmt: skip
    assert set(stamps["source"]) == {"kind", "generated_at", "model", "regen_count", "available_styles"}
    assert (stamps["format"], stamps["style"], stamps["ok_to_paste"]) == (name, "balanced", True)
    assert stamps["char_count"] == len(stamps["text"]) <= stamps["constraints"]["maxChars"]
    assert stamps["items_used"] <= stamps["items_total"]


@pytest.mark.parametrize("name", ["youtube", "spotify", "apple_podcasts", "original"])
async def test_pasted_timestamps_begin_at_zero_and_grow(name: str) -> None:
    async with sandboxed() as client:
        stamps = (await client.get(f"transcriptions/{EXAMPLE_ID}/timestamps?format={name}")).json()
    clocks = [line.split(" ", 1)[0].split(":") for line in stamps["text"].splitlines()]
    seconds = [sum(int(part) * 60**place for place, part in enumerate(reversed(clock))) for clock in clocks]
    assert seconds[0] == 0
    gaps = [later - earlier for earlier, later in pairwise(seconds)]
    assert min(gaps) >= stamps["constraints"]["minSpacingSeconds"]
    assert len(seconds) == stamps["items_used"]


async def test_clip_ideas_are_three() -> None:
    async with sandboxed() as client:
        stamps = (await client.get(f"transcriptions/{EXAMPLE_ID}/timestamps?format=clip_ideas")).json()
    assert stamps["items_used"] == len(stamps["text"].splitlines()) == 3
    assert stamps["items_total"] > 3


async def test_a_style_that_was_never_made_is_refused_with_those_that_were() -> None:
    async with sandboxed() as client:
        answer = await client.get(f"transcriptions/{EXAMPLE_ID}/timestamps?format=youtube&style=educational")
        punchy = await client.get(f"transcriptions/{EXAMPLE_ID}/timestamps?format=youtube&style=punchy")
    assert error(answer) == (409, "not_ready")
    assert answer.json()["error"]["available_styles"] == ["balanced", "punchy"]
    assert answer.json()["error"]["requested_style"] == "educational"
    assert punchy.json()["style"] == "punchy"


@pytest.mark.parametrize("name", ["show_notes", "original"])
async def test_formats_without_curated_titles_ignore_the_style(name: str) -> None:
    async with sandboxed() as client:
        texts = [
            (await client.get(f"transcriptions/{EXAMPLE_ID}/timestamps?format={name}&style={style}")).json().get("text")
            for style in ("balanced", "punchy", "educational")
        ]
    assert texts[0]
    assert texts == [texts[0]] * 3


async def test_a_result_has_everything_a_podcast_has() -> None:
    async with sandboxed() as client:
        result, again = [(await client.get(f"transcriptions/{EXAMPLE_ID}/result")).json() for _ in range(2)]
    assert set(result) == {"id", "status", "segments", "chapters", "sections", "qna"}
    assert len(result["segments"]) > 100
    assert set(result["segments"][0]) >= {"start_seconds", "end_seconds", "text"}
    assert set(result["chapters"][0]) == {"start_seconds", "end_seconds", "title", "summary"}
    assert set(result["sections"][0]) == {"section_index", "title", "summary", "start_seconds"}
    assert set(result["qna"][0]) == {"question", "answer", "citations"}
    assert [s["section_index"] for s in result["sections"]] == list(range(len(result["sections"])))
    for earlier, later in pairwise(result["segments"]):
        assert earlier["end_seconds"] == later["start_seconds"] < later["end_seconds"]
    assert result == again


async def test_the_documented_example_exists_for_every_key() -> None:
    async with sandboxed() as client:
        for key in ("tsk_live_one", "tsk_test_two"):
            answer = await client.get("transcriptions/4821", headers={"Authorization": f"Bearer {key}"})
            assert (answer.json()["id"], answer.json()["status"]) == (4821, "completed")


async def test_two_sandboxes_give_different_ids() -> None:
    """A data folder that met one sandbox must not take another's transcription for one that it knows."""
    ids: set[int] = set()
    for _ in range(2):
        async with sandboxed(speed=1) as client:
            ids |= {(await client.post("transcriptions", json=submission())).json()["id"] for _ in range(3)}
    assert len(ids) == 6
    assert all(0 < i < 2**63 for i in ids)

"""`receiver.sandbox.transcribe_so`: submitting, paying, following, listing, retrying, deleting."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import httpx
import pytest

from receiver import signature
from receiver.sandbox import EXAMPLE_ID, Knobs
from receiver.sandbox.transcribe_so.pipelines import price
from receiver.sandbox.transcribe_so.transcription import SimulatedTranscription
from tests.sandbox.simulated import (
    PIPELINE,
    Target,
    ended,
    error,
    hold_transcriptions,
    made,
    register,
    sandboxed,
    submission,
    submit,
)

# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "invalid_request")),
        (b"[]", (400, "invalid_request")),
        (b"[" * 100_000, (400, "invalid_request")),
        (b'{"source": "youtube", "url": "https://youtu.be/\\ud800"}', (400, "invalid_request")),
        ({}, (400, "invalid_request")),
        (submission(source="tape"), (400, "invalid_request")),
        (submission(source=["youtube"]), (400, "invalid_request")),
        (submission(url=""), (400, "invalid_request")),
        (submission(url=5), (400, "invalid_request")),
        (submission(pipeline_code="whisper"), (400, "unsupported_pipeline")),
        (submission(pipeline_code=[PIPELINE]), (400, "unsupported_pipeline")),
        (submission(duration_seconds=0), (400, "invalid_request")),
        (submission(duration_seconds="60"), (400, "invalid_request")),
        (submission(duration_seconds=True), (400, "invalid_request")),
        (submission(duration_seconds=-0.5), (400, "invalid_request")),
        (submission(duration_seconds=1e30), (400, "invalid_request")),
        (b'{"source": "youtube", "url": "https://youtu.be/x", "duration_seconds": NaN}', (400, "invalid_request")),
        (b'{"source": "youtube", "url": "https://youtu.be/x", "max_charge_usd": NaN}', (400, "invalid_request")),
        (submission(url="ftp://example.com/a.mp3"), (400, "invalid_request")),
        (submission(language=5), (400, "invalid_request")),
        (submission(callback_url="example.com"), (400, "invalid_request")),
        (submission(max_charge_usd="1"), (400, "invalid_request")),
        (submission(max_charge_usd=-1), (400, "invalid_request")),
        (submission(pipeline_code=None), (400, "unsupported_pipeline")),
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
        assert error(await client.post("quotes", content=raw)) == expected


@pytest.mark.parametrize("more", ["", "/result", "/timestamps?format=youtube", "/wait", "/subtitles"])
async def test_another_keys_transcription_is_not_found(more: str) -> None:
    async with sandboxed() as client:
        mine = (await client.post("transcriptions", json=submission())).json()["id"]
        theirs = await client.get(f"transcriptions/{mine}{more}", headers={"Authorization": "Bearer tsk_live_two"})
    assert error(theirs) == (404, "not_found")


@pytest.mark.parametrize("more", ["/result", "/timestamps?format=youtube", "/subtitles"])
async def test_what_is_still_processing_is_not_ready_and_says_why(more: str) -> None:
    async with sandboxed(speed=1) as client:
        mine = (await client.post("transcriptions", json=submission())).json()["id"]
        answer = await client.get(f"transcriptions/{mine}{more}")
    assert error(answer) == (409, "not_ready")
    assert answer.json()["error"]["reason"] == "transcription_processing"


# --- submitting and paying -------------------------------------------------------------------------------------------


async def test_a_submission_is_acknowledged_as_documented() -> None:
    async with sandboxed(speed=1) as client:
        submitted = await client.post("transcriptions", json=submission("https://youtu.be/talk", duration_seconds=1234))
    assert submitted.status_code == 202
    shown = submitted.json()
    assert 0 < shown.pop("id") < 2**63
    assert shown == {
        "status": "processing", "stage": "queued", "pipeline_code": PIPELINE, "language": "auto", "source": "youtube",
        "url": "https://youtu.be/talk", "duration_seconds": 1234, "billed_minutes": 20.6, "retail_usd": 0.7457,
    }  # fmt: skip


@pytest.mark.parametrize("source", ["youtube", "external_url", "platform_url"])
async def test_an_address_needs_neither_pipeline_nor_language_nor_duration(source: str) -> None:
    async with sandboxed(speed=1) as client:
        answer = await client.post("transcriptions", json={"source": source, "url": "https://example.com/a.mp3"})
    assert answer.status_code == 202
    assert (answer.json()["pipeline_code"], answer.json()["language"]) == (PIPELINE, "auto")
    assert answer.json()["duration_seconds"] == 3600


async def test_a_missing_duration_is_refused_in_the_documented_words() -> None:
    async with sandboxed() as client:
        answer = await client.post("transcriptions", json={"source": "upload", "upload_id": "u"})
    assert "duration_seconds (>0)" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("pipeline", "seconds", "minutes", "usd"),
    [
        (PIPELINE, 60, 1.0, 0.0362),
        (PIPELINE, 60.5, 1.1, 0.0398),
        (PIPELINE, 0.01, 0.1, 0.0036),
        ("gpt-4o-transcribe-diarize", 3600, 60.0, 3.228),
        ("voxtral-mini-transcribe", 3600, 60.0, 1.122),
    ],
)
async def test_a_quote_is_what_the_submission_then_costs(
    pipeline: str, seconds: float, minutes: float, usd: float
) -> None:
    body = submission(pipeline_code=pipeline, duration_seconds=seconds)
    async with sandboxed(speed=1) as client:
        rates = {p["code"]: p["retail_usd_per_min"] for p in (await client.get("pipelines")).json()["pipelines"]}
        quoted = await client.post("quotes", json=body)
        before = (await client.get("me")).json()
        submitted = (await client.post("transcriptions", json=body)).json()
        after = (await client.get("me")).json()
    assert quoted.status_code == 200
    assert (quoted.json()["billed_minutes"], quoted.json()["retail_usd"]) == (minutes, usd)
    assert (submitted["billed_minutes"], submitted["retail_usd"]) == (minutes, usd)
    assert usd == round(minutes * rates[pipeline], 4)
    assert funds(before) - funds(after) == pytest.approx(usd)
    assert submitted["id"] != quoted.json()["transcription_id"]


async def test_a_quoted_row_shows_and_never_starts() -> None:
    async with sandboxed() as client:
        quoted = (await client.post("quotes", json=submission())).json()["transcription_id"]
        await made(client, "https://youtu.be/meanwhile")
        shown = (await client.get(f"transcriptions/{quoted}")).json()
        waited = (await client.get(f"transcriptions/{quoted}/wait?timeout=45")).json()
        refusals = [await client.get(f"transcriptions/{quoted}/{more}") for more in ("result", "subtitles")]
    assert (shown["status"], shown["completed_at"], shown["charge_usd"]) == ("quoted", None, 0.0)
    assert waited["status"] == "quoted"
    assert [(*error(r), r.json()["error"]["reason"]) for r in refusals] == [(409, "not_ready", "not_started")] * 2


async def test_the_monthly_credit_is_spent_before_the_balance() -> None:
    async with sandboxed(speed=1) as client:
        await submit(client, duration_seconds=60)
        first = (await client.get("me")).json()
        await submit(client, duration_seconds=300)
        second = (await client.get("me")).json()
    assert (first["monthly_credit_remaining_usd"], first["wallet_balance_usd"]) == (0.0638, 97.55)
    assert (second["monthly_credit_remaining_usd"], second["wallet_balance_usd"]) == (0.0, 97.4328)


async def test_what_the_wallet_does_not_cover_is_refused_and_nothing_is_taken() -> None:
    async with sandboxed(speed=1, knobs=Knobs(wallet=2.0)) as client:
        refused = await client.post("transcriptions", json=submission())
        quoted = await client.post("quotes", json=submission())
        whole = (await client.get("me")).json()
        await submit(client, duration_seconds=3480)
        rest = (await client.get("me")).json()
    assert error(refused) == (402, "insufficient_funds")
    assert quoted.is_success
    assert funds(whole) == pytest.approx(2.1)
    assert funds(rest) == pytest.approx(0.0004)


async def test_a_charge_over_the_ceiling_is_refused_before_anything_is_charged() -> None:
    async with sandboxed(speed=1) as client:
        refused = await client.post("transcriptions", json=submission(max_charge_usd=2.17))
        whole = (await client.get("me")).json()
        rows = (await client.get("transcriptions")).json()["data"]
        exact = await client.post("transcriptions", json=submission(max_charge_usd=2.172))
    assert error(refused) == (402, "max_charge_exceeded")
    assert funds(whole) == pytest.approx(97.65)
    assert [row["id"] for row in rows] == [EXAMPLE_ID]
    assert exact.status_code == 202


def funds(account: dict[str, Any]) -> float:
    return float(account["wallet_balance_usd"] + account["monthly_credit_remaining_usd"])


# --- following -------------------------------------------------------------------------------------------------------


async def test_a_wait_is_answered_when_the_transcription_ends_or_its_window_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = hold_transcriptions(monkeypatch)
    async with sandboxed(speed=120) as client:  # it is looked at through windows of 8 and 375 ms
        number = await submit(client)
        first = (await client.get(f"transcriptions/{number}/wait?timeout=1&include=chapters")).json()
        over.set()
        second = await ended(client, number, "&include=chapters,acts")
    assert (first["status"], first["_timed_out"]) == ("processing", True)
    assert 0 <= first["progress"] < 100
    assert first["stage"] in ("queued", "transcribing", "analyzing")
    assert (second["status"], second["progress"]) == ("completed", 100)
    assert second["chapters"]
    assert second["acts"]
    assert "segments" not in second


async def test_a_wait_without_include_holds_no_sections() -> None:
    async with sandboxed() as client:
        shown = (await client.get(f"transcriptions/{EXAMPLE_ID}/wait")).json()
    assert shown["status"] == "completed"
    assert not {"segments", "chapters", "sections", "qna"} & set(shown)


@pytest.mark.parametrize(
    "query", ["timeout=46", "timeout=-1", "timeout=x", "timeout=1.5", "timeout=", "include=chapters,lyrics"]
)
async def test_a_wait_that_makes_no_sense_is_refused(query: str) -> None:
    async with sandboxed() as client:
        answer = await client.get(f"transcriptions/{EXAMPLE_ID}/wait?{query}")
    assert error(answer) == (400, "invalid_request")


async def test_what_is_cancelled_has_no_result_and_says_why() -> None:
    async with Target().listening() as target, sandboxed() as client:
        await register(client, target.url)
        number = await submit(client, "https://youtu.be/cancel")
        shown = await ended(client, number)
        answer = await client.get(f"transcriptions/{number}/result")
        await client.post("webhooks/test")
        assert (await target.next_event())["event"] == "webhook.test"
    assert shown["status"] == "cancelled"
    assert answer.json()["error"]["reason"] == "transcription_cancelled"


async def test_a_float_duration_stays_one() -> None:
    async with sandboxed() as client:
        number = await made(client, "https://youtu.be/x", duration_seconds=61.25)
        shown = (await client.get(f"transcriptions/{number}")).json()
        result = (await client.get(f"transcriptions/{number}/result")).json()
    assert (shown["duration_seconds"], shown["billed_seconds"]) == (61.25, 66)
    assert result["segments"][-1]["end_seconds"] == 61.25


# --- listing ---------------------------------------------------------------------------------------------------------


async def test_pages_are_newest_first_and_end_without_a_cursor() -> None:
    async with sandboxed() as client:
        ids = []
        for _ in range(3):
            ids.append(await submit(client))
            await moment_passes(client)
        pages, cursor = [], ""
        while cursor is not None:
            page = (
                await client.get("transcriptions", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
            ).json()
            pages.append([row["id"] for row in page["data"]])
            cursor = page["next_cursor"]
    assert pages == [[ids[2], ids[1]], [ids[0], EXAMPLE_ID]]


async def test_a_cursor_is_the_time_of_the_pages_last_item_and_ends_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Items of the same time can be split at the edge of a page, so a client must overlap its pages."""
    async with sandboxed() as client:
        first = await submit(client)
        await moment_passes(client)
        with monkeypatch.context() as patched:
            patched.setattr("receiver.sandbox.transcribe_so.submission.datetime", stopped_clock(datetime.now(UTC)))
            tied = {await submit(client) for _ in range(2)}
        page = (await client.get("transcriptions?limit=1")).json()
        after = (await client.get("transcriptions", params={"cursor": page["next_cursor"]})).json()
        rows = {row["id"]: row for row in (await client.get("transcriptions")).json()["data"]}
    assert page["next_cursor"] == page["data"][0]["created_at"]
    assert page["data"][0]["id"] in tied
    assert len({rows[number]["created_at"] for number in tied}) == 1
    assert not tied & {row["id"] for row in after["data"]}
    assert first in {row["id"] for row in after["data"]}


@pytest.mark.parametrize("cursor", ["2026-04-29T14:24:27.969Z", "2026-04-29T16:24:27.969+02:00", "2026-04-29T14:24:28"])
async def test_a_cursor_may_be_any_iso_time(cursor: str) -> None:
    async with sandboxed() as client:
        await submit(client)
        rows = (await client.get("transcriptions", params={"cursor": cursor})).json()["data"]
    assert [row["id"] for row in rows] == [EXAMPLE_ID]


async def test_a_plus_that_nobody_escaped_is_still_a_time_zone() -> None:
    async with sandboxed() as client:
        answer = await client.get("transcriptions?cursor=2026-04-29T14:24:27.969+00:00")
    assert [row["id"] for row in answer.json()["data"]] == [EXAMPLE_ID]


async def test_the_api_may_be_asked_for_its_own_jobs_only() -> None:
    async with sandboxed() as client:
        number = await submit(client)
        own, every = [(await client.get(f"transcriptions?api_only={v}")).json()["data"] for v in ("true", "false")]
    assert [row["id"] for row in own] == [number]
    assert {row["id"] for row in every} == {number, EXAMPLE_ID}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=", "limit=1e2", "cursor=yesterday", "cursor=", "api_only=1"]
)
async def test_a_page_that_makes_no_sense_is_refused(query: str) -> None:
    async with sandboxed() as client:
        assert error(await client.get(f"transcriptions?{query}")) == (400, "invalid_request")


async def moment_passes(client: httpx.AsyncClient) -> None:
    """Wait until a new transcription would be of a later millisecond."""
    newest = (await client.get("transcriptions?limit=1")).json()["data"][0]["created_at"]
    latest = datetime.fromisoformat(newest) + timedelta(milliseconds=1)
    while datetime.now(UTC) <= latest:  # noqa: ASYNC110 - a clock has no event to wait for
        await asyncio.sleep(0.001)


def stopped_clock(moment: datetime) -> type[datetime]:
    """Return a `datetime` for which it is always `moment`."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Stopped":
            return cls.fromtimestamp(moment.timestamp(), tz)

    return Stopped


# --- retrying and deleting -------------------------------------------------------------------------------------------


async def test_a_retry_ends_anew_with_a_new_event_and_is_charged_again() -> None:
    async with Target().listening() as target, sandboxed() as client:
        await register(client, target.url)
        number = await submit(client, "https://youtu.be/fail-once")
        first = await target.next_event()
        before = (await client.get("me")).json()
        await moment_passes(client)
        retried = await client.post(f"transcriptions/{number}/retry")
        second = await target.next_event()
        after = (await client.get("me")).json()
        again = await client.post(f"transcriptions/{number}/retry")
    assert (retried.status_code, retried.json()["id"], retried.json()["status"]) == (202, number, "processing")
    assert (first["event"], second["event"]) == ("transcription.failed", "transcription.completed")
    assert first["id"] != second["id"]
    ends = [event["data"]["transcription"]["completed_at"] for event in (first, second)]
    assert ends[0] < ends[1]
    assert "error" not in second["data"]["transcription"]
    assert funds(before) - funds(after) == pytest.approx(2.172)
    assert error(again) == (400, "invalid_request")


def test_what_is_retried_has_neither_ended_nor_failed() -> None:
    now = datetime.now(UTC)
    item = SimulatedTranscription(1, "youtube", "fail", PIPELINE, "auto", 60, price(PIPELINE, 60), now)
    item.start(0.0)
    item.end(now)
    assert item.to_json(1.0, speed=1, knobs=Knobs())["error"]
    item.start(10.0)
    shown = item.to_json(16.0, speed=1, knobs=Knobs())
    assert (shown["status"], shown["stage"], shown["progress"]) == ("processing", "transcribing", 10)
    assert shown["completed_at"] is None
    assert "error" not in shown


async def test_a_retry_that_cannot_be_paid_starts_nothing() -> None:
    async with sandboxed(knobs=Knobs(wallet=2.2)) as client:
        number = await submit(client, "https://youtu.be/fail")
        await ended(client, number)
        refused = await client.post(f"transcriptions/{number}/retry")
        shown = (await client.get(f"transcriptions/{number}")).json()
    assert error(refused) == (402, "insufficient_funds")
    assert shown["status"] == "failed"


async def test_what_is_deleted_is_gone_and_never_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    over = hold_transcriptions(monkeypatch)
    async with Target().listening() as target, sandboxed() as client:
        await register(client, target.url)
        gone, kept = await submit(client), await submit(client)
        deleted = await client.delete(f"transcriptions/{gone}")
        after = [await client.get(f"transcriptions/{gone}"), await client.delete(f"transcriptions/{gone}")]
        over.set()
        assert (await target.next_event())["data"]["transcription"]["id"] == kept
        assert target.more == 0
    assert (deleted.status_code, deleted.json()) == (200, {"id": gone, "deleted": True})
    assert [error(answer) for answer in after] == [(404, "not_found")] * 2


async def test_what_is_deleted_while_someone_waits_for_it_is_not_found() -> None:
    async with sandboxed(speed=60) as client:
        number = await submit(client)
        waiting = asyncio.create_task(client.get(f"transcriptions/{number}/wait"))
        await asyncio.sleep(0)
        await client.delete(f"transcriptions/{number}")
        assert error(await waiting) == (404, "not_found")


# --- callbacks -------------------------------------------------------------------------------------------------------


async def test_a_callback_gets_the_same_event_signed_with_its_own_secret() -> None:
    async with Target().listening() as target, Target().listening() as own, sandboxed() as client:
        secret = await register(client, target.url)
        answer = await client.post("transcriptions", json=submission(callback_url=own.url))
        callback = answer.json()["callback"]
        (_, body), (headers, same) = await target.next(), await own.next()
        assert (target.more, own.more) == (0, 0)
    assert callback["url"] == own.url
    assert callback["secret"] != secret
    assert json.loads(body) == json.loads(same)
    proof = signature.verify(headers, same, secrets=[callback["secret"].encode()], now=time.time())
    assert proof.secret == callback["secret"].encode()


async def test_a_callback_that_fails_is_tried_as_often_and_switches_nothing_off() -> None:
    async with (
        Target().listening() as target,
        Target(*[500] * 6).listening() as own,
        sandboxed(speed=2_000_000, knobs=Knobs(attempts=6)) as client,
    ):
        await register(client, target.url)
        await submit(client, callback_url=own.url)
        assert len({(await own.next_event())["id"] for _ in range(6)}) == 1
        await target.next_event()
        webhook = (await client.get("webhooks")).json()
        assert own.more == 0
    assert (webhook["enabled"], webhook["consecutive_failures"]) == (True, 0)

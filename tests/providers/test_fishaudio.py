"""`receiver.providers.fishaudio`: its orders, answers and refusals, at the simulated one."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from receiver.errors import InvalidRequest, PaymentRequired, ProviderError, ProviderUnavailable, RateLimited
from receiver.providers import FishAudio
from receiver.providers.fishaudio import Transcribe, refusal
from receiver.providers.orders import Answered, Order
from receiver.sandbox import FishAudioKnobs, Knobs, Sandbox, application
from receiver.submissions.moves import State, after
from tests.providers.scripted import Provider, shown, turns_enough
from tests.sandbox.simulated import URL

AT_ONCE = 1e7
KEY = SecretStr("fish_never_to_be_shown")
TALK = "https://example.org/talk.mp3"


def client(transport: httpx.AsyncBaseTransport) -> FishAudio:
    """Return a client that would try again if it could."""
    turns = turns_enough()
    return FishAudio(f"{URL}/fishaudio", KEY, budget=turns, transport=transport, retries=(0, 0))


@asynccontextmanager
async def simulated(**knobs: Any) -> AsyncIterator[tuple[FishAudio, Sandbox]]:
    sandbox = Sandbox(speed=AT_ONCE, knobs=Knobs(fishaudio=FishAudioKnobs(**knobs)), seed=None)
    async with client(httpx.ASGITransport(application(sandbox), raise_app_exceptions=False)) as api:
        yield api, sandbox
    await sandbox.close()


async def start(api: FishAudio, url: str = TALK, **wishes: Any) -> Answered:
    answered = await api.start(Order("transcription", Transcribe.model_validate(wishes), url=url))
    assert isinstance(answered, Answered)
    return answered


def said(answer: object) -> list[tuple[float, float, str]]:
    """Return the segments that are read in an answer."""
    raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    found = FishAudio.transcript("transcription", raw).segments
    return [(segment.start_seconds, segment.end_seconds, segment.text) for segment in found]


async def test_an_order_is_answered_with_the_transcript_and_says_what_was_charged() -> None:
    async with simulated() as (api, sandbox):
        answered = await start(api, language="en", file_name="talk.mp3")
        (charge,) = sandbox.charges
    assert (answered.charged, FishAudio.unit) == (charge.amount, charge.unit)
    assert len(said(answered.raw)) > 1


@pytest.mark.parametrize("segments", ["empty", "absent"])
@pytest.mark.parametrize("duration", ["s", "ms"])
async def test_a_text_alone_is_one_segment_as_long_as_the_recording(segments: str, duration: str) -> None:
    async with simulated() as (api, _):
        timed = said((await start(api)).raw)
    async with simulated(segments=segments, duration=duration) as (api, _):
        ((begin, end, text),) = said((await start(api)).raw)
    assert (begin, end) == (0, timed[-1][1])
    assert text == " ".join(part for _, _, part in timed)


@pytest.mark.parametrize(("answer", "segments"), [
    ({"text": "Yes.", "duration": "2.5"}, [(0, 2.5, "Yes.")]),
    ({"text": "Yes.", "duration": 90_000, "credits_used": 20}, [(0, 90, "Yes.")]),
    ({"text": "Yes.", "duration": 90, "credits_used": 20}, [(0, 90, "Yes.")]),
    ({"text": "Yes.", "duration": 7200, "credits_used": 0}, [(0, 7200, "Yes.")]),
    ({"text": "Yes.", "duration": None}, [(0, 0, "Yes.")]),
    ({"text": " ", "duration": 9, "segments": []}, []),
    ({"text": "Yes.", "duration": 2, "segments": [{"text": "Yes."}]}, [(0, 2, "Yes.")]),
    ({"text": "Yes.", "duration": 2, "segments": [{"text": "Yes.", "start": 1, "end": "1.5"}]}, [(1, 1.5, "Yes.")]),
    ({"text": "Yes.", "duration": 2, "segments": [{"text": "Yes.", "start": 1, "end": 0}]}, [(1, 1, "Yes.")]),
    ({"segments": [{"text": "Ah,"}, {"text": "yes."}, 5, {"words": []}], "duration": 2}, [(0, 2, "Ah, yes.")]),
])  # fmt: skip
def test_an_answer_is_read_into_what_it_tells(answer: object, segments: list[tuple[float, float, str]]) -> None:
    assert said(answer) == segments


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"5", b'{"error": "Busy"}', b'{"text": null, "segments": [5]}'])
async def test_an_answer_without_a_text_is_no_transcript_and_nobody_knows_what_was_done(raw: bytes) -> None:
    provider = Provider(httpx.Response(200, content=raw))
    async with client(httpx.MockTransport(provider)) as api:
        answered = await start(api)
        with pytest.raises(ProviderUnavailable) as raised:
            api.transcript("transcription", answered.raw)
    assert (raised.value.code, after(raised.value), len(provider.asked)) == ("malformed_answer", State.UNKNOWN, 1)


@pytest.mark.parametrize("kind", ["html", "500", "redirect"])
async def test_an_order_whose_answer_is_lost_is_never_sent_again(kind: str) -> None:
    async with simulated() as (api, sandbox):
        sandbox.faults.plan({"endpoint": "/speech-to-text", "kind": kind})
        with pytest.raises(ProviderUnavailable) as raised:
            await start(api)
        assert (len(sandbox.asked), len(sandbox.charges)) == (1, kind != "500")
    assert after(raised.value) is State.UNKNOWN


@pytest.mark.parametrize("status", [402, 429])
async def test_without_credits_a_payment_is_missing_whichever_status_says_so(status: int) -> None:
    async with simulated(no_credits=status, credits=1) as (api, sandbox):
        with pytest.raises(PaymentRequired, match="Insufficient credits") as raised:
            await start(api)
        assert sandbox.charges == []
    assert (raised.value.status, after(raised.value)) == (status, State.UPLOADED)


async def test_what_comes_too_fast_waits_as_told() -> None:
    async with simulated() as (api, sandbox):
        sandbox.faults.plan({"endpoint": "/speech-to-text", "kind": "429"})
        with pytest.raises(RateLimited) as raised:
            await start(api)
    assert raised.value.of_every_request


@pytest.mark.parametrize(("body", "kind"), [
    ({"error": "Rate limit exceeded"}, RateLimited),
    ({"error": "Too Many Requests", "code": "rate_limited"}, RateLimited),
    ({}, RateLimited),
    ({"error": "No", "remaining_quota": 0}, PaymentRequired),
    ({"error": "No", "required_quota": 10}, PaymentRequired),
    ({"error": "No", "code": "INSUFFICIENT_BALANCE"}, PaymentRequired),
    ({"error": "No", "details": "10 Credits are required"}, PaymentRequired),
    ({"error": "Monthly quota exceeded"}, PaymentRequired),
])  # fmt: skip
def test_a_429_is_about_money_if_it_says_so(body: object, kind: type[ProviderError]) -> None:
    error = refusal(429, {}, json.dumps(body).encode())
    assert isinstance(error, kind)
    assert error.code == "http_429"


@pytest.mark.parametrize(
    ("name", "status", "words"), [("fail", 400, "audio_url is no recording"), ("hundred-hours", 413, "too large")]
)
async def test_what_it_refuses_is_billed_to_nobody(name: str, status: int, words: str) -> None:
    async with simulated() as (api, sandbox):
        with pytest.raises(InvalidRequest, match=words) as raised:
            await start(api, f"https://example.org/{name}.mp3")
        assert sandbox.charges == []
    assert (raised.value.status, after(raised.value)) == (status, State.FAILED)


async def test_the_key_goes_into_the_header_alone_and_is_never_shown() -> None:
    echo = httpx.Response(400, json={"error": KEY.get_secret_value(), "details": f"token {KEY.get_secret_value()}"})
    provider = Provider(echo)
    async with client(httpx.MockTransport(provider)) as api:
        with pytest.raises(InvalidRequest) as raised:
            await start(api)
    (request,) = provider.asked
    assert json.loads(request.content) == {"audio_url": TALK, "language": "auto", "ignore_timestamps": False}
    assert request.headers["Authorization"] == f"Bearer {KEY.get_secret_value()}"
    assert KEY.get_secret_value() not in shown(raised.value)


@pytest.mark.parametrize("wishes", [{"language": "it"}, {"token": "x"}, {"file_name": ""}])
def test_an_option_that_does_not_exist_is_refused_here(wishes: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Transcribe.model_validate(wishes)


@pytest.mark.parametrize(("seconds", "price"), [(None, None), (60, 10), (61, 20)])
def test_a_minute_that_has_begun_is_estimated(seconds: float | None, price: float | None) -> None:
    assert FishAudio.estimate("transcription", seconds) == price


@pytest.mark.parametrize(("answer", "left"), [
    ({"api_quota_remaining": 9.5}, 9.5), ({"data": {"api_quota_remaining": "7"}}, 7), ({}, None), ([], None),
    ({"api_quota_remaining": True}, None), ({"api_quota_remaining": "much"}, None),
])  # fmt: skip
async def test_the_balance_is_what_the_profile_says(answer: object, left: float | None) -> None:
    provider = Provider(httpx.Response(200, json=answer))
    async with client(httpx.MockTransport(provider)) as api:
        assert await api.balance() == left
    assert provider.asked[0].url.path == "/fishaudio/api/open/profile"


async def test_a_site_without_profiles_tells_no_balance() -> None:
    async with simulated() as (api, _):
        assert await api.balance() is None

"""Every documented refusal of the provider arrives as its own error, with everything that the envelope says."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from receiver.errors import (
    InsufficientFunds,
    InvalidRequest,
    NotFound,
    PaymentRequired,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    Unauthenticated,
)
from receiver.providers import Recording, TranscribeSo
from receiver.providers.budget import OwnBudget
from receiver.providers.rate import MINUTE, Rate
from receiver.providers.transcribe_so import NotReady
from receiver.sandbox import EXAMPLE_ID, Sandbox, application

SPEED = 6000
DOCS = "https://transcribe.so/developers/docs"
KEYS = "https://transcribe.so/settings/api-keys"


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    simulated = Sandbox(speed=SPEED)
    yield simulated
    await simulated.close()


@pytest_asyncio.fixture
async def slow() -> AsyncIterator[Sandbox]:
    """Yield a sandbox in real time."""
    simulated = Sandbox(speed=1)
    yield simulated
    await simulated.close()


@pytest_asyncio.fixture
async def api(sandbox: Sandbox) -> AsyncIterator[TranscribeSo]:
    async with client(sandbox) as one:
        yield one


def client(sandbox: Sandbox, key: str = "tsk_live_one") -> TranscribeSo:
    turns = OwnBudget(Rate.of(60, minute=MINUTE / SPEED))
    transport = httpx.ASGITransport(application(sandbox))
    return TranscribeSo("http://sandbox.test", SecretStr(key), budget=turns, transport=transport)


def recording(**changes: Any) -> Recording:
    return Recording(**{"source": "external_url", "url": "https://example.com/a.mp3"} | changes)


async def a_failed_one(api: TranscribeSo) -> int:
    recording = Recording(source="external_url", url="https://example.com/fail.mp3", duration_seconds=60)
    submitted = await api.transcribe(recording, idempotency_key="failed")
    assert (await api.wait(submitted.id, seconds=60)).status == "failed"
    return submitted.id


def assert_documented(error: ProviderError) -> None:
    """Every error has the fields that the reference promises."""
    assert error.message
    assert (error.request_id or "").startswith("req_")
    assert (error.doc_url or "").startswith("https://transcribe.so/")


# --- every documented refusal ----------------------------------------------------------------------------------------

Ask = Callable[[TranscribeSo], Awaitable[object]]
OF_ANOTHER = {
    "get": lambda api, number: api.get(number),
    "wait": lambda api, number: api.wait(number, seconds=1),
    "result": lambda api, number: api.result(number),
    "delete": lambda api, number: api.delete(number),
    "retry": lambda api, number: api.retry(number, idempotency_key=f"retry-{number}"),
    "timestamps": lambda api, number: api.timestamps(number, "youtube"),
    "regenerate_timestamps": lambda api, number: api.regenerate_timestamps(number, idempotency_key=f"make-{number}"),
    "subtitles": lambda api, number: api.subtitles(number),
}


@pytest.mark.parametrize("ask", OF_ANOTHER.values(), ids=OF_ANOTHER)
async def test_what_is_not_there_and_what_is_somebody_elses_are_not_found_alike(
    sandbox: Sandbox, api: TranscribeSo, ask: Callable[[TranscribeSo, int], Awaitable[object]]
) -> None:
    async with client(sandbox, "tsk_live_two") as other:
        theirs = await a_failed_one(other)
    said = []
    for number in (theirs, 2**63 - 1):
        with pytest.raises(NotFound) as raised:
            await ask(api, number)
        assert (raised.value.code, raised.value.status) == ("not_found", 404)
        assert_documented(raised.value)
        said.append(raised.value.message.replace(str(number), "N"))
    assert said[0] == said[1]


INVALID: dict[str, Ask] = {
    "a format that is none": lambda api: api.timestamps(EXAMPLE_ID, "myspace"),
    "a style that is none": lambda api: api.timestamps(EXAMPLE_ID, "youtube", style="shy"),
    "a style that cannot be made": lambda api: api.regenerate_timestamps(EXAMPLE_ID, style="shy", idempotency_key="k"),
    "a prompt that is too long": lambda api: api.regenerate_timestamps(
        EXAMPLE_ID, refine_prompt="x" * 201, idempotency_key="k"
    ),
    "a file too large": lambda api: api.create_upload(
        "a.mp3", content_type="audio/mpeg", file_size=500 * 1024 * 1024 + 1
    ),
    "a file of no bytes": lambda api: api.create_tus_upload("a.mp3", file_size=0),
    "a file that is no recording": lambda api: api.create_upload("a.txt", content_type="text/plain", file_size=10),
    "an upload of no duration": lambda api: api.transcribe(
        Recording(source="upload", upload_id="user/x"), idempotency_key="k"
    ),
    "an upload that never was": lambda api: api.quote(
        Recording(source="upload", upload_id="user/x", duration_seconds=60), idempotency_key="k"
    ),
    "an address that is none": lambda api: api.transcribe(recording(url="a.mp3"), idempotency_key="k"),
    "a webhook that is none": lambda api: api.register_webhook("ftp://127.0.0.1/", idempotency_key="k"),
    "a retry of what is complete": lambda api: api.retry(EXAMPLE_ID, idempotency_key="k"),
}  # fmt: skip


@pytest.mark.parametrize("ask", INVALID.values(), ids=INVALID)
async def test_what_makes_no_sense_is_an_invalid_request(api: TranscribeSo, ask: Ask) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await ask(api)
    assert (type(raised.value), raised.value.code, raised.value.status) == (InvalidRequest, "invalid_request", 400)
    assert_documented(raised.value)


async def test_one_idempotency_key_for_two_requests_is_an_invalid_request(api: TranscribeSo) -> None:
    await api.transcribe(recording(), idempotency_key="one")
    with pytest.raises(InvalidRequest, match="Idempotency-Key") as raised:
        await api.transcribe(recording(url="https://example.com/b.mp3"), idempotency_key="one")
    assert raised.value.code == "invalid_request"


async def test_a_model_that_is_none_is_an_unsupported_pipeline(api: TranscribeSo) -> None:
    for ask in (api.transcribe, api.quote):
        with pytest.raises(InvalidRequest) as raised:
            await ask(recording(pipeline_code="whisper-9"), idempotency_key=ask.__name__)
        assert (raised.value.code, raised.value.status) == ("unsupported_pipeline", 400)
        assert_documented(raised.value)


async def test_what_the_wallet_does_not_hold_is_insufficient_funds_and_nothing_is_taken(api: TranscribeSo) -> None:
    before = await api.me()
    with pytest.raises(InsufficientFunds) as raised:
        await api.transcribe(recording(duration_seconds=1_000_000), idempotency_key="k")
    error = raised.value
    assert (error.code, error.status, error.doc_url) == ("insufficient_funds", 402, "https://transcribe.so/billing")
    assert_documented(error)
    assert await api.me() == before


async def test_what_costs_more_than_it_may_is_refused_before_it_is_charged(api: TranscribeSo) -> None:
    before = await api.me()
    with pytest.raises(PaymentRequired) as raised:
        await api.transcribe(recording(duration_seconds=3600), idempotency_key="k", max_charge_usd=0.01)
    error = raised.value
    assert (type(error), error.code, error.status) == (PaymentRequired, "max_charge_exceeded", 402)
    assert_documented(error)
    assert await api.me() == before


async def test_the_61st_request_in_a_minute_is_rate_limited_until_the_minute_is_over(slow: Sandbox) -> None:
    async with client(slow) as api:
        for _ in range(60):
            await api.me()
        with pytest.raises(RateLimited) as raised:
            await api.me()
    assert (raised.value.code, raised.value.status) == ("rate_limited", 429)
    assert raised.value.retry_after is not None
    assert timedelta(seconds=30) < raised.value.retry_after <= timedelta(seconds=60)
    assert_documented(raised.value)


async def test_a_bug_of_the_providers_is_an_internal_error(sandbox: Sandbox, api: TranscribeSo) -> None:
    sandbox.faults.plan({"endpoint": "/me", "kind": "500"})
    with pytest.raises(ProviderUnavailable) as raised:
        await api.me()
    assert (raised.value.code, raised.value.status) == ("internal_error", 500)
    assert_documented(raised.value)


async def test_a_key_that_is_none_of_theirs_is_invalid_and_none_at_all_is_not_even_sent(sandbox: Sandbox) -> None:
    async with client(sandbox, "sk_of_somebody_else") as api:
        with pytest.raises(Unauthenticated) as raised:
            await api.me()
    assert (raised.value.code, raised.value.status, raised.value.doc_url) == ("invalid_api_key", 401, KEYS)
    assert_documented(raised.value)
    async with client(sandbox, "") as api:
        with pytest.raises(Unauthenticated) as raised:
            await api.me()
    assert (raised.value.code, raised.value.status) == ("unauthenticated", None)
    assert len(sandbox.asked) == 1


# --- not ready -------------------------------------------------------------------------------------------------------

OF_A_RESULT = {
    name: OF_ANOTHER[name] for name in ("result", "timestamps", "regenerate_timestamps", "subtitles")
}  # fmt: skip
REASONS = {
    "transcription_failed": "https://example.com/fail.mp3",
    "transcription_cancelled": "https://example.com/cancel.mp3",
}


async def reason(ask: Awaitable[object]) -> str | None:
    with pytest.raises(NotReady) as raised:
        await ask
    assert (raised.value.code, raised.value.status, raised.value.available_styles) == ("not_ready", 409, ())
    assert raised.value.doc_url == f"{DOCS}#endpoints"
    assert_documented(raised.value)
    return raised.value.reason


@pytest.mark.parametrize("ask", OF_A_RESULT.values(), ids=OF_A_RESULT)
async def test_what_has_no_result_says_why(
    api: TranscribeSo, ask: Callable[[TranscribeSo, int], Awaitable[object]]
) -> None:
    for why, address in REASONS.items():
        submitted = await api.transcribe(recording(url=address), idempotency_key=why)
        await api.wait(submitted.id, seconds=60)
        assert await reason(ask(api, submitted.id)) == why
    quoted = await api.quote(recording(), idempotency_key="quote")
    assert quoted.transcription_id is not None
    assert await reason(ask(api, quoted.transcription_id)) == "not_started"


@pytest.mark.parametrize("ask", OF_A_RESULT.values(), ids=OF_A_RESULT)
async def test_what_is_under_way_says_so(slow: Sandbox, ask: Callable[[TranscribeSo, int], Awaitable[object]]) -> None:
    async with client(slow) as api:
        submitted = await api.transcribe(recording(), idempotency_key="k")
        assert await reason(ask(api, submitted.id)) == "transcription_processing"


async def test_a_style_that_was_never_made_is_not_ready_with_the_styles_that_were(api: TranscribeSo) -> None:
    with pytest.raises(NotReady) as raised:
        await api.timestamps(EXAMPLE_ID, "youtube", style="educational")
    error = raised.value
    assert (error.reason, error.available_styles) == ("artifact_missing", ("balanced", "punchy"))
    assert_documented(error)
    await api.regenerate_timestamps(EXAMPLE_ID, style="educational", idempotency_key="k")
    assert await api.timestamps(EXAMPLE_ID, "youtube", style="educational")


async def test_nobody_waits_for_a_quote(api: TranscribeSo) -> None:
    quoted = await api.quote(recording(), idempotency_key="k")
    assert quoted.transcription_id is not None
    with pytest.raises(InvalidRequest) as raised:
        await api.wait(quoted.transcription_id, seconds=60)
    assert raised.value.code == "not_a_job"

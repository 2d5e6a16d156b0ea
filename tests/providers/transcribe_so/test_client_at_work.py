"""`receiver.providers.transcribe_so`: the client against the sandbox, against refusals, and against bad servers."""

import asyncio
import gzip
import json
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from receiver.errors import (
    InsufficientFunds,
    InvalidRequest,
    NotFound,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    Unauthenticated,
)
from receiver.providers import Recording, TranscribeSo
from receiver.providers.budget import OwnBudget
from receiver.providers.calls import Calls
from receiver.providers.rate import Rate
from receiver.providers.transcribe_so import (
    MeAnswer,
    NotReady,
    QuoteAnswer,
    Result,
    TimestampsAnswer,
    TranscriptionStatus,
    WebhookAnswer,
    parse,
)
from receiver.providers.transcribe_so.answers import Page, Pipelines, UploadAnswer
from receiver.sandbox import EXAMPLE_ID, Sandbox, application
from receiver.transcripts import Chapter, QnA, Section, Segment, Transcript
from receiver.transcripts.documents import FORMATS
from tests.providers.scripted import KEY, URL, Provider, Stream, refused, shown, turns_enough

EPISODE = Recording(source="youtube", url="https://youtu.be/x", pipeline_code="qwen3-asr-flash-filetrans")

CALLS: dict[str, Callable[[TranscribeSo], Awaitable[object]]] = {
    "me": lambda api: api.me(),
    "transcribe": lambda api: api.transcribe(EPISODE, idempotency_key="k"),
    "get": lambda api: api.get(EXAMPLE_ID),
    "result": lambda api: api.result(EXAMPLE_ID),
    "timestamps": lambda api: api.timestamps(EXAMPLE_ID, "youtube"),
    "register_webhook": lambda api: api.register_webhook("http://127.0.0.1:1/", idempotency_key="k"),
    "test_webhook": lambda api: api.test_webhook(idempotency_key="k"),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@asynccontextmanager
async def sandboxed() -> AsyncIterator[TranscribeSo]:
    sandbox = Sandbox(speed=6000)
    transport = httpx.ASGITransport(application(sandbox))
    async with TranscribeSo(URL, KEY, budget=turns_enough(), transport=transport) as api:
        yield api
    await sandbox.close()


# --- success, against the sandbox ------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [URL, f"{URL}/", f" {URL.upper()}/api/v1/ "])
async def test_the_api_may_be_named_with_or_without_its_path(address: str) -> None:
    provider = Provider(httpx.Response(200, json={}))
    async with TranscribeSo(address, KEY, transport=httpx.MockTransport(provider)) as api:
        await api.me()
    assert api.api_url == URL
    assert [str(one.url) for one in provider.asked] == [f"{URL}/api/v1/me"]


async def test_me_says_whose_key_it_is_and_keeps_what_we_do_not_know() -> None:
    async with sandboxed() as api:
        account = await api.me()
    assert (account.email, account.wallet_balance_usd) == ("you@example.com", 97.55)
    assert account.user_id
    assert MeAnswer.model_validate({"new": 1}).model_extra == {"new": 1}


async def test_a_submitted_recording_can_be_looked_up_until_it_is_complete() -> None:
    async with sandboxed() as api:
        submitted = await api.transcribe(EPISODE, idempotency_key="one")
        again = await api.transcribe(EPISODE, idempotency_key="one")
        status = await api.get(submitted.id)
        async with asyncio.timeout(60):
            while status.status != "completed":
                await asyncio.sleep(0.005)
                status = await api.get(str(submitted.id))
    assert (submitted.status, again.id, status.id) == ("processing", submitted.id, submitted.id)
    assert status.completed_at is not None


async def test_a_result_reads_as_a_transcript() -> None:
    async with sandboxed() as api:
        transcript = parse(Result, await api.result(EXAMPLE_ID)).transcript()
    assert len(transcript.segments) > 100
    assert {s.speaker for s in transcript.segments} == {"Ada", "Ben"}
    assert all(c.summary and c.end_seconds and c.end_seconds > c.start_seconds for c in transcript.chapters)
    assert transcript.sections[0].title
    assert transcript.qna[0].answer


async def test_timestamps_are_of_the_format_and_style_that_was_asked_for() -> None:
    async with sandboxed() as api:
        spotify = parse(TimestampsAnswer, await api.timestamps(EXAMPLE_ID, "spotify")).timestamps()
        punchy = parse(TimestampsAnswer, await api.timestamps(EXAMPLE_ID, "youtube", style="punchy")).timestamps()
    assert (spotify.format, spotify.style, spotify.ok_to_paste, spotify.warnings) == ("spotify", "balanced", True, ())
    assert (punchy.format, punchy.style) == ("youtube", "punchy")
    assert spotify.text.startswith("0:00 ")


async def test_a_webhook_is_registered_once_for_one_idempotency_key_and_its_secret_is_in_no_repr() -> None:
    async with sandboxed() as api:
        first = await api.register_webhook("http://127.0.0.1:1/", idempotency_key="one")
        again = await api.register_webhook("http://127.0.0.1:1/", idempotency_key="one")
        await api.test_webhook(idempotency_key="two")
    assert first.signing_secret is not None
    assert first.signing_secret.get_secret_value().startswith("whsec_")
    assert again == first
    assert first.signing_secret.get_secret_value() not in repr(first)


@every_call
async def test_every_call_carries_the_key_and_stays_below_the_versioned_prefix(
    call: Callable[[TranscribeSo], Awaitable[object]],
) -> None:
    known = httpx.Response(200, json={"id": 1, "status": "completed", "format": "youtube", "text": ""})
    async with (provider := Provider(known)).client() as api:
        await call(api)
    (request,) = provider.asked
    assert request.headers["Authorization"] == f"Bearer {KEY.get_secret_value()}"
    assert request.url.path.startswith("/api/v1/")
    assert request.headers.get("Idempotency-Key") == ("k" if request.method == "POST" else None)


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "retry_after"),
    [
        (refused(401, "invalid_api_key"), Unauthenticated, None),
        (refused(402, "insufficient_funds"), InsufficientFunds, None),
        (refused(404, "not_found"), NotFound, None),
        (refused(400, "invalid_request"), InvalidRequest, None),
        (refused(429, "rate_limited", {"Retry-After": "60"}), RateLimited, timedelta(seconds=60)),
        (refused(500, "internal_error"), ProviderUnavailable, None),
        (refused(503, "maintenance", {"Retry-After": "5"}), ProviderUnavailable, timedelta(seconds=5)),
    ],
    ids=lambda case: case.status_code if isinstance(case, httpx.Response) else "",
)
async def test_a_refusal_is_raised_with_everything_it_says(
    answer: httpx.Response, kind: type[ProviderError], retry_after: timedelta | None
) -> None:
    async with Provider(answer).client() as api:
        with pytest.raises(ProviderError) as raised:
            await api.get(EXAMPLE_ID)
    error = raised.value
    assert type(error) is kind
    assert (error.status, error.code, error.message) == (answer.status_code, answer.json()["error"]["code"], "No.")
    assert (error.request_id, error.doc_url) == ("req_1", "https://transcribe.so/docs")
    assert error.retry_after == retry_after


async def test_a_style_that_was_never_made_is_not_ready_with_the_styles_that_were() -> None:
    async with sandboxed() as api:
        with pytest.raises(NotReady) as raised:
            await api.timestamps(EXAMPLE_ID, "youtube", style="educational")
    assert (raised.value.status, raised.value.available_styles) == (409, ("balanced", "punchy"))
    assert raised.value.reason == "artifact_missing"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_an_error_and_never_followed(status: int) -> None:
    """The key must not go where an answer says."""
    async with (provider := Provider(httpx.Response(status, headers={"Location": f"{URL}/api/v1/me"}))).client() as api:
        with pytest.raises(ProviderUnavailable) as raised:
            await api.me()
    assert (raised.value.status, raised.value.code, len(provider.asked)) == (status, f"http_{status}", 1)


@every_call
async def test_without_a_key_nothing_is_sent(call: Callable[[TranscribeSo], Awaitable[object]]) -> None:
    async with (provider := Provider(httpx.Response(200, json={}))).client(key=None) as api:
        with pytest.raises(Unauthenticated, match="TRANSCRIBE_API_KEY is not set"):
            await call(api)
    assert provider.asked == []


@pytest.mark.parametrize(
    "wrong",
    ["../me", "", "0", "-1", "+1", " 1", "1\n", "1/../../me", "1?x=1", "1.0", "1e3", "00", "٤٨٢١", "²", "4_821",
     str(2**63), "9" * 20, "9" * 5000, 0, -1, 2**63, True],
    ids=lambda wrong: repr(wrong)[:30],
)  # fmt: skip
async def test_an_id_that_is_no_positive_63_bit_integer_is_refused_and_nothing_is_sent(wrong: str | int) -> None:
    async with (provider := Provider(httpx.Response(200, json={}))).client() as api:
        for call in (api.get(wrong), api.result(wrong), api.timestamps(wrong, "youtube")):
            with pytest.raises(InvalidRequest) as raised:
                await call
            assert raised.value.code == "invalid_id"
    assert provider.asked == []


@pytest.mark.parametrize("right", ["1", 1, "01", str(2**63 - 1), 2**63 - 1])
async def test_an_id_that_is_one_stands_in_the_path(right: str | int) -> None:
    async with (provider := Provider(httpx.Response(200, json={}))).client() as api:
        await api.result(right)
    assert provider.asked[0].url.path == f"/api/v1/transcriptions/{int(right)}/result"


async def test_what_goes_into_the_query_is_escaped() -> None:
    async with (provider := Provider(httpx.Response(200, json={}))).client() as api:
        await api.timestamps(1, "youtube&x=1", style="a#b")
    assert dict(provider.asked[0].url.params) == {"format": "youtube&x=1", "style": "a#b"}


# --- bad servers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_over_the_bound_is_refused_and_not_read_on(status: int) -> None:
    endless = Stream(b"x" * 100)
    async with Provider(httpx.Response(status, stream=endless)).client(answer_bytes=1000) as api:
        with pytest.raises(ProviderUnavailable, match="larger than 1000 bytes") as raised:
            await api.result(1)
    assert (raised.value.code, endless.sent, endless.closed) == ("malformed_answer", 11, True)


async def test_an_answer_of_exactly_the_bound_is_taken() -> None:
    async with Provider(httpx.Response(200, stream=Stream(b"x" * 100, pieces=10))).client(answer_bytes=1000) as api:
        assert await api.result(1) == b"x" * 1000


async def test_the_bound_counts_what_a_compressed_answer_unpacks_to() -> None:
    bomb = gzip.compress(b"x" * 1_000_000)
    assert len(bomb) < 10_000
    packed = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Stream(bomb, pieces=1))
    async with Provider(packed).client(answer_bytes=10_000) as api:
        with pytest.raises(ProviderUnavailable, match="larger than") as raised:
            await api.result(1)
    assert raised.value.code == "malformed_answer"


async def test_a_compressed_answer_that_is_broken_is_no_answer() -> None:
    broken = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Stream(b"not gzip", pieces=1))
    async with Provider(broken).client() as api:
        with pytest.raises(ProviderUnavailable) as raised:
            await api.result(1)
    assert raised.value.code == "transport"


async def test_a_server_that_drips_is_left_at_the_deadline() -> None:
    """Every read gets its byte in time; only the whole is late."""
    drip = Stream(b" ", pause=0.01)
    transport = httpx.MockTransport(Provider(httpx.Response(200, stream=drip)))
    async with httpx.AsyncClient(transport=transport) as http, asyncio.timeout(60):
        calling = Calls(TranscribeSo.refusal, "THE_KEY", http, KEY, (), timedelta(0), OwnBudget(Rate.of(60)))
        with pytest.raises(ProviderUnavailable, match=r"does not answer: no answer in 0\.1 s") as raised:
            await calling.answer_to(httpx.Request("GET", f"{URL}/ticket"), seconds=0.1)
    assert "ticket" not in str(raised.value)
    assert (raised.value.code, drip.closed) == ("transport", True)


@pytest.mark.parametrize("body", [b"", b"{", b"<html></html>", b"[]", b"null", b"5", b"\xff", b"[" * 10_000])
@pytest.mark.parametrize("model", [MeAnswer, WebhookAnswer, TranscriptionStatus, Result, TimestampsAnswer])
def test_what_is_no_object_of_json_is_a_malformed_answer(model: type[BaseModel], body: bytes) -> None:
    with pytest.raises(ProviderUnavailable) as raised:
        parse(model, body)
    assert raised.value.code == "malformed_answer"


@pytest.mark.parametrize(
    ("model", "answer", "place"),
    [
        (TranscriptionStatus, {"status": "completed"}, "id"),
        (TranscriptionStatus, {"id": 1}, "status"),
        (TranscriptionStatus, {"id": "4821a", "status": "completed"}, "id"),
        (TranscriptionStatus, {"id": 1, "status": None}, "status"),
        (Result, {"id": 1, "status": "completed", "segments": {}}, "segments"),
        (Result, {"id": 1, "status": "completed", "chapters": "none"}, "chapters"),
        (Result, {"id": "1", "status": "completed"}, "id"),
        (Result, {"id": 1, "status": 5}, "status"),
        (QuoteAnswer, {"retail_usd": None}, "retail_usd"),
        (QuoteAnswer, {}, "retail_usd"),
        (UploadAnswer, {"upload_id": None, "upload_url": "https://x.test/"}, "upload_id"),
        (TimestampsAnswer, {"format": "youtube"}, "text"),
        (TimestampsAnswer, {"format": "youtube", "text": "0:00", "warnings": "none"}, "warnings"),
        (WebhookAnswer, {"signing_secret": 5}, "signing_secret"),
    ],
)
def test_an_answer_of_the_wrong_shape_names_the_place_and_shows_nothing_of_itself(
    model: type[BaseModel], answer: dict[str, Any], place: str
) -> None:
    answer |= {"private": "a sentence that someone spoke"}
    with pytest.raises(ProviderUnavailable, match=f"makes no sense at {place}$") as raised:
        parse(model, json.dumps(answer).encode())
    assert raised.value.code == "malformed_answer"
    assert "spoke" not in "".join(traceback.format_exception(raised.value))


async def test_a_malformed_answer_of_a_call_is_one_too() -> None:
    async with Provider(httpx.Response(200, html="<h1>Maintenance</h1>")).client() as api:
        with pytest.raises(ProviderUnavailable, match="makes no sense at its top level") as raised:
            await api.me()
    assert raised.value.code == "malformed_answer"


def test_a_result_keeps_unknown_fields_and_lacks_nothing_that_is_optional() -> None:
    result = parse(Result, b'{"id": 1, "status": "completed", "acts": [1], "segments": []}')
    assert result.model_extra == {"acts": [1]}
    assert result.transcript().text == ""


def test_nul_is_removed_from_every_text_of_a_transcript() -> None:
    """PostgreSQL stores no NUL, and a NUL must not make a transcript a dead letter."""
    start, nul = {"start_seconds": 0.0, "end_seconds": 1.0}, "a\x00b\x00"
    answer = {
        "id": 1,
        "status": "completed",
        "segments": [{**start, "text": nul, "speaker": nul}],
        "chapters": [{**start, "title": nul, "summary": nul}],
        "sections": [{**start, "title": nul, "summary": nul}],
        "qna": [{"question": nul, "answer": nul}],
    }
    transcript = parse(Result, json.dumps(answer).encode()).transcript()
    assert transcript.segments == (Segment(0.0, 1.0, "ab", "ab"),)
    assert transcript.chapters == (Chapter(0.0, "ab", 1.0, "ab"),)
    assert transcript.sections == (Section(0.0, "ab", "ab"),)
    assert transcript.qna == (QnA("ab", "ab"),)


def test_nul_is_removed_from_every_text_of_timestamps() -> None:
    answer = {"format": "you\x00tube", "style": "\x00balanced", "text": "0:00\x00 a", "warnings": ["a\x00"]}
    stamps = parse(TimestampsAnswer, json.dumps(answer).encode()).timestamps()
    assert (stamps.format, stamps.style, stamps.text, stamps.warnings) == ("youtube", "balanced", "0:00 a", ("a",))


# --- what speech models leave out ------------------------------------------------------------------------------------

MISSING = object()
ODD: list[Any] = [
    None,
    MISSING,
    True,
    7,
    2.5,
    "7",
    "x",
    "",
    [],
    {},
    [1],
    {"a": 1},
    float("nan"),
    float("-inf"),
    10**400,
    "1e999",
]
FIELDS: dict[str, dict[str, Any]] = {
    "segments": {"start_seconds": 4.0, "end_seconds": 6.0, "text": "hello", "speaker": "Ada"},
    "chapters": {"start_seconds": 4.0, "end_seconds": 6.0, "title": "hello", "summary": "world"},
    "sections": {"start_seconds": 4.0, "title": "hello", "summary": "world"},
    "qna": {"question": "why?", "answer": "so"},
}


def transcript_of(**parts: object) -> Transcript:
    return parse(Result, json.dumps({"id": 1, "status": "completed", **parts}).encode()).transcript()


@pytest.mark.parametrize(("part", "field"), [(part, field) for part, fields in FIELDS.items() for field in fields])
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: "missing" if odd is MISSING else ascii(odd)[:20])
def test_a_field_that_is_not_there_or_odd_costs_no_transcript(part: str, field: str, odd: object) -> None:
    """In every format, whichever of three it is; and what stands beside it is there."""
    whole = FIELDS[part]
    spoiled = {name: value for name, value in (whole | {field: odd}).items() if value is not MISSING}
    for at in range(3):
        items = [dict(whole) for _ in range(3)]
        items[at] = spoiled
        transcript = transcript_of(**{"segments": [FIELDS["segments"]], part: items})
        for write in FORMATS.values():
            write(replace(transcript, title="title")).encode()
        assert len(getattr(transcript, part)) == 3
        others = [getattr(one, name) for one in getattr(transcript, part) for name, value in whole.items()
                  if name != field and getattr(one, name) == value]  # fmt: skip
        assert len(others) == 3 * (len(whole) - 1)


@pytest.mark.parametrize("part", FIELDS)
def test_what_is_no_part_is_left_out_and_no_list_is_an_empty_one(part: str) -> None:
    odd: list[Any] = [None, 5, "x", [], FIELDS[part], True]
    assert len(getattr(transcript_of(**{part: odd}), part)) == 1
    assert getattr(transcript_of(**{part: None}), part) == ()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([(0, 1), (1, None), (5, 6)], [(0, 1), (1, 5), (5, 6)]),
        ([(0, 1), (1, None)], [(0, 1), (1, 1)]),
        ([(0, 1), (None, 3)], [(0, 1), (1, 3)]),
        ([(None, None), (None, None), (7, 8)], [(0, 0), (0, 7), (7, 8)]),
        ([(None, 2), (None, None), (None, 9)], [(0, 2), (2, 2), (2, 9)]),
        ([(9, None), (3, 4)], [(9, 9), (3, 4)]),
        ([("2.5", "4"), (4, "?")], [(2.5, 4), (4, 4)]),
        ([], []),
    ],
)
def test_a_time_that_is_not_told_follows_from_its_neighbours(
    given: list[tuple[object, object]], expected: list[tuple[float, float]]
) -> None:
    transcript = transcript_of(segments=[{"start_seconds": a, "end_seconds": b, "text": "x"} for a, b in given])
    assert [(one.start_seconds, one.end_seconds) for one in transcript.segments] == expected


@pytest.mark.parametrize(
    ("odd", "text", "speaker"),
    [(None, "", None), (1, "1", "1"), (1.0, "1", "1"), (2.5, "2.5", "2.5"), ([], "", None), (True, "", None)],
)
def test_a_number_is_its_digits_and_what_is_no_text_is_none(odd: Any, text: str, speaker: str | None) -> None:
    (said,) = transcript_of(segments=[{"text": odd, "speaker": odd}]).segments
    assert (said.text, said.speaker) == (text, speaker)


@pytest.mark.parametrize(
    "broken",
    [b"\\ud83d", b"\\udc00", b"\xff", b"\xed\xa0\x80"],
    ids=["half a pair", "the other half", "latin-1", "raw"],
)
def test_what_is_no_character_costs_no_transcript(broken: bytes) -> None:
    body = b'\xef\xbb\xbf{"id": 1, "status": "completed", "segments": [{"text": "one ' + broken + b' two \\u201d"}]}'
    (said,) = parse(Result, body).transcript().segments
    said.text.encode()
    assert (said.text.startswith("one "), said.text.endswith(" two \u201d")) == (True, True)


@pytest.mark.parametrize(
    ("model", "identity"),
    [
        (TranscriptionStatus, {"id": 1, "status": "completed"}),
        (MeAnswer, {}),
        (QuoteAnswer, {"retail_usd": 1.5}),
        (WebhookAnswer, {"id": "wh_1"}),
        (UploadAnswer, {"upload_id": "u", "upload_url": "https://x.test/"}),
        (TimestampsAnswer, {"format": "youtube", "text": "0:00 a"}),
        (Pipelines, {"pipelines": []}),
    ],
)
def test_nothing_else_in_an_answer_is_needed(model: type[BaseModel], identity: dict[str, Any]) -> None:
    """Missing values are null, and numbers are text."""
    optional = model.model_fields.keys() - identity.keys()
    assert parse(model, json.dumps(identity | dict.fromkeys(optional)).encode())
    lax = {"title": 2024, "duration_seconds": "60", "charge_usd": "?", "warnings": [1, None], "ok_to_paste": None}
    assert parse(model, json.dumps(identity | {k: v for k, v in lax.items() if k in optional}).encode())


# --- the key ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def server(answer: bytes) -> AsyncIterator[str]:
    """A real server on the loopback that gives every request the same answer."""
    served = []

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        if await reader.read(65_536):
            writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(respond, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    await asyncio.wait_for(asyncio.gather(*filter(None, served)), 60)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", id="refused"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", id="malformed"),
        pytest.param(b"nonsense\r\n\r\n", id="not HTTP"),
        pytest.param(b"", id="closed"),
    ],
)
async def test_the_key_is_in_no_repr_no_error_and_no_log(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with server(answer) as url, TranscribeSo(url, KEY) as api:
        with pytest.raises(ProviderError) as raised:
            await api.me()
        assert "never_to_be_shown" not in repr(api) + str(vars(api))
    assert "send_request_headers" in caplog.text
    assert "never_to_be_shown" not in shown(raised.value) + caplog.text


@pytest.mark.parametrize("end", ["\n", " ", "\r\nX-Other: 1", "\x00", "\u00e4", "\ud800"], ids=ascii)
async def test_a_key_that_fits_into_no_header_is_unauthenticated_unsent_and_not_shown(
    end: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A pasted key often has a line's end; what refuses it below us would show it whole."""
    caplog.set_level(logging.DEBUG)
    key = SecretStr(KEY.get_secret_value() + end)
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as url, TranscribeSo(url, key) as api:
        with pytest.raises((ProviderError, UnicodeError)) as raised:
            await api.me()
    assert "never_to_be_shown" not in shown(raised.value) + caplog.text
    assert type(raised.value) is Unauthenticated


async def test_a_server_that_is_away_is_named_by_its_address() -> None:
    async with TranscribeSo("http://127.0.0.1:1", KEY) as api:
        said = r"http://127\.0\.0\.1:1 cannot be reached \(connection refused\)"
        with pytest.raises(ProviderUnavailable, match=said) as raised:
            await api.me()
    assert raised.value.code == "unreachable"


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "deflate", "zstd", "gzip,identity"])
async def test_an_answer_packed_otherwise_than_asked_for_is_not_unpacked(encoding: str) -> None:
    """Layer in layer a few hundred bytes become gigabytes before anybody can count them."""
    packed = httpx.Response(200, headers={"Content-Encoding": encoding}, stream=Stream(b"never read", pieces=1))
    async with (provider := Provider(packed)).client() as api:
        with pytest.raises(ProviderUnavailable, match="packed in a way"):
            await api.me()
    assert provider.asked[0].headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(("model", "field"), [(Page, "data"), (Pipelines, "pipelines")])
def test_the_first_mistake_in_a_list_says_enough(model: type[BaseModel], field: str) -> None:
    body = json.dumps({field: [{}] * 1000}).encode()
    with pytest.raises(ProviderUnavailable) as raised:
        parse(model, body)
    cause = raised.value.__cause__
    assert isinstance(cause, ValidationError)
    assert {error["loc"][:2] for error in cause.errors()} == {(field, 0)}


@pytest.mark.parametrize("secret", ["a\x00b", "a b", "\n", "ä", "x" * 513])
def test_a_secret_that_could_not_be_kept_is_a_malformed_answer_and_not_shown(secret: str) -> None:
    with pytest.raises(ProviderUnavailable) as raised:
        parse(WebhookAnswer, json.dumps({"id": "wh_1", "signing_secret": secret}).encode())
    assert raised.value.code == "malformed_answer"
    assert secret not in str(raised.value)


@pytest.mark.parametrize("number", [0, -1, 2**63, True, "12", 1.0])
def test_an_id_is_a_positive_63_bit_integer(number: object) -> None:
    with pytest.raises(ProviderUnavailable, match="id"):
        parse(TranscriptionStatus, json.dumps({"id": number, "status": "completed"}).encode())

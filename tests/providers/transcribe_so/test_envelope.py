"""`providers.transcribe_so.envelope`: every refusal becomes the right error, whatever its body holds."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from receiver.providers.refusals import HIDDEN, MESSAGE_LENGTH
from receiver.providers.transcribe_so.envelope import NotReady, error_from


def envelope(code: Any, **more: Any) -> bytes:
    fields = {"message": "Said so.", "request_id": "req_body", "doc_url": "https://transcribe.so/docs"}
    return json.dumps({"error": {"code": code, **fields, **more}}).encode()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "unauthenticated", Unauthenticated),
        (401, "invalid_api_key", Unauthenticated),
        (404, "not_found", NotFound),
        (400, "invalid_request", InvalidRequest),
        (400, "unsupported_pipeline", InvalidRequest),
        (402, "insufficient_funds", InsufficientFunds),
        (402, "max_charge_exceeded", PaymentRequired),
        (429, "rate_limited", RateLimited),
        (409, "not_ready", NotReady),
        (409, "in_progress", ProviderUnavailable),
        (408, "timeout", ProviderUnavailable),
        (425, "too_early", ProviderUnavailable),
        (413, "too_large", InvalidRequest),
        (422, "unprocessable", InvalidRequest),
        (451, "tomorrow's code", InvalidRequest),
        (500, "internal_error", ProviderUnavailable),
        (503, "maintenance", ProviderUnavailable),
        (302, "moved", ProviderUnavailable),
    ],
)
def test_a_code_and_its_status_are_one_error_with_everything_to_quote(
    status: int, code: str, kind: type[ProviderError]
) -> None:
    error = error_from(status, httpx.Headers({"X-Request-Id": "req_header"}), envelope(code))
    assert type(error) is kind
    assert (error.status, error.code, error.message) == (status, code, "Said so.")
    assert (error.request_id, error.doc_url) == ("req_body", "https://transcribe.so/docs")
    assert str(error) == f"{status} {code}: Said so. [req_body]"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html><h1>502 Bad Gateway</h1></html>", id="a proxy's page"),
        pytest.param(b"\xff\xfe\x00", id="bytes that are no text"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"error"', id="a string"),
        pytest.param(b'[{"error": {"code": "not_found"}}]', id="an array"),
        pytest.param(b'{"error": "not_found"}', id="a text for an envelope"),
        pytest.param(b'{"error": [{"code": "not_found"}]}', id="an array for an envelope"),
        pytest.param(b'{"error": {"error": {"code": "not_found"}}}', id="an envelope in an envelope"),
        pytest.param(b'{"error": {"code": 404, "message": ["no"], "request_id": {}, "doc_url": 1}}', id="wrong types"),
        pytest.param(b'{"error": {"code": "", "message": ""}}', id="empty texts"),
        pytest.param(b'{"error": ' + b"9" * 5000 + b"}", id="a number that Python refuses"),
        pytest.param(b"[" * 100_000, id="nested without end"),
    ],
)
def test_a_body_without_an_envelope_leaves_its_status_and_the_header(body: bytes) -> None:
    error = error_from(502, httpx.Headers({"X-Request-Id": "req_header"}), body)
    assert type(error) is ProviderUnavailable
    assert (error.status, error.code, error.message) == (502, "http_502", "the provider gave no reason")
    assert (error.request_id, error.doc_url, error.retry_after) == ("req_header", None, None)


@pytest.mark.parametrize(
    ("said", "styles"),
    [
        (["balanced", "punchy"], ("balanced", "punchy")),
        (["balanced", 7, None, ["punchy"], {"a": 1}], ("balanced",)),
        ([], ()),
        ("balanced", ()),
        ({"balanced": True}, ()),
        (None, ()),
    ],
)
def test_available_styles_are_those_that_are_texts(said: Any, styles: tuple[str, ...]) -> None:
    error = error_from(409, {}, envelope("not_ready", reason="artifact_missing", available_styles=said))
    assert isinstance(error, NotReady)
    assert (error.available_styles, error.reason) == (styles, "artifact_missing")


@pytest.mark.parametrize(("reason", "passing"), [
    ("transcription_processing", True), ("artifact_missing", False), ("transcription_failed", False),
    ("transcription_cancelled", False), ("not_started", False), ("something_new", False), (None, False),
])  # fmt: skip
def test_what_is_not_ready_passes_while_the_transcription_is_processed(reason: str | None, passing: bool) -> None:  # noqa: FBT001 - a case
    assert isinstance(error := error_from(409, {}, envelope("not_ready", reason=reason)), NotReady)
    assert error.passing is passing


@pytest.mark.parametrize(("code", "every"), [("rate_limited", True), ("qna_quota_exceeded", False)])
def test_a_spent_allowance_is_not_about_every_request(code: str, every: bool) -> None:  # noqa: FBT001 - a case
    assert isinstance(error := error_from(429, {}, envelope(code)), RateLimited)
    assert error.of_every_request is every


@pytest.mark.parametrize("reason", [None, 5, "", ["transcription_processing"]])
def test_a_reason_that_is_no_text_is_none(reason: Any) -> None:
    error = error_from(409, {}, envelope("not_ready", reason=reason))
    assert isinstance(error, NotReady)
    assert error.reason is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("60", 60),
        ("0", 0),
        ("0000000060", 60),
        ("86400", 86_400),
        ("86401", 86_400),
        ("9" * 5000, 86_400),
        ("", None),
        ("-60", None),
        ("1.5", None),
        ("٣٠", None),
        ("²", None),
        ("Wed, 29 Apr 2026 14:25:27 GMT", None),
        (None, None),
    ],
)
def test_retry_after_is_whole_seconds_and_at_most_a_day(header: str | None, seconds: int | None) -> None:
    error = error_from(429, {} if header is None else {"retry-after": header}, envelope("rate_limited"))
    assert error.retry_after == (None if seconds is None else timedelta(seconds=seconds))


def test_a_message_without_end_is_cut() -> None:
    assert error_from(500, {}, envelope("internal_error", message="a" * 10_000)).message == "a" * MESSAGE_LENGTH


def test_an_answer_that_repeats_the_key_makes_an_error_that_does_not() -> None:
    """Errors are logged, stored with a job and shown."""
    key = "tsk_live_0a1b/2"
    texts = dict.fromkeys(
        ("message", "request_id", "doc_url", "reason"), f"{'x' * (MESSAGE_LENGTH - 20)} Bearer {key}!"
    )
    for code, body in ((key, envelope(key, **texts)), ("not_ready", envelope("not_ready", **texts))):
        error = error_from(409, {"x-request-id": key}, body, key=key)
        assert "tsk_live" not in f"{error!r} {error} {vars(error)}", code
    assert error_from(500, {"x-request-id": key}, b"", key=key).request_id == HIDDEN
    named = envelope("not_ready", available_styles=["calm", "tsk_live_lower", {"a": 1}])
    styles = error_from(409, {}, named, key="tsk_live_lower")
    assert isinstance(styles, NotReady)
    assert styles.available_styles == ("calm",)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
)
NAMES = ("code", "message", "request_id", "doc_url", "reason", "available_styles", "retry_after")
ENVELOPES = st.dictionaries(st.sampled_from(NAMES), JSON).map(lambda e: json.dumps({"error": e}).encode())


@given(
    status=st.integers(300, 599), headers=st.dictionaries(st.just("retry-after"), st.text()), body=ENVELOPES,
    key=st.sampled_from(["", "a", "tsk_live_1"]),
)  # fmt: skip
def test_whatever_is_answered_is_a_provider_error_with_its_status(
    status: int, headers: dict[str, str], body: bytes, key: str
) -> None:
    error = error_from(status, headers, body, key=key)
    assert error.status == status
    assert error.code
    assert len(error.message) <= MESSAGE_LENGTH

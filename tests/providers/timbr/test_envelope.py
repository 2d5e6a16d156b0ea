"""`receiver.providers.timbr.envelope`: what is a success, what is a refusal, and what nobody knows."""

import json
from typing import Any

import pytest

from receiver.errors import (
    InvalidRequest,
    NotFound,
    PaymentRequired,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    Unauthenticated,
)
from receiver.providers.timbr import envelope
from receiver.providers.timbr.answers import TaskStarted
from receiver.submissions.moves import State, after

MONEY, KEY = PaymentRequired, Unauthenticated


def answered(raw: bytes) -> ProviderError:
    """Return the error that an answer with status 200 becomes."""
    with pytest.raises(ProviderError) as raised:
        envelope.read(TaskStarted, raw)
    return raised.value


def enveloped(status: object = 0, code: object = "", message: object = "", **more: Any) -> bytes:
    return json.dumps({"status": status, "result_code": code, "message": message} | more).encode()


@pytest.mark.parametrize("given", [{}, {"status": 500}, {"code": "ERROR"}, {"status": None, "message": None}])
def test_an_answer_that_has_what_was_asked_for_is_a_success(given: dict[str, Any]) -> None:
    assert envelope.read(TaskStarted, enveloped(**given, data={"task_id": "5"})).task_id == "5"


@pytest.mark.parametrize(("given", "kind", "status"), [
    ({"code": "INVALID_PARAMETER"}, InvalidRequest, 400),
    ({"code": "text"}, InvalidRequest, 400),
    ({"message": "No"}, InvalidRequest, 400),
    ({"code": -3}, InvalidRequest, 400),
    ({"code": "E", "data": {}}, InvalidRequest, 400),
    ({"status": 403, "message": "No"}, InvalidRequest, 403),
    ({"status": 422, "data": {"file_id": ["wrong"]}}, InvalidRequest, 422),
    ({"status": 404}, NotFound, 404),
    ({"code": "E404"}, NotFound, 404),
    ({"code": "FILE_NOT_FOUND"}, NotFound, 404),
    ({"code": "E", "message": "The file has expired"}, NotFound, 404),
    ({"status": 402, "code": "INTERNAL"}, MONEY, 402),
    ({"code": "INSUFFICIENT_CREDIT"}, MONEY, 402),
    ({"code": "E", "message": "Not enough credits"}, MONEY, 402),
    ({"code": "RATE_LIMITED", "message": "The quota of requests"}, RateLimited, 429),
    ({"code": "too many requests"}, RateLimited, 429),
    ({"code": "UNAUTHORIZED"}, KEY, 401),
    ({"message": "Token is expired"}, KEY, 401),
    ({"code": "NOT_AUTHENTICATED"}, KEY, 401),
])  # fmt: skip
def test_an_envelope_that_refuses_is_an_error_of_its_own(
    given: dict[str, Any], kind: type[ProviderError], status: int
) -> None:
    error = answered(enveloped(**given))
    assert (type(error), error.status) == (kind, status)
    # What only words say is marked: where money is at stake, it is not certain.
    assert error.code in (f"http_{status}", f"{envelope.GUESSED}{status}")
    assert after(error) in (State.FAILED, State.UPLOADED)


@pytest.mark.parametrize("raw", [
    b"", b"{", b"[]", b"null", b'"x"', b"<html>", b"{}", enveloped(), enveloped(1), enveloped(data={"id": "5"}),
    enveloped(code="E", message="No", data={"id": "5"}), enveloped(code="SUCCESS", message="Success"),
    enveloped(message="success"), enveloped(code="0000"), enveloped(code=200), enveloped(code="OK", data={}),
    enveloped(500, "E"), enveloped(code="E500"), enveloped(code="INTERNAL_ERROR"),
    enveloped(code="E", message="Internal server error while taking credits"), enveloped(code="E", message="Timed out"),
])  # fmt: skip
def test_of_any_other_answer_nobody_knows_what_was_done(raw: bytes) -> None:
    error = answered(raw)
    assert isinstance(error, ProviderUnavailable)
    assert after(error) is State.UNKNOWN


@pytest.mark.parametrize(("status", "code", "kind"), [
    (400, "INSUFFICIENT_CREDIT", MONEY), (403, "INVALID_TOKEN", KEY), (400, "INTERNAL_ERROR", InvalidRequest),
    (400, "E", InvalidRequest), (404, "E", NotFound), (401, "E", KEY), (402, "E", MONEY), (429, "E", RateLimited),
    (500, "INVALID_PARAMETER", ProviderUnavailable), (502, "E", ProviderUnavailable), (302, "E", ProviderUnavailable),
])  # fmt: skip
def test_a_refusal_with_a_status_has_that_status(status: int, code: str, kind: type[ProviderError]) -> None:
    error = envelope.refusal(status, {}, enveloped(code=code))
    assert (type(error), error.status, error.code) == (kind, status, f"http_{status}")


def test_a_refusal_says_what_the_provider_says_without_secrets() -> None:
    error = envelope.refusal(
        400, {"x-request-id": "the key"}, enveloped(0, "E7", "the key, the secret"), "the key", "the secret"
    )
    assert f"{error}" == "400 http_400: E7: (the key), (the key) [(the key)]"

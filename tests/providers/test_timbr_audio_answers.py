"""`receiver.providers.timbr_audio_answers`: what answers without a documented shape mean."""

import json
from datetime import UTC, datetime
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
from receiver.providers import timbr_audio_answers as answers

A, B = "https://s.example/a.wav?ticket=1", "https://s.example/b.wav?ticket=2"


@pytest.mark.parametrize(("answer", "job_id"), [
    ({"job_id": "j"}, "j"), ({"id": "j"}, "j"), ({"data": {"job_id": "j"}}, "j"), ({"data": {"id": 7}}, "7"),
    ({"id": "request", "data": {"job_id": "j"}}, "j"), ({"id": "request", "data": {"id": "j"}}, "j"),
    ({"job_id": None, "id": "j", "data": None}, "j"),
])  # fmt: skip
def test_a_job_is_found_where_it_can_be(answer: object, job_id: str) -> None:
    assert answers.started(json.dumps(answer).encode()) == job_id


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"<html>", b'{"job_id": ""}', b'{"job_id": ".."}', b'{"id": "a\\nb"}', b'{"id": true}']
)
def test_an_answer_that_names_no_job_leaves_it_unknown(raw: bytes) -> None:
    with pytest.raises(ProviderUnavailable) as raised:
        answers.started(raw)
    assert raised.value.code == "malformed_answer"


@pytest.mark.parametrize(
    "raw", [b"{}", b'{"file_id": "f"}', b'{"file_id": "f", "upload_url": ""}', b'{"upload_url": "u"}']
)
def test_a_ticket_has_a_file_and_a_link(raw: bytes) -> None:
    with pytest.raises(ProviderUnavailable) as raised:
        answers.ticket(raw)
    assert raised.value.code == "malformed_answer"


def test_a_link_to_send_a_file_to_is_not_shown() -> None:
    found = answers.ticket(b'{"data": {"file_id": "f", "upload_url": "secret"}}')
    assert (found.file_id, found.upload_url.get_secret_value()) == ("f", "secret")
    assert "secret" not in repr(found)


@pytest.mark.parametrize(("result", "links"), [
    ({"speech": A, "me": B}, {"speech.wav": A, "me.wav": B}),
    ([{"name": "speech", "url": A}, {"name": "me", "download_url": B}], {"speech.wav": A, "me.wav": B}),
    ([{"url": A, "name": "x.wav", "size": 5}, {"name": "x.wav", "url": B}], {"x.wav": A, "x-2.wav": B}),
    ([A, B], {"file.wav": A, "file-2.wav": B}), (A, {"file.wav": A}),
    ({"format": "wav", "stems": {"speech": {"url": A}}, "n": 2}, {"speech.wav": A}),
    ({"../../etc": A, "a\nb": B}, {"/../etc.wav": A, "a\nb.wav": B}),
    ({"odd": "https://[", "bare": "https://s.example"}, {"odd": "https://[", "bare": "https://s.example"}),
    ([[[[[[[A]]]]]]], {}), (None, {}), ({"speech": "ftp://x"}, {}), (5, {}),
])  # fmt: skip
def test_links_are_found_in_any_shape_by_names_of_their_own(result: object, links: dict[str, str]) -> None:
    found = answers.Job(job_id="j", status="completed", result=result).seen().links
    assert {name: link.get_secret_value() for name, link in found.items()} == links


@pytest.mark.parametrize(("given", "state"), [
    ("Completed", "completed"), ("FAILED ", "failed"), ("pending", "waiting"), ("queued", "waiting"),
    ("processing", "waiting"), ("success", "waiting"),
])  # fmt: skip
def test_only_a_word_that_is_documented_ends_a_job(given: str, state: str) -> None:
    seen = answers.Job(status=given).seen()
    assert (seen.state, seen.said) == (state, given)


@pytest.mark.parametrize(
    ("progress", "share"), [(0, 0.0), ("50", 0.5), (150, 1.0), (-1, None), ("x", None), (None, None)]
)
def test_progress_is_a_share(progress: object, share: float | None) -> None:
    assert answers.Job.model_validate({"status": "processing", "progress": progress}).seen().progress == share


@pytest.mark.parametrize(
    ("error", "why"), [("why", "why"), ({"message": "why"}, "why"), ("", None), (None, None), (5, None)]
)
def test_a_failure_says_why_if_the_provider_does(error: object, why: str | None) -> None:
    assert answers.Job(status="failed", error=error).seen().error == why


@pytest.mark.parametrize("raw", [b"", b"<html>", b"{}", b'{"status": ""}', b'{"job_id": "j"}'])
def test_an_answer_without_a_status_is_no_job(raw: bytes) -> None:
    with pytest.raises(ProviderUnavailable) as raised:
        answers.job(raw)
    assert raised.value.code == "malformed_answer"


@pytest.mark.parametrize(("said", "created"), [
    ("2026-11-28T12:00:00Z", 0), ("2026-11-28T12:00:00", 0), ("2026-11-28T14:00:00+02:00", 0), (1_795_867_200, 0),
    (1_795_867_200_000, 0), ("yesterday", None), (None, None),
])  # fmt: skip
def test_a_time_is_read_in_any_form(said: object, created: int | None) -> None:
    candidate = answers.Job.model_validate({"id": "j", "status": "x", "created_at": said}).candidate()
    assert candidate is not None
    assert candidate.created_at == (None if created is None else datetime(2026, 11, 28, 12, tzinfo=UTC))


def test_a_page_leaves_out_what_is_no_job() -> None:
    raw = json.dumps({"data": {"jobs": [1, None, {}, {"id": "j", "status": "x"}], "has_more": True}}).encode()
    jobs, has_more = answers.page(raw)
    assert ([job.name for job in jobs], has_more) == (["j"], True)
    with pytest.raises(ProviderUnavailable):
        answers.page(b'{"jobs": {}}')


@pytest.mark.parametrize(("status", "said", "kind"), [
    (400, "Insufficient credits", PaymentRequired), (403, "Insufficient credits", PaymentRequired),
    (403, "Unauthorized", Unauthenticated), (422, "File not found", NotFound),
    (400, "bit_depth is odd", InvalidRequest), (422, "file_id must be a string", InvalidRequest),
    (401, "Insufficient credits", Unauthenticated),
    (402, "", PaymentRequired), (404, "", NotFound), (429, "", RateLimited),
    (500, "Insufficient credits", ProviderUnavailable), (502, "File not found", ProviderUnavailable),
])  # fmt: skip
def test_a_refusal_means_what_its_status_says_or_else_its_words(
    status: int, said: str, kind: type[ProviderError]
) -> None:
    for body in ({"detail": said}, {"error": {"message": said}}, {"detail": [{"loc": ["body", "x"], "msg": said}]}):
        error = answers.refusal(status, {}, json.dumps(body).encode())
        assert (type(error), error.status, error.code) == (kind, status, f"http_{status}")


def test_a_refusal_names_the_parameter() -> None:
    body: dict[str, Any] = {"detail": [{"loc": ["body", "bit_depth"], "msg": "Input should be at least 8"}]}
    assert "bit_depth: Input should be at least 8" in str(answers.refusal(422, {}, json.dumps(body).encode()))

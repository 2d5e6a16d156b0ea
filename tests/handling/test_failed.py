"""`receiver.handling.failed`: of a payload that is not documented, the first text that looks like a reason."""

from typing import Any

import pytest

from receiver import Event, reason


def failed(**data: Any) -> Event:
    return Event("timbr", "evt_1", "transcription.failed", data=data)


@pytest.mark.parametrize(("transcription", "submission", "found"), [
    ({"error": "Bad audio."}, {}, "Bad audio."),
    ({"message": "last", "error_message": "first"}, {}, "first"),
    ({"error": {"message": "inner"}, "reason": "outer"}, {}, "inner"),
    ({"error": " \n"}, {"error": "no money"}, "no money"),
    ({"error": {"message": ["no text"]}}, {"error": {"message": "no money"}}, "no money"),
    (["no object"], {"message": "late"}, "late"),
    ({"error": 5}, None, "no reason given"),
])  # fmt: skip
def test_the_first_text_that_looks_like_a_reason_is_it(transcription: object, submission: object, found: str) -> None:
    assert reason(failed(transcription=transcription, submission=submission)) == found


def test_a_reason_has_no_secrets_of_an_address() -> None:
    said = {"recording": "https://h/a b.mp3?sig=s3cret", "error": "no answer of https://h/a b.mp3?sig=s3cret"}
    assert reason(failed(submission=said)) == "no answer of https://h/a b.mp3?…"

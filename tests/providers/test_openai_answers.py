"""`receiver.providers.openai_answers`: what servers answer, where they disagree, and what is no transcript at all."""

import json
from typing import Any

import pytest

from receiver.errors import InvalidRequest, PaymentRequired, ProviderError, ProviderUnavailable, RateLimited
from receiver.providers import openai_answers
from receiver.providers.tries import NOTHING_SENT
from receiver.transcripts import Segment, Transcript, Word

FIRST = {"start": 0.0, "end": 1.0, "text": " Good morning. "}
SECOND = {"start": 1.0, "end": 2.0, "text": "Hello.", "speaker": "Speaker 2"}
GOOD, MORNING = ({"start": 0.0, "end": 0.4, "word": " Good"}, {"start": 0.4, "end": 1.0, "word": "morning."})
HELLO = {"start": 1.0, "end": 1.5, "word": "Hello."}
WORDS = (Word(0.0, 0.4, "Good"), Word(0.4, 1.0, "morning."))
SRT = b"1\n00:00:00,000 --> 00:00:01,000\nGood morning.\n\n2\n00:00:01,000 --> 00:00:02,000\nHello.\n"
SUBTITLES = (Segment(0.0, 1.0, "Good morning."), Segment(1.0, 2.0, "Hello."))


def read(answer: object) -> tuple[Segment, ...]:
    raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    found = openai_answers.transcript(raw)
    assert found == Transcript(found.segments)
    return found.segments


def test_segments_have_their_words_and_speakers() -> None:
    assert read({"text": "…", "segments": [FIRST | {"words": [GOOD, MORNING]}, SECOND | {"words": [HELLO]}]}) == (
        Segment(0.0, 1.0, "Good morning.", None, WORDS),
        Segment(1.0, 2.0, "Hello.", "Speaker 2", (Word(1.0, 1.5, "Hello."),)),
    )


@pytest.mark.parametrize("segments", [[FIRST, SECOND], [SECOND, FIRST]])
def test_words_beside_the_segments_come_to_where_they_are_said(segments: list[dict[str, Any]]) -> None:
    found = read({"segments": segments, "words": [GOOD, MORNING, HELLO]})
    assert sorted(found, key=lambda segment: segment.start_seconds) == [
        Segment(0.0, 1.0, "Good morning.", None, WORDS),
        Segment(1.0, 2.0, "Hello.", "Speaker 2", (Word(1.0, 1.5, "Hello."),)),
    ]


def test_words_in_both_places_are_there_once() -> None:
    (segment,) = read({"segments": [FIRST | {"words": [GOOD, MORNING]}], "words": [GOOD, MORNING]})
    assert segment.words == WORDS


@pytest.mark.parametrize(
    ("answer", "segments"),
    [
        ({"text": " Hi. "}, (Segment(0.0, 0.0, "Hi."),)),
        ({"text": "Hi.", "duration": 12.5, "segments": []}, (Segment(0.0, 12.5, "Hi."),)),
        ({"text": "Hi.", "duration": "12.5", "segments": None}, (Segment(0.0, 12.5, "Hi."),)),
        ({"text": "Hi.", "duration": "long"}, (Segment(0.0, 0.0, "Hi."),)),
        ({"text": "Good morning.", "words": [GOOD, MORNING]}, (Segment(0.0, 1.0, "Good morning.", None, WORDS),)),
        ({"words": [GOOD, MORNING]}, (Segment(0.0, 1.0, "Good morning.", None, WORDS),)),
        (b" Hi.\n", (Segment(0.0, 0.0, "Hi."),)),
        (b"\xef\xbb\xbf[Music] Hi --> there", (Segment(0.0, 0.0, "[Music] Hi --> there"),)),
    ],
)
def test_the_text_alone_is_one_segment_as_long_as_the_recording(answer: object, segments: tuple[Segment, ...]) -> None:
    assert read(answer) == segments


@pytest.mark.parametrize("raw", [
    b"", b"\n", b"WEBVTT\n", b"1\n00:00:00,000 --> 00:00:01,000\n\n", {"text": ""}, {"text": "", "segments": []},
    {"segments": [], "words": []}, {"segments": [{"start": 0, "end": 1, "text": ""}], "text": ""},
])  # fmt: skip
def test_silence_is_an_empty_transcript(raw: object) -> None:
    assert read(raw) == ()


@pytest.mark.parametrize(
    "raw",
    [
        SRT, b"\xef\xbb\xbf" + SRT, SRT.replace(b"\n", b"\r\n"), SRT.replace(b",", b"."), b"WEBVTT\n\n" + SRT,
        SRT.replace(b"1\n00", b"00", 1), b"\xef\xbb\xbf" + SRT.replace(b"1\n00", b"00", 1),
    ],
)  # fmt: skip
def test_subtitles_are_known_by_their_look(raw: bytes) -> None:
    """Nothing in an answer says which format was asked for, and ThunderScribe shows SubRip for WebVTT."""
    assert read(raw) == SUBTITLES


@pytest.mark.parametrize(
    ("wrong", "start", "end"),
    [
        ({"start": 5, "end": 3}, 5.0, 5.0),
        ({"start": -1, "end": 1}, 0.0, 1.0),
        ({"start": "0.5", "end": "1e0"}, 0.5, 1.0),
        ({"start": None, "end": None}, 2.0, 2.0),
        ({"start": float("nan"), "end": float("inf")}, 2.0, 2.0),
        ({"start": [], "end": {}}, 2.0, 2.0),
        ({"start": 10**400, "end": "1_x"}, 2.0, 2.0),
    ],
)
def test_a_time_that_cannot_be_is_put_right_and_the_order_stays(
    wrong: dict[str, Any], start: float, end: float
) -> None:
    assert read({"segments": [SECOND, {"text": "Yes."} | wrong]}) == (
        Segment(1.0, 2.0, "Hello.", "Speaker 2"), Segment(start, end, "Yes."),
    )  # fmt: skip


def test_a_word_without_times_is_in_the_text_alone() -> None:
    timeless = [{"word": "2024"}, {"word": "a", "start": 1}, {"word": "b", "end": 1}, {"start": 0, "end": 1}, "c", None]
    (segment,) = read({"segments": [FIRST | {"words": [*timeless, GOOD, {"start": 2, "end": 1, "text": "x"}]}]})
    assert segment.text == "Good morning."
    assert segment.words == (Word(0.0, 0.4, "Good"), Word(2.0, 2.0, "x"))


@pytest.mark.parametrize("speaker", [None, "", [], {}, 1.5])
def test_a_speaker_that_has_no_name_is_none(speaker: object) -> None:
    assert read({"segments": [FIRST | {"speaker": speaker}]})[0].speaker is None


@pytest.mark.parametrize("items", [None, {}, "text", 5, [None, 5, "x", []]])
def test_lists_of_anything_else_are_left_out(items: object) -> None:
    assert read({"text": "Hi.", "segments": items, "words": items}) == (Segment(0.0, 0.0, "Hi."),)


@pytest.mark.parametrize("raw", [
    {}, {"error": "Rate limit exceeded", "message": "Please wait"}, {"error": {"message": "no"}}, {"text": None},
    {"text": 5, "segments": {}}, {"file_id": "x"}, b"{", b'{"text": "Hi', b'{"a":' * 10_000, b"<html><h1>502</h1>",
    b"<!DOCTYPE html>", b"\n<HTML>", b"\xff\xfe\x00", b"\x1f\x8b\x08",
])  # fmt: skip
def test_what_is_no_transcript_is_never_taken_for_one(raw: object) -> None:
    with pytest.raises(ProviderUnavailable) as raised:
        read(raw)
    assert raised.value.code == "malformed_answer"
    assert raised.value.code not in NOTHING_SENT


@pytest.mark.parametrize(
    ("status", "body", "error", "message"),
    [
        (400, {"error": "Invalid file format", "message": "Supported formats"}, InvalidRequest,
         "Invalid file format: Supported formats"),
        (429, {"error": "Rate limit exceeded", "message": "Please wait"}, RateLimited,
         "Rate limit exceeded: Please wait"),
        (429, {"error": {"message": "You exceeded", "type": "insufficient_quota"}}, PaymentRequired, "You exceeded"),
        (500, {"error": {"message": "No.", "code": "unreachable"}}, ProviderUnavailable, "No."),
        (422, {"detail": "language is unknown"}, InvalidRequest, "language is unknown"),
        (524, "<html>", ProviderUnavailable, "the provider gave no reason"),
    ],
)  # fmt: skip
def test_a_refusal_has_the_servers_words_and_a_code_of_ours(
    status: int, body: object, error: type[ProviderError], message: str
) -> None:
    found = openai_answers.refusal(status, {"retry-after": "7"}, json.dumps(body).encode())
    assert (type(found), found.message, found.code, found.status) == (error, message, f"http_{status}", status)
    assert found.code not in NOTHING_SENT
    assert found.retry_after is not None
    assert not isinstance(found, RateLimited) or found.of_every_request

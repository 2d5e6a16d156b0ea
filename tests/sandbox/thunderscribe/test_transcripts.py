"""`receiver.sandbox.thunderscribe.transcripts`: what a recording says, and what changes it."""

import itertools
import json
from typing import Any, Literal

import pytest
import srt  # type: ignore[import-untyped] # it has no types
import webvtt

from receiver.sandbox import samples
from receiver.sandbox.knobs import ThunderScribeKnobs
from receiver.sandbox.thunderscribe import orders, transcripts

NO_KNOBS = ThunderScribeKnobs()
DIARIZED: dict[str, Any] = {"diarization": "true"}
WORDS: dict[str, Any] = {"timestamp_granularities[]": "word"}


def text(name: str = "talk.mp3", *, knobs: ThunderScribeKnobs = NO_KNOBS, **asked: Any) -> str:
    """Return the body of an answer."""
    order = orders.read([("language", "de"), *asked.items()])
    return bytes(transcripts.answer(samples.named(name), order, knobs).body).decode()


def detailed(name: str = "talk.mp3", *, knobs: ThunderScribeKnobs = NO_KNOBS, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text(name, knobs=knobs, response_format="json", **asked))
    return found


def speakers(**asked: Any) -> set[str]:
    return {segment["speaker"] for segment in detailed(**DIARIZED, **asked)["segments"]}


def test_the_name_decides_what_is_said_and_the_language_is_the_one_asked_for() -> None:
    one, same, other = detailed("a.mp3"), detailed("a.mp3"), detailed("b.mp3")
    assert one == same
    assert one["text"] != other["text"]
    assert (one["language"], one["duration"]) == ("de", 3600.0)
    assert one["text"] == " ".join(segment["text"] for segment in one["segments"]) == text("a.mp3")


@pytest.mark.parametrize(("place", "inside", "beside"), [("segments", 1, 0), ("top", 0, 1), ("both", 1, 1)])
def test_words_stand_where_the_knob_puts_them(
    place: Literal["segments", "top", "both"], inside: int, beside: int
) -> None:
    found = detailed(knobs=ThunderScribeKnobs(words=place), **WORDS)
    assert [("words" in segment) for segment in found["segments"]] == [bool(inside)] * len(found["segments"])
    assert ("words" in found) == bool(beside)
    words = found.get("words") or [word for segment in found["segments"] for word in segment["words"]]
    assert " ".join(word["word"] for word in words) == found["text"]
    assert all(word["start"] <= word["end"] for word in words)
    assert words[-1]["end"] == found["duration"]


def test_words_and_speakers_come_only_when_they_are_asked_for() -> None:
    found = detailed()
    assert found.keys() == {"task", "language", "duration", "text", "segments"}
    assert found["segments"][0].keys() == {"start", "end", "text"}


@pytest.mark.parametrize(
    ("asked", "count"),
    [({}, 2), ({"num_speakers": "3"}, 3), ({"max_speakers": "1"}, 1), ({"min_speakers": "4"}, 4),
     ({"min_speakers": "1", "max_speakers": "5"}, 2), ({"num_speakers": "1", "min_speakers": "1"}, 1)],
)  # fmt: skip
def test_as_many_speakers_are_told_apart_as_are_asked_for(asked: dict[str, str], count: int) -> None:
    assert speakers(**asked) == {f"Speaker {number}" for number in range(1, count + 1)}


def test_turns_join_what_one_speaker_says_and_segments_are_joined_if_they_are_not_split() -> None:
    split = detailed(**DIARIZED)
    joined = detailed(**DIARIZED, split_segments_by_speaker="false")
    turns = split["diarization_segments"]
    assert all(one["speaker"] != other["speaker"] for one, other in itertools.pairwise(turns))
    assert (turns[0]["start"], turns[-1]["end"]) == (0.0, 3600.0)
    assert joined["diarization_segments"] == turns
    assert len(joined["segments"]) == -(-len(split["segments"]) // 2)
    assert joined["segments"][-1]["end"] == 3600.0
    assert joined["text"] == split["text"]


def test_a_recording_without_speakers_has_no_turns_and_a_silent_one_nothing() -> None:
    assert "speaker" not in detailed("no-speakers.mp3", **DIARIZED)["segments"][0]
    assert detailed("no-speakers.mp3", **DIARIZED)["diarization_segments"] == []
    assert detailed("empty.mp3", **DIARIZED) == {
        "task": "transcribe", "language": "de", "duration": 3600.0, "text": "", "segments": [],
        "diarization_segments": [],
    }  # fmt: skip
    assert text("empty.mp3") == text("empty.mp3", response_format="srt") == ""
    assert detailed("two-hours.mp3")["duration"] == 7200.0


def test_subtitles_are_read_by_others_readers_as_what_was_said() -> None:
    captions = webvtt.from_string(text(response_format="vtt")).captions
    said = [segment["text"] for segment in detailed()["segments"]]
    assert [cue.content for cue in srt.parse(text(response_format="srt"))] == said
    assert [caption.text for caption in captions] == said


def test_bad_srt_has_a_mark_no_numbers_and_times_that_run_backwards() -> None:
    good, bad = text("bad-srt.mp3", response_format="vtt"), text("bad-srt.mp3", response_format="srt")
    times = [line.split(" --> ") for line in bad.removeprefix("\ufeff").splitlines() if "-->" in line]
    assert bad.startswith("\ufeff00:00:00,000 --> ")
    assert [start > end for start, end in times[:4]] == [False, True, False, True]
    assert len(times) == good.count("-->")
    assert not any(line.isdigit() for line in bad.splitlines())

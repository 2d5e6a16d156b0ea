"""`receiver.sandbox.timbr.outputs`: what a task's files hold, by the recording's name and what was asked for."""

import re

import pytest
import srt  # type: ignore[import-untyped] # it has no types

from receiver.sandbox.timbr import orders, outputs
from receiver.sandbox.timbr.orders import Order
from receiver.sandbox.timbr.outputs import Output

MB = 1024**2
SEPARATION = orders.separation({})


def made(order: Order, name: str = "talk.wav") -> list[Output]:
    return list(outputs.outputs(outputs.recording(name), order))


def transcribed(name: str = "talk.wav", **asked: str) -> str:
    given = {"detect_speakers": "true", "denoise_audio": "false"} | asked
    (output,) = made(orders.transcription(given), name)
    content = output.make()
    return b"".join(content.block(number) for number in range(-(-content.size // 2**18))).decode()


def translated(name: str = "talk.srt", target: str = "ko", **asked: str) -> str:
    (output,) = made(orders.translation({"source_language": "en", "target_language": target} | asked), name)
    return output.make().block(0).decode()


def labels(written: str) -> set[str]:
    return set(re.findall(r"^\[(.+?)\] ", written, re.MULTILINE))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, {"Speaker 1", "Speaker 2"}),
        ({"speakers": "3"}, {"Speaker 1", "Speaker 2", "Speaker 3"}),
        ({"speakers": "1"}, {"Speaker 1"}),
        ({"speaker_name": "true"}, {"Ada", "Ben"}),
        ({"speaker_name": "true", "speakers": "9"}, {*outputs.NAMES}),
        ({"detect_speakers": "false", "speakers": "3", "speaker_name": "true"}, set()),
    ],
)
def test_as_many_speakers_are_told_apart_as_are_asked_for(asked: dict[str, str], found: set[str]) -> None:
    assert labels(transcribed(**asked)) == found


def test_a_recording_may_have_no_speakers_or_nothing_in_it_or_last_for_hours() -> None:
    assert labels(transcribed("no-speakers.wav")) == set()
    assert transcribed("no-speakers.wav").count("-->") > 100
    assert transcribed("empty.wav") == translated("empty.srt") == ""
    assert list(srt.parse(transcribed("two-hours.wav")))[-1].end.total_seconds() == 7200


def test_a_transcript_is_srt_that_others_read_or_bad_srt_if_the_name_says_so() -> None:
    good, bad = transcribed("talk.wav"), transcribed("bad-srt.wav")
    assert [cue.index for cue in srt.parse(good)] == [*range(1, good.count("-->") + 1)]
    assert bad.startswith("\ufeff00:00:00,000 --> ")
    assert translated("bad-srt.srt").startswith("\ufeff")


def test_a_translation_has_the_cues_of_the_transcript_in_another_language() -> None:
    said = list(srt.parse(transcribed(detect_speakers="false")))
    ours, others = list(srt.parse(translated())), list(srt.parse(translated(target="fi")))
    assert [(cue.start, cue.end) for cue in ours] == [(cue.start, cue.end) for cue in said]
    assert [cue.content for cue in ours] == [f"{cue.content} (ko)" for cue in said]
    assert ours != others
    assert labels(translated()) == set()
    assert labels(translated(speaker_name="true")) == {"Ada", "Ben"}


@pytest.mark.parametrize(
    ("name", "size"),
    [("talk.wav", outputs.STEM_BYTES), ("huge-stem.wav", 48 * MB), ("A Huge-Stem-1024MB.wav", 1024 * MB),
     ("huge-stem-0mb.wav", 48 * MB)],
)  # fmt: skip
def test_a_separation_has_two_stems_of_which_the_first_is_as_large_as_the_name_says(name: str, size: int) -> None:
    stems = made(SEPARATION, name)
    assert [stem.make().size for stem in stems] == [size, outputs.STEM_BYTES]
    assert len({stem.name for stem in stems}) == 2
    assert {(stem.extension, stem.mime_type) for stem in stems} == {("wav", "audio/wav")}


def test_a_file_may_have_no_name() -> None:
    assert [
        output.name for output in made(orders.translation({"source_language": "en", "target_language": "ko"}), "")
    ] == ["file_ko.srt"]

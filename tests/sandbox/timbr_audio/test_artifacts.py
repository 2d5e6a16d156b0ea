"""`receiver.sandbox.timbr_audio.artifacts`: what the files of a job are."""

import io
import wave
from typing import Any

import pytest
import srt  # type: ignore[import-untyped] # it has no types

from receiver.sandbox import samples
from receiver.sandbox.assets import BLOCK, Content
from receiver.sandbox.timbr_audio import artifacts, orders


def content(file: str, name: str = "talk.wav", *, is_first: bool = True, **wishes: Any) -> Content:
    order = orders.read("diarize" if file.endswith(".srt") else "separate", {"file_id": "x"} | wishes)
    return artifacts.content(file, samples.named(name), order.wishes, is_first=is_first)


def whole(made: Content) -> bytes:
    return b"".join(made.block(number) for number in range(-(-made.size // BLOCK)))


def test_a_stem_is_a_wav_file_as_it_was_asked_for_and_always_the_same() -> None:
    raw = whole(content("speech.wav", sample_rate=8000, bit_depth=24))
    with wave.open(io.BytesIO(raw)) as read:
        assert (read.getframerate(), read.getsampwidth(), read.getnchannels()) == (8000, 3, 1)
        assert read.getnframes() == (len(raw) - 44) // 3
    assert raw == whole(content("speech.wav", sample_rate=8000, bit_depth=24))
    assert raw != whole(content("me.wav", sample_rate=8000, bit_depth=24))
    assert raw != whole(content("speech.wav", "other.wav", sample_rate=8000, bit_depth=24))


@pytest.mark.parametrize(("name", "megabytes"), [("huge-stem.wav", 48), ("a-huge-stem-1024mb-b.wav", 1024)])
def test_the_first_file_of_a_huge_stem_is_large(name: str, megabytes: int) -> None:
    assert content("speech.wav", name).size == megabytes * 1024**2
    assert content("me.wav", name, is_first=False).size < 1024**2


def test_subtitles_have_speakers_or_not_and_as_many_as_were_asked_for() -> None:
    named, bare = ([cue.content for cue in srt.parse(whole(content(file)).decode())] for file in
                   ("timbr.srt", "sentence_split.srt"))  # fmt: skip
    assert [cue.partition("] ")[2] for cue in named] == bare
    assert {cue.partition("]")[0] for cue in named} == {"[Speaker 1", "[Speaker 2"}
    three = whole(content("timbr.srt", num_speakers=3)).decode()
    assert "[Speaker 3]" in three
    assert "[Speaker 4]" not in three


@pytest.mark.parametrize(("name", "begins"), [("empty.wav", ""), ("bad-srt.wav", "\ufeff00:00:00,000 --> ")])
def test_words_in_the_name_change_the_subtitles(name: str, begins: str) -> None:
    text = whole(content("timbr.srt", name)).decode()
    assert text.startswith(begins)
    assert bool(text) == bool(begins)

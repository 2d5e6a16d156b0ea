"""`submissions.asking`: options are checked against the provider's ranges, and mistakes are named."""

import wave
from pathlib import Path
from typing import ClassVar

import pytest

from receiver.errors import ImpossibleError
from receiver.providers import OpenAI, ThunderScribe, TimbrAudio, TranscribeSo
from receiver.providers.orders import Media, Wishes
from receiver.submissions import asking
from tests.submissions.submitting import ACCOUNT


def test_options_are_read_as_they_are_typed() -> None:
    given = [("language", "en"), ("temperature", "0.5"), ("diarization", "true"), ("num_speakers", "3")]
    found = asking.wishes_of(ThunderScribe, "transcription", given).to_json()
    assert found["temperature"] == 0.5
    assert found["diarization"] is True
    assert found["num_speakers"] == 3


def test_an_option_that_is_given_twice_is_a_list() -> None:
    given = [("timestamp_granularities", "word"), ("timestamp_granularities", "segment")]
    assert asking.wishes_of(OpenAI, "transcription", given).to_json()["timestamp_granularities"] == ["word", "segment"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "thunderscribe, transcription: language is required"),
        ([("language", "en"), ("temperature", "1.1")], "temperature: must be less than or equal to 1"),
        ([("language", "en"), ("response_format", "docx")], "response_format: must be 'text', 'json'"),
        ([("language", "en"), ("colour", "red")], "there is no option colour; there are "),
        ([("language", "en"), ("min_speakers", "3"), ("max_speakers", "2")], "must not be more than max_speakers"),
    ],
)
def test_a_wrong_option_is_named(given: list[tuple[str, str]], said: str) -> None:
    with pytest.raises(ImpossibleError) as refused:
        asking.wishes_of(ThunderScribe, "transcription", given)
    assert said in str(refused.value)


def test_an_operation_is_the_first_one_or_the_named_one() -> None:
    assert asking.operation_of(ThunderScribe, None) == "transcription"
    with pytest.raises(ImpossibleError, match="thunderscribe has no operation separation; it has: transcription"):
        asking.operation_of(ThunderScribe, "separation")
    assert asking.operation_of(TranscribeSo, None) == "transcription"


def test_a_folder_is_its_recordings_by_name(tmp_path: Path) -> None:
    for name in ("b.mp3", "a.WAV", "cover.jpg"):
        (tmp_path / name).touch()
    found = asking.recordings_in([str(tmp_path), "https://example.com/x.mp3", "gone.mp3"])
    assert [Path(one).name for one in found] == ["a.WAV", "b.mp3", "x.mp3", "gone.mp3"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImpossibleError, match="has no recordings: mp3"):
        asking.recordings_in([str(tmp_path / "empty")])


def test_a_file_is_read_with_its_length(tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * 8000 * 3))
    what = asking.work_of(ThunderScribe, "transcription", [("language", "en")])
    asked = asking.read(ThunderScribe, ACCOUNT, what, str(path))
    assert (asked.recording, asked.title, asked.duration_seconds) == ("talk.wav", "talk", 3.0)
    for wrong, said in ((tmp_path / "gone.mp3", "cannot be read"), (tmp_path, "is empty, or not a file")):
        with pytest.raises(ImpossibleError, match=said):
            asking.read(ThunderScribe, ACCOUNT, what, str(wrong))


# --- transcribing ---------------------------------------------------------------------------------------------------


class Stems(ThunderScribe):
    """A source whose first operation brings files."""

    operations: ClassVar = {"separation": Wishes, "translation": Wishes, "diarization": Wishes}


class Silent(ThunderScribe):
    """A source that makes no transcripts of recordings."""

    operations: ClassVar = {"separation": Wishes, "translation": Wishes}


def test_the_operation_that_transcribes_is_the_first_one_that_does() -> None:
    assert asking.transcribing(ThunderScribe) == asking.transcribing(OpenAI) == "transcription"
    assert asking.transcribing(Stems) == "diarization"


def test_a_source_that_makes_no_transcripts_says_what_it_has() -> None:
    with pytest.raises(ImpossibleError, match="thunderscribe makes no transcripts; it has: separation, translation"):
        asking.transcribing(Silent)


def test_all_mistakes_are_named_at_once() -> None:
    given = [("temperature", "2"), ("diarization", "perhaps"), ("speed", "2")]
    with pytest.raises(ImpossibleError) as caught:
        asking.wishes_of(ThunderScribe, "transcription", given)
    said = str(caught.value)
    assert "language is required" in said
    assert "temperature: must be less than or equal to 1" in said
    assert "there is no option speed; there are model, " in said


@pytest.mark.parametrize("option", [("duration_seconds", "1e300"), ("duration_seconds", "1e9")])
def test_a_number_that_is_no_measure_of_anything_is_refused(option: tuple[str, str]) -> None:
    """The database writes such a number with all its digits, and nothing reads it again."""
    with pytest.raises(ImpossibleError, match="a number of the options is too large"):
        asking.wishes_of(TranscribeSo, "transcription", [option])


def test_an_option_that_is_a_file_is_told_by_its_name_and_is_not_checked_as_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "talk.srt"
    path.write_bytes(b"x")
    found = asking.work_of(TimbrAudio, "diarization", [("num_speakers", "2"), ("input_srt_file_id", f"@{path}")])
    assert found.wishes.to_json()["input_srt_file_id"] == "@talk.srt"
    assert found.files == {"input_srt_file_id": Media(path, "talk.srt", 1)}
    assert asking.work_of(TimbrAudio, "diarization", [("input_srt_file_id", "an-id")]).files == {}


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("language=@talk.srt", "timbr-audio, diarization: language takes no file, so its value cannot be @talk.srt"),
        ("input_srt_file_id=@gone.srt", "gone.srt cannot be read (No such file or directory)"),
        ("input_srt_file_id=@empty.srt", "empty.srt is empty, or not a file"),
        ("input_srt_file_id=@", ". is empty, or not a file"),
        ("colour=@talk.srt", "there is no option colour; there are "),
    ],
)
def test_what_cannot_be_attached_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talk.srt").write_bytes(b"x")
    (tmp_path / "empty.srt").touch()
    name, _, value = option.partition("=")
    with pytest.raises(ImpossibleError) as refused:
        asking.work_of(TimbrAudio, "diarization", [(name, value)])
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("url", "title"),
    [
        ("https://u:s3cret@h.example.com/", "h.example"), ("https://u:s3cret@h.example.com/a/talk.mp3?s3cret", "talk"),
        ("https://h.example.com/a#/s3cret", "a"), ("https://u:s3c/ret@h.example.com/a.mp3", "…"),
    ],
)  # fmt: skip
def test_a_title_has_nothing_that_is_secret_in_an_address(url: str, title: str) -> None:
    work = asking.work_with(TranscribeSo, "transcription", [], {})
    assert asking.Asked(TranscribeSo, ACCOUNT, work, url=url).title == title


@pytest.mark.parametrize("given", [{"language": "e\0n"}, {"\0": "x"}, {"timestamp_granularities": ["word", "\ud800"]}])
def test_an_option_that_the_database_cannot_keep_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ImpossibleError, match="a character that cannot be kept, such as NUL"):
        asking.options_of(OpenAI, "transcription", given)

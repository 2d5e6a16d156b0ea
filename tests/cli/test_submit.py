"""`receiver submit`: what is handed in besides recordings."""

from pathlib import Path

import pytest

from tests.commands import Commands, Simulated, wav

TRANSLATE = ("--provider", "timbr", "--operation", "translation", "-o", "source_language=en")
GERMAN = (*TRANSLATE, "-o", "target_language=de")
EXAMPLE = "transcribe.so/4821"  # every key of the sandbox has it


@pytest.fixture
def ours(commands: Commands, sandbox: Simulated, receiver_database: str) -> Commands:
    """Return commands with a database, for the simulated Timbr providers."""
    commands.environment |= {
        "DATABASE_URL": receiver_database,
        "TIMBR_API_URL": f"{sandbox.url}/timbr",
        "TIMBR_API_KEY": sandbox.key,
        "TIMBR_AUDIO_API_URL": f"{sandbox.url}/timbr-audio",
        "TIMBR_AUDIO_API_KEY": sandbox.key,
    }
    return commands


def test_a_transcript_is_submitted_for_translation_and_the_same_again_is_the_same_submission(
    ours: Commands, tmp_path: Path
) -> None:
    ran = ours.run("submit", EXAMPLE, *GERMAN)
    (submission,) = ours.read("submissions")
    assert (ran.exit_code, ran.stdout) == (0, f"{submission['id']}\n"), ran.stderr
    assert (submission["state"], submission["operation"]) == ("uploaded", "translation")
    title = submission["recording"].removesuffix(".srt")
    assert f"\n# {title}\n" in f"\n{ours.good('transcript', '4821', '--format', 'markdown')}"
    assert ours.good("submit", EXAMPLE, *GERMAN) == ran.stdout
    other = ours.good("submit", EXAMPLE, *TRANSLATE, "-o", "target_language=fr")
    assert other != ran.stdout
    written = tmp_path / "other name.srt"
    written.write_text(ours.good("transcript", "4821", "--format", "srt", "--cues", "provider"))
    assert ours.good("submit", written, *GERMAN) == ran.stdout, "the content decides"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sub_0", *GERMAN), "there is no submission sub_0"),
        (("transcribe.so/x", *GERMAN), "a transcription id of transcribe.so is a positive integer"),
        (("sub_0", "--provider", "timbr"), "sub_0 names a transcript, and timbr makes a transcription of a recording"),
        ((EXAMPLE, "sub_0", *GERMAN), "there is no submission sub_0"),
        ((EXAMPLE, "gone.srt", *GERMAN), "gone.srt cannot be read"),
    ],
)
def test_what_is_no_transcript_is_a_sentence_and_nothing_is_submitted(
    ours: Commands, arguments: tuple[str, ...], said: str
) -> None:
    ran = ours.run("submit", *arguments)
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert said in ran.stderr
    assert ours.read("submissions") == []


def test_a_file_among_the_options_is_uploaded_and_shown_by_its_name(ours: Commands, tmp_path: Path) -> None:
    subtitles = tmp_path / "talk.srt"
    subtitles.write_text("1\n00:00:01,000 --> 00:00:02,000\nYes.\n")
    diarize = ("--provider", "timbr-audio", "--operation", "diarization", "-o", f"input_srt_file_id=@{subtitles}")
    recording = wav(tmp_path / "talk.wav", 2)
    said = ours.good("submit", recording, *diarize)
    (submission,) = ours.read("submissions")
    assert (said, submission["options"]["input_srt_file_id"]) == (f"{submission['id']}\n", "@talk.srt")
    assert ours.good("submit", recording, *diarize) == said
    subtitles.unlink()
    ran = ours.run("submit", recording, *diarize, "--again")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr == f"Error: {subtitles} cannot be read (No such file or directory)\n"
    assert ours.read("submissions") == [submission]


def test_a_key_is_for_one_recording_and_nothing_is_done_for_two(
    ours: Commands, sandbox: Simulated, tmp_path: Path
) -> None:
    folder = tmp_path / "season"
    folder.mkdir()
    one, other = wav(folder / "one.wav", 2), wav(folder / "two.wav", 3)
    for recordings in ((one, other), (folder,)):
        ran = ours.run("submit", *recordings, "--provider", "timbr-audio", "--idempotency-key", "mine")
        assert (ran.exit_code, ran.stdout) == (2, "")
        assert "Error: --idempotency-key is for one RECORDING\n" in ran.stderr
    assert (ours.read("submissions"), sandbox.asked()) == ([], [])
    other.unlink()
    ours.good("submit", folder, "--provider", "timbr-audio", "--idempotency-key", "mine")
    assert len(ours.read("submissions")) == 1


def test_under_a_key_another_key_pays_for_a_new_one(ours: Commands, tmp_path: Path) -> None:
    keyed = ("submit", wav(tmp_path / "talk.wav", 2), "--provider", "timbr-audio", "--idempotency-key", "mine")
    printed = ours.good(*keyed)
    again = ours.run(*keyed)
    assert (again.exit_code, again.stdout) == (0, printed)
    assert "is uploaded; another --idempotency-key pays for a new one\n" in again.stderr
    ran = ours.run(*keyed, "--again")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "--again does not go with --idempotency-key: take another key" in ran.stderr
    assert len(ours.read("submissions")) == 1


def test_a_recording_with_the_content_of_another_is_named_before_it(ours: Commands, tmp_path: Path) -> None:
    first = ours.good("submit", wav(tmp_path / "--- yaml: [broken.wav", 2), "--provider", "timbr-audio").strip()
    ran = ours.run("submit", wav(tmp_path / "CON.wav", 2), "--provider", "timbr-audio")
    assert (ran.exit_code, ran.stdout) == (0, f"{first}\n")
    assert f"CON.wav has the content of --- yaml: [broken.wav: {first} was submitted at " in ran.stderr
    again = ours.run("submit", tmp_path / "--- yaml: [broken.wav", "--provider", "timbr-audio")
    assert f"--- yaml: [broken.wav: {first} was submitted at " in again.stderr
    assert "has the content" not in again.stderr

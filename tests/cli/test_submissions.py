"""`receiver submissions`: what the providers were asked for."""

from pathlib import Path

from tests.commands import Commands, Simulated, wav


def test_submissions_are_listed_by_their_state_in_its_own_word(
    commands: Commands, sandbox: Simulated, receiver_database: str, tmp_path: Path
) -> None:
    audio = {"TIMBR_AUDIO_API_URL": f"{sandbox.url}/timbr-audio", "TIMBR_AUDIO_API_KEY": sandbox.key}
    commands.environment |= {"DATABASE_URL": receiver_database} | audio
    printed = commands.good("submit", wav(tmp_path / "talk.wav", 2), "--provider", "timbr-audio")
    assert commands.good("submissions", "--state", "uploaded").split()[3] == printed.strip()
    assert commands.read("submissions", "--state", "unknown", "--state", "failed") == []

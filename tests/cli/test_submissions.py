"""`receiver submissions`: what the providers were asked for."""

from pathlib import Path

from tests.commands import Commands, Simulated, wav
from tests.processes import Processes


def test_submissions_are_listed_by_their_state_in_its_own_word(
    commands: Commands, sandbox: Simulated, receiver_database: str, tmp_path: Path
) -> None:
    audio = {"TIMBR_AUDIO_API_URL": f"{sandbox.url}/timbr-audio", "TIMBR_AUDIO_API_KEY": sandbox.key}
    commands.environment |= {"DATABASE_URL": receiver_database} | audio
    printed = commands.good("submit", wav(tmp_path / "talk.wav", 2), "--provider", "timbr-audio")
    assert commands.good("submissions", "--state", "uploaded").split()[3] == printed.strip()
    assert commands.read("submissions", "--state", "unknown", "--state", "failed") == []


def test_submissions_are_listed_by_what_people_know_of_them(
    commands: Commands, sandbox: Simulated, receiver_database: str, tmp_path: Path
) -> None:
    audio = {"TIMBR_AUDIO_API_URL": f"{sandbox.url}/timbr-audio", "TIMBR_AUDIO_API_KEY": sandbox.key}
    commands.environment |= {"DATABASE_URL": receiver_database} | audio
    commands.good("submit", wav(tmp_path / "Talk 7.wav", 2), "--provider", "timbr-audio")
    found = [
        ["--title", "talk 7"], ["--source", "timbr-audio"], ["--account", "default"], ["--since", "1h"],
        ["--title", "TALK", "--source", "timbr-audio", "--account", "default", "--since", "1h", "--state", "uploaded"],
    ]  # fmt: skip
    for options in found:
        assert [one["recording"] for one in commands.read("submissions", *options)] == ["Talk 7.wav"]
    for options in (["--title", "talk 8"], ["--source", "timbr"], ["--state", "done"]):
        assert commands.run("submissions", *options).stderr == "no such submissions\n"
    said = "no such submissions\nno account is called two here, only default\n"
    assert commands.run("submissions", "--account", "two").stderr == said


def test_what_is_overdue_is_shown_so_until_it_ends(
    commands: Commands, processes: Processes, sandbox: Simulated, receiver_database: str, tmp_path: Path
) -> None:
    audio = {"TIMBR_AUDIO_API_URL": f"{sandbox.url}/timbr-audio", "TIMBR_AUDIO_API_KEY": sandbox.key}
    commands.environment |= {"DATABASE_URL": receiver_database} | audio
    commands.good("submit", wav(tmp_path / "talk.wav", 2), "--provider", "timbr-audio")
    assert "overdue" not in commands.good("submissions")
    for state, is_shown in (("accepted", True), ("done", False)):
        overdue = f"update receiver.submissions set state = '{state}', overdue_at = '2026-11-29 12:00Z'"
        processes.sql(overdue, receiver_database)
        assert ("talk.wav  overdue since 2026-11-29 12:00:00Z\n" in commands.good("submissions")) is is_shown
    assert commands.read("submissions")[0]["overdue_at"].startswith("2026-11-29T12:00:00")

"""`receiver schema`: the documents that commands print are as it says."""

import json
from pathlib import Path
from typing import Any

import jsonschema
from click.testing import CliRunner

from receiver.cli import main
from tests.commands import Commands, Simulated, wav


def schema(document: str) -> Any:
    ran = CliRunner().invoke(main, ["schema", document])
    assert ran.exit_code == 0
    return json.loads(ran.stdout)


def test_a_transcript_that_is_printed_is_as_the_schema_says(commands: Commands) -> None:
    printed = json.loads(commands.good("transcript", "4821", "--format", "json"))
    assert len(printed["chapters"]) == 10
    jsonschema.validate(printed, schema("transcript"))


def test_a_submission_that_is_printed_is_as_the_schema_says(
    commands: Commands, sandbox: Simulated, receiver_database: str, tmp_path: Path
) -> None:
    commands.environment |= {
        "DATABASE_URL": receiver_database, "TIMBR_AUDIO_API_URL": f"{sandbox.url}/timbr-audio",
        "TIMBR_AUDIO_API_KEY": sandbox.key,
    }  # fmt: skip
    commands.good("submit", wav(tmp_path / "talk.wav", 2), "--provider", "timbr-audio")
    (printed,) = commands.read("submissions")
    found = schema("submission")
    jsonschema.validate(printed, found)
    assert {*printed} == {*found["properties"]}


def test_another_document_is_refused_by_the_names_of_those_that_there_are() -> None:
    ran = CliRunner().invoke(main, ["schema", "jobs"])
    assert ran.exit_code == 2
    assert "'event', 'transcript', 'submission'" in ran.stderr

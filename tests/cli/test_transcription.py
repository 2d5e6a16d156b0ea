"""`receiver retry` and `delete`: they ask first, and do what they say."""

import json
from pathlib import Path

import pytest

from tests.commands import Commands, Scripted, Simulated
from tests.processes import until

PRICE = 2.172  # of an hour, which every recording lasts here


@pytest.fixture
def failed(sandbox: Simulated) -> str:
    """Return the id of a transcription that fails once."""
    return str(sandbox.made("https://example.com/fail-once.mp3"))


def test_a_retry_asks_with_the_price(commands: Commands, sandbox: Simulated, failed: str) -> None:
    ran = commands.run("retry", failed, stdin="y\n")
    assert (ran.exit_code, ran.stdout) == (0, f"transcription {failed} is processing\n")
    assert "Charge about $2.1720 and start it again? [y/N]" in ran.stderr
    assert "fail-once.mp3" in ran.stderr
    until(lambda: sandbox.get(f"transcriptions/{failed}")["status"] == "completed", "it has completed")
    assert sandbox.spent() == 2 * PRICE


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
@pytest.mark.parametrize("command", ["retry", "delete"])
def test_without_a_yes_nothing_happens(
    commands: Commands, sandbox: Simulated, failed: str, command: str, answer: str
) -> None:
    ran = commands.run(command, failed, stdin=answer)
    assert (ran.exit_code, ran.stdout) == (1, "")
    said = (
        "Aborted!"
        if answer
        else "standard input is closed, so nothing was done: pass --yes to continue without a question"
    )
    assert ran.stderr.splitlines()[-1].endswith(said)
    assert sandbox.get(f"transcriptions/{failed}")["status"] == "failed"
    assert sandbox.spent() == PRICE


def test_yes_starts_it_again_without_asking(commands: Commands, failed: str) -> None:
    ran = commands.run("retry", failed, "--yes")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, f"transcription {failed} is processing\n", "")


def test_that_it_was_charged_is_said_whatever_becomes_of_the_data(commands: Commands, failed: str) -> None:
    ran = commands.run("retry", failed, "--yes", "--json")
    assert (json.loads(ran.stdout)["status"], ran.stderr) == (
        "processing", f"transcription {failed} is started again\n",
    )  # fmt: skip


def test_a_retry_can_be_followed_to_its_end(commands: Commands, failed: str) -> None:
    ran = commands.run("retry", failed, "--yes", "--wait", "--json")
    assert ran.stderr.startswith(f"transcription {failed} is started again\n")
    printed = json.loads(ran.stdout)
    assert (str(printed["id"]), printed["status"], "callback" in printed) == (failed, "completed", False)


def test_a_retry_that_fails_again_says_so(commands: Commands, sandbox: Simulated) -> None:
    number = sandbox.made("https://example.com/fail.mp3")
    ran = commands.run("retry", str(number), "--yes", "--wait")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert f"transcription {number} failed: The media could not be decoded; `receiver retry {number}`" in ran.stderr
    assert sandbox.spent() == 2 * PRICE


def test_only_what_has_failed_is_started_again(commands: Commands, sandbox: Simulated) -> None:
    ran = commands.run("retry", "4821", "--yes")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr == "Error: transcription 4821 is completed; only a failed one is started again\n"
    assert sandbox.asked("/retry") == []


def test_a_price_that_cannot_be_reckoned_is_not_made_up(folder: Path) -> None:
    with Scripted().running() as provider:
        about = {"id": 7, "status": "failed", "pipeline_code": "withdrawn", "duration_seconds": 60}
        provider.answers = {
            "GET /api/v1/transcriptions/7": [(200, about)],
            "GET /api/v1/pipelines": [(200, {"pipelines": [{"code": "other", "retail_usd_per_min": 1}]})],
        }
        ran = Commands(folder, provider.url).run("retry", "7", stdin="n\n")
    assert "Charge the full price and start it again?" in ran.stderr


def test_a_delete_asks_and_is_for_ever(commands: Commands, sandbox: Simulated, failed: str) -> None:
    ran = commands.run("delete", failed, stdin="y\n")
    assert (ran.exit_code, ran.stdout) == (0, f"transcription {failed} is deleted\n")
    assert "Delete it at the provider, permanently? [y/N]" in ran.stderr
    assert sandbox.submitted() == []
    again = commands.run("delete", failed, "--yes")
    assert (again.exit_code, again.stdout) == (1, "")
    assert "not_found (HTTP 404)" in again.stderr


def test_yes_deletes_without_asking(commands: Commands, sandbox: Simulated, failed: str) -> None:
    ran = commands.run("delete", failed, "--yes")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert sandbox.submitted() == []


@pytest.mark.parametrize("command", ["retry", "delete"])
@pytest.mark.parametrize("number", ["x", "0", "1/../4821", "4821?x=y", "9" * 30])
def test_what_is_no_id_is_not_asked_for(commands: Commands, sandbox: Simulated, command: str, number: str) -> None:
    ran = commands.run(command, number, "--yes")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "a transcription id of transcribe.so is a positive integer" in ran.stderr
    assert sandbox.asked() == []

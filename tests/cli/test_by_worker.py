"""`receiver transcribe` with a database: a worker sends the recording, to transcribe.so or another provider."""

from pathlib import Path

import pytest

from tests.commands import Commands, Simulated, wav
from tests.processes import Processes, until

SUBMIT = ("--provider", "thunderscribe", "--language", "en")


@pytest.fixture
def ours(processes: Processes, sandbox: Simulated, receiver_database: str) -> Commands:
    """Return commands with a database, for the simulated ThunderScribe. The processes have the same environment."""
    environment = {
        "DATABASE_URL": receiver_database,
        "TRANSCRIBE_API_URL": sandbox.url,
        "THUNDERSCRIBE_API_URL": f"{sandbox.url}/thunderscribe",
        "THUNDERSCRIBE_API_KEY": sandbox.key,
    }
    processes.environment |= environment
    return Commands(processes.folder, sandbox.url, sandbox.key, **environment)


def recording(commands: Commands) -> Path:
    return wav(commands.folder / "talk.wav", 2)


def charges(sandbox: Simulated) -> int:
    return len(sandbox.http.get("/sandbox/charges").json())


def test_its_transcript_is_printed_and_the_same_command_pays_for_nothing(
    ours: Commands, processes: Processes, sandbox: Simulated
) -> None:
    before, recorded = charges(sandbox), recording(ours)
    processes.start("work")
    until(lambda: bool(processes.sql("select * from receiver.processes")), "a worker is seen")
    text = ours.good("transcribe", recorded, *SUBMIT, "--wait")
    assert text.strip()
    (submission,) = ours.read("submissions")
    assert (submission["state"], submission["options"]["language"]) == ("done", "en")
    again = ours.run("transcribe", recorded, *SUBMIT)
    assert (again.exit_code, again.stdout) == (0, f"{submission['id']}\n")
    assert "--again pays for a new one" in again.stderr
    assert ours.read("transcribe", recorded, *SUBMIT, "--wait") == submission | {"text": text.rstrip("\n")}
    assert ours.good("transcript", submission["id"]).rstrip("\n") == text.rstrip("\n")
    assert charges(sandbox) == before + 1


def test_what_transcribe_so_is_asked_for_is_a_submission_like_any_other(
    ours: Commands, processes: Processes, sandbox: Simulated, tmp_path: Path
) -> None:
    before, recorded = charges(sandbox), recording(ours)
    processes.environment["TRANSCRIBE_API_KEY"] = sandbox.key
    processes.start("work")
    until(lambda: bool(processes.sql("select * from receiver.processes")), "a worker is seen")
    text = ours.good("transcribe", recorded, "--wait").rstrip("\n")
    number = sandbox.submitted()[0]["id"]
    elsewhere = wav(tmp_path / "the same.wav", 2)
    again = ours.run("transcribe", elsewhere)
    assert (text != "", again.exit_code, again.stdout) == (True, 0, f"{number}\n")
    (submission,) = ours.read("submissions")
    assert (submission["source"], submission["remote_id"]) == ("transcribe.so", str(number))
    processes.sql("update receiver.submissions set look_at = now()")
    waited = ours.good("submit", recorded, "--provider", "transcribe.so", "--wait")
    assert (waited.rstrip("\n"), ours.good("transcript", submission["id"]).rstrip("\n")) == (text, text)
    translate = ("--provider", "timbr", "--operation", "translation", "-o", "source_language=en")
    timbr = {"TIMBR_API_URL": f"{sandbox.url}/timbr", "TIMBR_API_KEY": sandbox.key}
    ours.good("submit", submission["id"], *translate, "-o", "target_language=de", **timbr)
    assert ours.read("submissions")[0]["recording"] == "talk.wav.srt"
    assert charges(sandbox) == before + 1


@pytest.mark.parametrize("options", [(), ("--wait",), ("--json",)], ids=" ".join)
def test_without_a_worker_one_line_says_so_and_the_submission_stays(ours: Commands, options: tuple[str, ...]) -> None:
    ran = ours.run("transcribe", recording(ours), *SUBMIT, *options)
    (submission,) = ours.read("submissions")
    *_, said = ran.stderr.splitlines()
    assert (ran.exit_code, ran.stdout, submission["state"]) == (1, "", "uploaded")
    assert said == (
        "Error: no worker has been seen for 5 s: run `receiver work`, or `receiver up`; "
        f"{submission['id']} stays, and goes on when one runs"
    )


@pytest.mark.parametrize(
    ("source", "variables"),
    [
        ("thunderscribe", {"THUNDERSCRIBE_API_KEY": ""}),
        ("thunderscribe", {"RECEIVER_CALLS": "0"}),
        ("transcribe.so", {"TRANSCRIBE_API_KEY": ""}),
    ],
)
def test_a_worker_that_does_not_send_to_the_provider_is_not_waited_for(
    ours: Commands, processes: Processes, sandbox: Simulated, source: str, variables: dict[str, str]
) -> None:
    path, options = ("", ()) if source == "transcribe.so" else (f"/{source}", SUBMIT)
    processes.start("work", **variables)
    until(lambda: bool(processes.sql("select from receiver.processes where told ? 'sends_for'")), "a worker has told")
    said = f"no worker that runs sends to {source} at {sandbox.url}{path}: set its key where a worker runs ("
    handed = ours.run("submit", recording(ours), "--provider", source, *("-o", "language=en") * bool(options))
    assert (handed.exit_code, said in handed.stderr) == (0, True)
    ran = ours.run("transcribe", recording(ours), *options)  # it would wait for ever
    (submission,) = ours.read("submissions")
    assert (ran.exit_code, ran.stdout, submission["state"], said in ran.stderr) == (1, "", "uploaded", True)
    assert f", and start that again; {submission['id']} stays, and goes on when one runs\n" in ran.stderr


def test_what_was_handed_over_without_a_callback_gets_none_and_that_is_told(ours: Commands) -> None:
    recorded, public = recording(ours), {"PUBLIC_URL": "http://127.0.0.1:1"}
    ours.run("transcribe", recorded)
    (submission,) = ours.read("submissions")
    said = f"{submission['id']} was handed over before, without a callback: it gets none\n"
    assert said in ours.run("transcribe", recorded, "--callback", **public).stderr
    assert said not in ours.run("transcribe", recorded).stderr
    assert "it gets none" not in ours.run("transcribe", recorded, "--again", "--callback", **public).stderr


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ((*SUBMIT, "--pipeline", "x"), 2, "--pipeline is for transcribe.so, and does not go with --provider"),
        ((*SUBMIT, "--max-charge", "2"), 1, "nobody knows what it will cost, because thunderscribe names no price"),
        ((*SUBMIT, "--callback"), 2, "--callback is for transcribe.so"),
        ((*SUBMIT, "--duration", "2"), 2, "--duration is for transcribe.so"),
        ((*SUBMIT, "--again", "--idempotency-key", "k"), 2, "--again does not go with --idempotency-key: take another"),
        (("--again", "--idempotency-key", "k"), 2, "--again does not go with --idempotency-key: take another key"),
        (("-o", "language=en"), 2, "-o goes with another --provider"),
        (("--provider", "thunderscribe"), 1, "language is required"),
        ((*SUBMIT, "-o", "temperature=2"), 1, "temperature: must be less than or equal to 1"),
        ((*SUBMIT, "--account", "big-show"), 1, "there is no account big-show of thunderscribe"),
        (("--account", "big-show"), 1, "there is no account big-show of transcribe.so; there are: default"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_asked_for_is_a_sentence_and_nothing_is_sent(
    ours: Commands, sandbox: Simulated, options: tuple[str, ...], status: int, said: str
) -> None:
    ran = ours.run("transcribe", recording(ours), *options)
    assert (ran.exit_code, ran.stdout) == (status, "")
    assert said in ran.stderr
    assert sandbox.asked() == []
    assert ours.read("submissions") == []

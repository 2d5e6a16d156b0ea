"""Notes on a submission from one run to the next: nothing is paid twice, wherever a run is interrupted."""

import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from pydantic import SecretStr

from receiver.errors import (
    BusyError,
    ImpossibleError,
    InvalidRequest,
    NotFound,
    PaymentRequired,
    ProviderError,
    RateLimited,
)
from receiver.settings import Account
from receiver.submissions import progress as notebook
from receiver.submissions.progress import Notebook, Progress
from tests.commands import Commands, Scripted, Simulated, error, heeding_ctrl_c, wav
from tests.processes import WAIT_SECONDS, Process, Processes, until
from tests.promises.test_telling import stream

ACCOUNT = Account("transcribe.so", "default", "https://transcribe.so", key=SecretStr("fingerprint"))
URL = "https://example.com/episode.mp3"
PRICE = 2.172  # of an hour, the length of every web address here
MINUTE = 0.0362  # what a minute costs
LOCATION = "https://upload.test/1"
WISHES: dict[str, object] = {"language": "en", "max_charge": 2.0}


def notes(folder: Path, source: str | Path = URL) -> AbstractContextManager[Notebook]:
    """Open the notebook as the next run does."""
    return notebook.opened(folder / "data", ACCOUNT, source)


def ask(folder: Path, wishes: dict[str, object] = WISHES, source: str | Path = URL) -> tuple[str, bool]:
    """Ask for a transcription as the next run does."""
    with notes(folder, source) as found:
        return found.ask(wishes)


def progress(folder: Path, source: str | Path = URL) -> Progress:
    with notes(folder, source) as found:
        return found.progress


# --- one key for the same wishes -------------------------------------------------------------------------------------


def test_the_same_wishes_have_the_same_key_until_they_are_forgotten(folder: Path) -> None:
    key, before = ask(folder)
    assert not before
    assert ask(folder, dict(reversed(WISHES.items()))) == (key, True)
    with notes(folder) as found:
        found.forget()
    again, before = ask(folder)
    assert (again != key, before) == (True, False)


@pytest.mark.parametrize("source", ["https://example.com/other.mp3", "episode.mp3"])
def test_each_source_has_a_notebook_of_its_own(folder: Path, source: str) -> None:
    key, _ = ask(folder)
    other = source if source.startswith("https:") else wav(folder / source)
    found, before = ask(folder, {"language": "de"}, other)
    assert (found != key, before) == (True, False)


def test_other_wishes_are_refused_while_an_answer_is_not_known(folder: Path) -> None:
    key, _ = ask(folder)
    with pytest.raises(ImpossibleError, match="submitted before with other options"):
        ask(folder, WISHES | {"max_charge": 3.0})
    assert ask(folder) == (key, True)


@pytest.mark.parametrize(
    ("refusal", "kept"),
    [
        (PaymentRequired("", code="max_charge_exceeded", status=402), "user/1"),
        (InvalidRequest("", code="unsupported_pipeline", status=400), "user/1"),
        (RateLimited("", code="rate_limited", status=429), "user/1"),
        (InvalidRequest("", code="invalid_request", status=400), None),
        (NotFound("", code="not_found", status=404), None),
    ],
    ids=lambda value: value.code if isinstance(value, ProviderError) else "",
)
def test_a_refusal_draws_another_key_and_keeps_the_upload_that_is_there(
    folder: Path, refusal: ProviderError, kept: str | None
) -> None:
    """A resumable upload is kept anyhow: its server tells whether it still exists."""
    with notes(folder) as found:
        found.note(upload_id="user/1", location=LOCATION)
        key, _ = found.ask(WISHES)
        found.refused(refusal)
    there = progress(folder)
    assert (there.upload_id, there.location) == (kept, LOCATION)
    again, before = ask(folder, WISHES | {"max_charge": 3.0})
    assert (again.split("-")[1] != key.split("-")[1], before) == (True, False)


def test_after_a_day_the_key_is_another_and_only_the_location_is_left(folder: Path) -> None:
    with notes(folder) as found:
        found.note(upload_id="user/1", location=LOCATION)
        key, _ = found.ask(WISHES)
    (kept,) = (folder / "data" / "uploads").glob("*.json")
    os.utime(kept, (0, 0))
    there = progress(folder)
    assert (there.upload_id, there.location) == (None, LOCATION)
    again, before = ask(folder)
    assert (again != key, before) == (True, False)


@pytest.mark.parametrize("what", ["size", "time"])
def test_a_file_that_has_changed_is_another(folder: Path, what: str) -> None:
    file = wav(folder / "a.wav")
    with notes(folder, file) as found:
        found.note(upload_id="user/1")
    status = file.stat()
    assert progress(folder, file).upload_id == "user/1"
    if what == "size":
        wav(file, 2.0)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + (what == "time")))
    assert progress(folder, file).upload_id is None


def test_a_file_is_the_same_however_it_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with notes(folder, wav(folder / "a.wav")) as found:
        found.note(upload_id="user/1")
    monkeypatch.chdir(folder)
    assert progress(folder, Path("a.wav")).upload_id == "user/1"


def test_a_link_in_place_of_the_folder_is_not_followed(folder: Path) -> None:
    ask(folder)
    uploads, elsewhere = folder / "data" / "uploads", folder / "elsewhere"
    uploads.rename(elsewhere)
    uploads.symlink_to(elsewhere)
    before = {path.name: path.read_bytes() for path in elsewhere.iterdir()}
    with pytest.raises(ImpossibleError, match="set RECEIVER_DATA_DIR to another folder"):
        ask(folder, WISHES | {"max_charge": 3.0})
    assert {path.name: path.read_bytes() for path in elsewhere.iterdir()} == before


def test_a_link_in_place_of_the_notes_is_neither_read_nor_written_through(folder: Path) -> None:
    ask(folder)
    (notes_file,) = (folder / "data" / "uploads").glob("*.json")
    elsewhere = notes_file.rename(folder / "elsewhere")
    notes_file.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    assert ask(folder)[1] is False
    assert elsewhere.read_bytes() == before
    assert ask(folder)[1] is True


def test_nobody_else_has_it_open(folder: Path) -> None:
    with notebook.opened(folder, ACCOUNT, URL) as found:
        with (
            pytest.raises(BusyError, match=f"another run is transcribing {URL}"),
            notebook.opened(folder, ACCOUNT, URL),
        ):
            pass
        with notebook.opened(folder, ACCOUNT, "https://example.com/other.mp3"):
            pass
        with notebook.opened(
            folder, Account("transcribe.so", "default", "https://transcribe.so", key=SecretStr("another")), URL
        ):
            pass
        found.forget()
    with notebook.opened(folder, ACCOUNT, URL):
        pass


# --- runs that are interrupted ---------------------------------------------------------------------------------------


def begin(processes: Processes, commands: Commands, *arguments: str) -> Process:
    """Start a command as a process that heeds SIGINT."""
    environment = {name: value for name, value in commands.environment.items() if value is not None}
    with heeding_ctrl_c():
        return processes.start(*arguments, **environment)


def until_hanging(sandbox: Simulated) -> None:
    until(lambda: not sandbox.http.get("/sandbox/faults").json()["faults"], "it hangs there")


def known(commands: Commands) -> list[Path]:
    """Return the notebooks."""
    return list((commands.folder / "data" / "uploads").glob("*.json"))


@pytest.mark.parametrize(("kind", "price"), [("url", PRICE), ("file", MINUTE)])
@pytest.mark.parametrize("endpoint", ["/transcriptions", "/wait"])
def test_what_was_interrupted_and_is_started_again_is_paid_once(
    processes: Processes, commands: Commands, sandbox: Simulated, *, kind: str, price: float, endpoint: str
) -> None:
    """While the command waits for the submission's answer, and while it waits for the end."""
    source = URL if kind == "url" else str(wav(commands.folder / "a.wav", 60.0))
    sandbox.plan(endpoint=endpoint, kind="hang", method="POST" if endpoint == "/transcriptions" else "GET")
    first = begin(processes, commands, "transcribe", source, "--wait")
    until_hanging(sandbox)
    (submitted,) = until(sandbox.submitted, "the provider has carried it out")
    assert first.end(signal.SIGINT) == 130
    said = "interrupted: run the same command in this folder to continue; you do not pay twice (notes in "
    assert f"{said}{commands.folder / 'data'})" in first.log
    again = commands.read("transcribe", source, "--wait")
    assert (again["id"], "Ada: " in again["text"]) == (submitted["id"], True)
    assert [one["id"] for one in sandbox.submitted()] == [submitted["id"]]
    assert len(sandbox.uploads()) == (kind == "file")
    assert sandbox.spent() == price
    assert known(commands) == []


def test_two_runs_at_one_source_are_not_let_in(processes: Processes, commands: Commands, sandbox: Simulated) -> None:
    sandbox.plan(endpoint="/transcriptions", method="POST", kind="hang")
    first = begin(processes, commands, "transcribe", URL)
    until_hanging(sandbox)
    refused = commands.run("transcribe", URL)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == f"Error: another run is transcribing {URL}; wait for it, or end it\n"
    first.kill()
    number = int(commands.good("transcribe", URL))  # the lock ended with its process
    assert [one["id"] for one in sandbox.submitted()] == [number]


def test_a_transcript_that_was_lost_on_its_way_is_fetched_and_not_paid_again(
    commands: Commands, sandbox: Simulated
) -> None:
    sandbox.plan(endpoint="/result", kind="malformed")
    assert commands.run("transcribe", URL, "--wait").exit_code == 1
    assert "Ada: " in commands.good("transcribe", URL, "--wait")
    assert len(sandbox.submitted()) == 1


@pytest.mark.parametrize(("kind", "options"), [("full", ()), ("gone", ("--wait",))])
def test_what_could_not_be_printed_is_printed_by_the_next_run_and_not_paid_again(
    processes: Processes, commands: Commands, sandbox: Simulated, kind: str, options: tuple[str, ...]
) -> None:
    environment = {name: value for name, value in commands.environment.items() if value is not None}
    with stream(kind) as nowhere:
        first = subprocess.run(
            [sys.executable, "-m", "receiver", "transcribe", URL, *options], stdin=subprocess.DEVNULL, stdout=nowhere,
            cwd=processes.folder, env=processes.environment | environment, timeout=WAIT_SECONDS, check=False,
        )  # fmt: skip
    assert first.returncode == (kind == "full")
    again = commands.read("transcribe", URL, *options)
    assert [one["id"] for one in sandbox.submitted()] == [again["id"]]
    assert sandbox.spent() == PRICE
    assert known(commands) == []


@pytest.mark.parametrize("name", ["fail", "cancel"])
def test_what_has_ended_without_a_transcript_is_forgotten(commands: Commands, sandbox: Simulated, name: str) -> None:
    for _ in range(2):
        assert commands.run("transcribe", f"https://example.com/{name}.mp3", "--wait").exit_code == 1
    assert len(sandbox.submitted()) == 2
    assert known(commands) == []


# --- answers that are lost -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["url", "file"])
def test_other_options_are_refused_while_the_answer_is_unknown(
    commands: Commands, sandbox: Simulated, receiver_database: str, kind: str
) -> None:
    """With a database too, although nothing is kept in it here."""
    source = URL if kind == "url" else str(wav(commands.folder / "a.wav", 60.0))
    sandbox.plan(endpoint="/transcriptions", method="POST", kind="malformed")
    assert commands.run("transcribe", source).exit_code == 1
    (submitted,) = sandbox.submitted()
    reached = {"DATABASE_URL": receiver_database, "PUBLIC_URL": "http://127.0.0.1:1"}
    for options in (
        ("--max-charge", "9"),
        ("--pipeline", "voxtral-mini-transcribe"),
        ("--language", "en"),
        ("--callback",),
    ):
        refused = commands.run("transcribe", source, *options, **reached if options == ("--callback",) else {})
        assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
        assert "submitted before with other options, and the answer was lost: run it with" in refused.stderr
        assert "or with your own --idempotency-key (this can pay twice)" in refused.stderr
    assert commands.good("transcribe", source) == f"{submitted['id']}\n"
    assert len(sandbox.submitted()) == 1
    commands.good("transcribe", source, "--language", "en", "--again")
    assert [one["language"] for one in sandbox.submitted()] == ["en", "auto"]


def test_an_answer_that_was_lost_without_a_database_is_asked_for_with_one_and_paid_once(
    commands: Commands, sandbox: Simulated, receiver_database: str
) -> None:
    sandbox.plan(endpoint="/transcriptions", method="POST", kind="malformed")
    assert commands.run("transcribe", URL).exit_code == 1
    (submitted,) = sandbox.submitted()
    assert commands.good("transcribe", URL, DATABASE_URL=receiver_database) == f"{submitted['id']}\n"
    assert ([one["id"] for one in sandbox.submitted()], sandbox.spent()) == ([submitted["id"]], PRICE)
    assert commands.read("submissions", DATABASE_URL=receiver_database) == []


def test_notes_of_nothing_that_was_lost_are_removed_where_there_is_a_database(
    commands: Commands, sandbox: Simulated, receiver_database: str
) -> None:
    file = wav(commands.folder / "a.wav", 60.0)
    assert commands.run("transcribe", file, "--pipeline", "nonsense").exit_code == 1
    assert len(known(commands)) == 1
    ran = commands.run("transcribe", file, DATABASE_URL=receiver_database)
    assert (ran.exit_code, "no worker has been seen" in ran.stderr, known(commands)) == (1, True, [])
    (submission,) = commands.read("submissions", DATABASE_URL=receiver_database)
    assert (submission["state"], sandbox.submitted()) == ("uploaded", [])


def test_a_price_is_not_asked_again_for_what_may_have_been_submitted(commands: Commands, sandbox: Simulated) -> None:
    """The submission had its own ceiling; a quote that is refused now says nothing about that submission."""
    sandbox.plan(endpoint="/transcriptions", method="POST", kind="malformed")
    assert commands.run("transcribe", URL, "--max-charge", "9").exit_code == 1
    assert len(sandbox.asked("/quotes")) == 1
    number = int(commands.good("transcribe", URL, "--max-charge", "9"))
    assert [one["id"] for one in sandbox.submitted()] == [number]
    assert len(sandbox.asked("/quotes")) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "unsupported_pipeline"), (402, "insufficient_funds"), (404, "not_found"), (429, "allowance_spent")],
)
def test_after_a_definite_refusal_other_options_go_and_under_another_key(folder: Path, status: int, code: str) -> None:
    with Scripted().running() as provider:
        said = [(status, error(code, "No.")), (202, {"id": 7, "status": "processing"})]
        provider.answers = {"POST /api/v1/transcriptions": said}
        commands = Commands(folder, provider.url)
        assert commands.run("transcribe", URL).exit_code == 1
        assert commands.good("transcribe", URL, "--language", "en") == "7\n"
        first, second = provider.asked("POST /api/v1/transcriptions")
    assert first.key is not None
    assert second.key is not None
    assert first.key.split("-")[1] != second.key.split("-")[1]


@pytest.mark.parametrize("options", [(), ("--idempotency-key", "mine")], ids=["429", "a key of one's own"])
def test_a_refusal_that_says_nothing_of_the_first_submission_leaves_its_key(
    folder: Path, options: tuple[str, ...]
) -> None:
    """The provider applies the limit before it looks at the key, and under another key it would find nothing."""
    status, code = (402, "insufficient_funds") if options else (429, "allowance_spent")
    lost: tuple[int, dict[str, object]] = (202, {})
    done = (202, {"id": 7, "status": "processing"})
    with Scripted().running() as provider:
        refusals = [(status, error(code, "No.", request_id=f"req_{n}")) for n in range(1 if options else 5)]
        provider.answers = {"POST /api/v1/transcriptions": [lost, *refusals, done]}
        commands = Commands(folder, provider.url)
        assert commands.run("transcribe", URL).exit_code == 1
        assert code in commands.run("transcribe", URL, *options).stderr
        assert commands.good("transcribe", URL) == "7\n"
        keys = [one.key for one in provider.asked("POST /api/v1/transcriptions")]
    assert keys[0] == keys[-1]
    assert len(keys) == len(refusals) + 2

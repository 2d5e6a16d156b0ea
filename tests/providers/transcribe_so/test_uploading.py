"""`receiver transcribe FILE`: bad files are refused before anything is sent, and nothing is sent or paid twice."""

import hashlib
import json
import os
import pty
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from receiver.errors import ProviderError
from receiver.providers import TranscribeSo
from receiver.submissions import recordings
from tests.commands import Commands, Scripted, Simulated, error, heeding_ctrl_c, sparse, wav
from tests.processes import Process, Processes, until

MEGABYTE = 1024 * 1024
LARGE = 60 * MEGABYTE
PRICE = 0.0362  # of a minute
INTERRUPTED = "interrupted: run the same command in this folder to continue; you do not pay twice (notes in "


def state(commands: Commands) -> list[Path]:
    """Return the notebooks."""
    return list((commands.folder / "data" / "uploads").glob("*.json"))


def duration(file: Path) -> tuple[str, ...]:
    """Return the option for a file of unknown length."""
    return ("--duration", "60") if file.suffix == ".mp3" else ()


def submit(commands: Commands, file: Path, *options: str) -> int:
    return int(commands.good("transcribe", file, *duration(file), *options))


def upload_only(commands: Commands, file: Path) -> None:
    """Upload a file, and have its submission refused for a reason that will be gone the next time."""
    refused = commands.run("transcribe", file, *duration(file), "--pipeline", "nonsense")
    assert (refused.exit_code, "unsupported_pipeline" in refused.stderr) == (1, True)


# --- refused before anything is sent ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("large.mp3", 501 * MEGABYTE, "large.mp3 has 501 MB, and the provider accepts at most 500"),
        ("over.mp3", 500 * MEGABYTE + 1, "the provider accepts at most 500"),
        ("empty.mp3", 0, "empty.mp3 is empty, or not a file"),
        ("notes.txt", 10, "notes.txt has no extension of a media file that the provider accepts: mp3, "),
        ("folder.mp3", None, "folder.mp3 is empty, or not a file"),
        ("pipe.mp3", -1, "pipe.mp3 is empty, or not a file"),
        ("missing.mp3", -2, "missing.mp3 cannot be read (No such file or directory); a web address starts with"),
        ("broken.webm", 10, "the length of {} is unknown and decides its price: pass --duration SECONDS"),
    ],
)
@pytest.mark.parametrize("command", ["transcribe", "quote"])
def test_what_the_provider_would_refuse_is_not_sent(
    commands: Commands, sandbox: Simulated, *, command: str, name: str, size: int | None, said: str
) -> None:
    path = commands.folder / name
    match size:
        case None:
            path.mkdir()
        case -1:
            os.mkfifo(path)
        case -2:
            pass
        case _:
            sparse(path, size)
    ran = commands.run(command, path)
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert said.format(path) in ran.stderr
    assert sandbox.asked() == []
    assert not (commands.folder / "data").exists()


# --- how it is sent --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "kind"),
    [(1, "user/"), (50 * MEGABYTE, "user/"), (50 * MEGABYTE + 1, "tus/")],
    ids=["1 B", "50 MB", "more"],
)
def test_a_large_file_is_sent_in_pieces_and_any_arrives_as_it_is(
    commands: Commands, sandbox: Simulated, size: int, kind: str
) -> None:
    file = sparse(commands.folder / "a.mp3", size)
    with file.open("r+b") as opened:
        opened.seek(size - 1)
        opened.write(b"!")
    submit(commands, file)
    (upload,) = sandbox.uploads()
    assert upload["id"].startswith(kind)
    with file.open("rb") as opened:
        assert upload["sha256"] == hashlib.file_digest(opened, "sha256").hexdigest()
    assert (upload["size"], upload["complete"]) == (size, True)
    assert len(sandbox.submitted()) == 1
    assert state(commands) == []


def test_an_address_that_has_expired_is_asked_for_again(folder: Path) -> None:
    with Scripted().running() as provider:
        tickets = [{"upload_id": f"user/{n}", "upload_url": f"{provider.url}/put/{n}"} for n in range(2)]
        provider.answers = {
            "POST /api/v1/uploads": [(200, ticket) for ticket in tickets],
            "PUT /put/0": [(403, "expired")],
            "PUT /put/1": [(200, "")],
            "POST /api/v1/transcriptions": [(202, {"id": 7, "status": "processing"})],
        }
        file = wav(folder / "a.wav")
        assert submit(Commands(folder, provider.url), file) == 7
        (submitted,) = provider.asked("POST /api/v1/transcriptions")
        (sent,) = provider.asked("PUT /put/1")
        keys = [one.key for one in provider.asked("POST /api/v1/uploads")]
    assert submitted.json["upload_id"] == "user/1"
    assert sent.body == file.read_bytes()
    assert len({*keys}) == 2  # the answer to the old key has the expired address


def test_an_address_that_is_always_refused_is_told(folder: Path) -> None:
    """The address is a secret ticket, so it is not shown."""
    with Scripted().running() as provider:
        ticket = {"upload_id": "user/1", "upload_url": f"{provider.url}/put?signature=sesame"}
        provider.answers = {
            "POST /api/v1/uploads": [(200, ticket)],
            "PUT /put?signature=sesame": [(403, "expired")],
        }
        ran = Commands(folder, provider.url).run("transcribe", wav(folder / "a.wav"))
        assert len(provider.asked("PUT /put?signature=sesame")) == 2
    assert (ran.exit_code, "HTTP 403" in ran.stderr, "sesame" in ran.output) == (1, True, False)


@pytest.mark.parametrize("times", [1, 2])
def test_a_file_whose_connection_breaks_is_sent_once_more_to_a_fresh_address(
    commands: Commands, sandbox: Simulated, times: int
) -> None:
    sandbox.plan(endpoint="/s3/*", method="PUT", kind="truncated", times=times)
    ran = commands.run("transcribe", wav(commands.folder / "a.wav"))
    assert ran.exit_code == times - 1
    assert len({one["id"] for one in sandbox.uploads()}) == 2
    assert len(sandbox.submitted()) == 2 - times


@pytest.mark.parametrize(("status", "is_kept"), [(404, False), (403, False), (413, False), (429, True), (302, True)])
async def test_what_the_upload_server_has_lost_or_refused_is_not_gone_on_with(
    folder: Path, status: int, *, is_kept: bool
) -> None:
    """Anything else, such as a redirect or a busy server, might be over the next time."""
    location = "https://upload.test/files/1"

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/uploads/tus":
            ticket = {"upload_endpoint": "https://upload.test/files/", "upload_token": "t", "upload_metadata_key": "k"}
            return httpx.Response(200, json=ticket)
        if request.method == "POST":
            return httpx.Response(201, headers={"Location": location})
        return httpx.Response(status, headers={"Location": "https://elsewhere.test/"})

    kept = list[Mapping[str, object]]()

    async def keep(notes: Mapping[str, object]) -> None:
        kept.append(notes)

    file = recordings.inspect(sparse(folder / "large.mp3", LARGE))
    transport = httpx.MockTransport(answer)
    async with TranscribeSo("https://transcribe.test", SecretStr("tsk_test_x"), transport=transport) as provider:
        with pytest.raises(ProviderError, match="the upload server"):
            await provider.upload(file, {}, keep, lambda _: None)
    assert kept[0] == {"location": location}
    assert kept[-1] == ({"location": location} if is_kept else {})


# --- interrupted, and started again ----------------------------------------------------------------------------------


def begin(processes: Processes, commands: Commands, file: Path, *options: str) -> Process:
    """Start the command as a process."""
    environment = {name: value for name, value in commands.environment.items() if value is not None}
    return processes.start("transcribe", str(file), *duration(file), *options, **environment)


def large(folder: Path, content: bytes = b"content") -> Path:
    """Make a file that is so large that it is sent in pieces."""
    file = sparse(folder / "large.mp3", LARGE)
    with file.open("r+b") as opened:
        opened.seek(LARGE // 2)
        opened.write(content)
    return file


def test_an_upload_that_was_interrupted_goes_on_where_it_stopped(
    processes: Processes, commands: Commands, sandbox: Simulated
) -> None:
    file = large(commands.folder)
    sandbox.plan(endpoint="/files/*", method="PATCH", kind="hang")
    with heeding_ctrl_c():
        first = begin(processes, commands, file)
    until(lambda: sandbox.uploads() and sandbox.uploads()[0]["size"], "a piece has arrived")
    assert first.end(signal.SIGINT) == 130
    assert first.out.read_text() == ""
    assert [line for line in first.log.splitlines() if line] == [f"{INTERRUPTED}{commands.folder / 'data'})"]
    (kept,) = state(commands)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert sandbox.key not in kept.read_text()
    (upload,) = sandbox.uploads()
    assert (upload["complete"], sandbox.submitted()) == (False, [])
    sandbox.mend()
    submit(commands, file)
    (again,) = sandbox.uploads()
    with file.open("rb") as opened:
        assert again["sha256"] == hashlib.file_digest(opened, "sha256").hexdigest()
    assert (again["id"], again["complete"]) == (upload["id"], True)
    assert len(sandbox.submitted()) == 1
    assert sandbox.spent() == PRICE
    assert state(commands) == []


@pytest.mark.parametrize("where", ["/quotes", "/transcriptions"])
def test_what_was_killed_after_the_upload_is_submitted_and_paid_once(
    processes: Processes, commands: Commands, sandbox: Simulated, where: str
) -> None:
    """The kill comes before the submission, or after it, before the answer."""
    file = wav(commands.folder / "a.wav", 60.0)
    sandbox.plan(endpoint=where, method="POST", kind="hang")
    first = begin(processes, commands, file, "--max-charge", "1")
    until(lambda: not sandbox.http.get("/sandbox/faults").json()["faults"], "it hangs there")
    until(lambda: where == "/quotes" or sandbox.submitted(), "the provider has carried it out")
    first.kill()
    done = [one["id"] for one in sandbox.submitted()]
    assert len(done) == (where == "/transcriptions")
    number = submit(commands, file, "--max-charge", "1")
    assert [one["id"] for one in sandbox.submitted()] == [number]
    assert done in ([], [number])
    assert len(sandbox.uploads()) == 1
    assert sandbox.spent() == PRICE
    assert state(commands) == []


def test_a_file_that_changed_in_between_starts_from_nothing(commands: Commands, sandbox: Simulated) -> None:
    file = wav(commands.folder / "a.wav")
    upload_only(commands, file)
    wav(file, 2.0)
    submit(commands, file)
    old, new = sandbox.uploads()
    assert old["sha256"] != new["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_same_file_once_more_is_an_upload_and_a_transcription_of_its_own(
    commands: Commands, sandbox: Simulated
) -> None:
    file = wav(commands.folder / "a.wav")
    assert submit(commands, file) != submit(commands, file, "--again")
    assert len(sandbox.uploads()) == 2


def test_another_account_does_not_go_on_with_an_upload(commands: Commands, sandbox: Simulated) -> None:
    file = wav(commands.folder / "a.wav")
    upload_only(commands, file)
    submit(Commands(commands.folder, sandbox.url, f"{sandbox.key}_other"), file)
    assert len(sandbox.uploads()) == 2


def test_another_wish_for_the_same_upload_is_another_submission(commands: Commands, sandbox: Simulated) -> None:
    """An unknown model costs no second upload."""
    file = wav(commands.folder / "a.wav")
    upload_only(commands, file)
    submit(commands, file)
    assert len(sandbox.uploads()) == 1


def test_an_upload_that_the_provider_has_forgotten_is_made_again(commands: Commands, sandbox: Simulated) -> None:
    file = wav(commands.folder / "a.wav")
    upload_only(commands, file)
    (kept,) = state(commands)
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"upload_id": "user/forgotten"}))
    refused = commands.run("transcribe", file)
    assert (refused.exit_code, "upload_id is unknown" in refused.stderr) == (1, True)
    submit(commands, file)
    assert len(sandbox.uploads()) == 2


def test_after_a_day_an_upload_is_made_again(commands: Commands, sandbox: Simulated) -> None:
    """By then the provider has forgotten the submission's key, and might have deleted the upload."""
    file = wav(commands.folder / "a.wav")
    upload_only(commands, file)
    (kept,) = state(commands)
    before = kept.stat().st_mtime - 24 * 3600
    os.utime(kept, (before, before))
    submit(commands, file, "--max-charge", "1")
    assert len(sandbox.uploads()) == 2


def test_a_state_file_that_cannot_be_read_is_as_good_as_none(commands: Commands, sandbox: Simulated) -> None:
    file = wav(commands.folder / "a.wav")
    for broken in ("{", "[]", '{"size": 1}'):
        upload_only(commands, file)
        state(commands)[0].write_text(broken)
    submit(commands, file)
    assert len(sandbox.uploads()) == 4


def test_after_a_refusal_for_want_of_money_the_upload_is_submitted_under_another_key(folder: Path) -> None:
    """The provider repeats its refusal to the old key for a day, even if the wallet is full again."""
    with Scripted().running() as provider:
        poor = error("insufficient_funds", "Top up.")
        provider.answers = {
            "POST /api/v1/uploads": [(200, {"upload_id": "user/1", "upload_url": f"{provider.url}/put"})],
            "PUT /put": [(200, "")],
            "POST /api/v1/transcriptions": [(402, poor), (202, {"id": 7, "status": "processing"})],
        }
        commands, file = Commands(folder, provider.url), wav(folder / "a.wav")
        assert commands.run("transcribe", file).exit_code == 1
        assert commands.good("transcribe", file) == "7\n"
        first, second = provider.asked("POST /api/v1/transcriptions")
        assert len(provider.asked("PUT /put")) == 1
    assert (first.body, first.key != second.key) == (second.body, True)


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_progress_is_shown_on_a_terminal_and_nowhere_else(
    processes: Processes, commands: Commands, sandbox: Simulated
) -> None:
    file = wav(commands.folder / "a\x1b[31m.wav")
    assert "uploading" not in commands.run("transcribe", file).output
    ours, theirs = pty.openpty()
    environment = processes.environment | {k: v for k, v in commands.environment.items() if v is not None}
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        ran = subprocess.run(
            [sys.executable, "-m", "receiver", "transcribe", str(file)],
            cwd=processes.folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs,
            timeout=60, check=True,
        )  # fmt: skip
        os.close(theirs)
        shown = b""
        while piece := _rest(terminal.fileno()):
            shown += piece
    assert int(ran.stdout) == sandbox.submitted()[0]["id"]
    assert b"uploading a\\x1b[31m.wav  0%" in shown
    assert b"100%" in shown


def _rest(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the terminal has no writer any more
        return b""

"""`receiver diagnose`: a request as it was captured is told why it is refused, by every secret that is or was known."""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from receiver import signature
from receiver.logs import clock
from receiver.web.body import BODY_BYTES
from tests.commands import Commands
from tests.health.doctor.mishaps import know
from tests.processes import SECRET, Processes, until

BODY = b'{"id":"evt_1","event":"webhook.test","data":{}}'


@pytest.fixture
def shared(processes: Processes, receiver_database: str) -> Processes:
    know(processes, receiver_database)
    return processes


def request(folder: Path, *, secret: bytes = SECRET, body: bytes = BODY, at: float | None = None) -> str:
    """Write a captured request; return its file."""
    header = signature.sign(BODY, secret=secret, at=int(time.time() if at is None else at))
    file = folder / "request.txt"
    head = f"POST /webhooks/transcribe-so HTTP/1.1\r\nHost: x\r\nX-Transcribe-Signature: {header}\r\n\r\n"
    file.write_bytes(head.encode() + body)
    return str(file)


def told(processes: Processes, file: str, *more: str, **environment: str) -> dict[str, Any]:
    ran = processes.run_inside("diagnose", file, *more, "--json", **environment)
    found: dict[str, Any] = json.loads(ran.stdout)
    assert ran.exit_code == (0 if found["holds"] else 1)
    return found


@pytest.mark.parametrize(
    ("secret", "cause", "whose"),
    [
        (SECRET, "well", "the secret of the account default"),
        (b"whsec_new", "well", "the secret of the account default"),
        (b"whsec_old", "old_secret", "an older secret of the account default"),
        (b"whsec_key", "other_key", "the secret of another key of the account default"),
        (b"whsec_big", "other_account", "the secret of the account big-show"),
        (b"whsec_gone", "other_account", "the secret of the account gone"),
        (b"whsec_callback", "callback", "the secret of the callback of transcription 4821"),
        (b"whsec_unknown", "unknown", "no secret that is or was known here"),
    ],
)  # fmt: skip
def test_the_secret_is_looked_for_among_all_that_are_or_were_known(
    shared: Processes, secret: bytes, cause: str, whose: str
) -> None:
    found = told(shared, request(shared.folder, secret=secret))
    assert (found["cause"], f"{whose} " in found["seen"]) == (cause, True), found


def test_the_account_is_the_one_to_whose_webhook_it_came(shared: Processes) -> None:
    file = request(shared.folder, secret=b"whsec_big")
    assert told(shared, file, "--account", "big-show")["cause"] == "well"


def test_it_came_when_its_file_was_written(shared: Processes) -> None:
    then = int(time.time()) - 86_400
    file = request(shared.folder, at=then - 400)
    os.utime(file, (then, then))
    found = told(shared, file)
    assert (found["cause"], "signed 400 s before it came" in found["seen"]) == ("clock", True)
    ran = shared.run_inside("diagnose", file)
    written = clock(datetime.fromtimestamp(then, UTC))
    assert ran.stderr == f"taken for the time when it came: {written}, when {file} was written; `cp -p` keeps it\n"
    assert told(shared, file, RECEIVER_STALE="accept")["cause"] == "well"


def test_one_line_says_it_to_a_person_without_a_secret(shared: Processes) -> None:
    ran = shared.run_inside("diagnose", request(shared.folder, body=BODY + b"\n"))
    assert ran.exit_code == 1
    assert ran.stdout.startswith("line_ends: the line ends of the body were changed; the secret of the account def")
    assert ran.stdout.count("\n") == 1


def test_without_a_database_the_secrets_of_the_settings_are_tried(commands: Commands, tmp_path: Path) -> None:
    file = request(tmp_path)
    ran = commands.run("diagnose", file, DATABASE_URL="", TRANSCRIBE_WEBHOOK_SECRET=SECRET.decode())
    assert (ran.exit_code, ran.stdout.startswith("well: ")) == (0, True)
    assert ran.stderr == "there is no database: only the secrets of the settings are tried\n"
    ran = commands.run("diagnose", file, DATABASE_URL="", TRANSCRIBE_WEBHOOK_SECRET="")
    assert (ran.exit_code, ran.stdout.startswith("no_secret: ")) == (1, True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BODY, "there is no empty line"), ("A: 1\n\nx".encode("utf-16"), "is written in UTF-16"),
        (b"A: 1\n\n" + b"x" * (BODY_BYTES + 1), "the body has 262,145 bytes: the receiver accepts at most 262,144"),
        (b"x" * 5 * BODY_BYTES, "has more than 1,048,576 bytes: it must be one request alone"),
    ],
    ids=["body", "utf-16", "large body", "large file"],
)  # fmt: skip
def test_what_is_no_request_that_could_be_accepted_is_refused(shared: Processes, content: bytes, said: str) -> None:
    file = shared.folder / "request.txt"
    file.write_bytes(content)
    ran = shared.run_inside("diagnose", str(file))
    assert (ran.exit_code, ran.stdout, said in ran.stderr) == (1, "", True), ran.stderr


def test_a_request_comes_from_stdin_too(commands: Commands, tmp_path: Path) -> None:
    text = Path(request(tmp_path)).read_text()
    ran = commands.run("diagnose", "-", stdin=text, DATABASE_URL="", TRANSCRIBE_WEBHOOK_SECRET=SECRET.decode())
    assert (ran.exit_code, ran.stdout.partition(":")[0]) == (0, "well")


def test_the_last_refused_deliveries_are_told_apart(shared: Processes) -> None:
    """Each is tried with the secrets of the webhook that it came to, at the time when it came."""
    web = shared.serve()
    refused = {
        "old_secret": ("/webhooks/transcribe-so", b"whsec_old", 0), "clock": ("/webhooks/transcribe-so", SECRET, -4000),
        "unknown": ("/webhooks/transcribe-so", b"whsec_unknown", 0),
        "other_account": ("/webhooks/transcribe-so/big-show", SECRET, 0),
    }  # fmt: skip
    for number, (path, secret, ago) in enumerate(refused.values()):
        send = partial(web.deliver, BODY, path=path, secret=secret, at=int(time.time()) + ago)

        def is_kept(send: Callable[[], httpx.Response] = send, number: int = number) -> bool:
            return send().status_code == 401 and len(last(shared)) > number

        until(is_kept, "it is kept")
        shared.sql("update receiver.refused set at = at - interval '1 minute'")
    found = last(shared)
    assert [one["diagnosis"]["cause"] for one in found] == [*reversed(refused)]
    assert [one["account"] for one in found] == ["big-show", "default", "default", "default"]
    ran = shared.run_inside("diagnose", "--last")
    assert ran.exit_code == 0
    assert all(f" {cause}: " in ran.stdout for cause in refused)
    assert web.end() == 0


def last(processes: Processes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(processes.run_inside("diagnose", "--last", "--json").stdout)
    return found


@pytest.mark.parametrize("arguments", [(), ("request.txt", "--last")], ids=["neither", "both"])
def test_either_a_file_or_the_last_ones(shared: Processes, arguments: tuple[str, ...]) -> None:
    (shared.folder / "request.txt").write_text("")
    ran = shared.run_inside("diagnose", *(str(shared.folder / one) if one[0] != "-" else one for one in arguments))
    assert ran.exit_code == 2
    assert "give either FILE or --last" in ran.stderr


def test_nothing_was_refused_yet(shared: Processes) -> None:
    assert "no delivery was refused" in shared.run_inside("diagnose", "--last").stderr

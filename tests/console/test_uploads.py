"""`console.uploads` in a real process: large files cost no memory, are refused while they come, and end with Ctrl-C."""

import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.processes import Process, Processes, free_port, until

AT = "/submissions/new?source=timbr-audio&account=default&operation=separation"
MEGABYTE = 1024**2
HEAD = b'--x\r\nContent-Disposition: form-data; name="files"; filename="talk.mp3"\r\n\r\n'
FORM = {"content-type": "multipart/form-data; boundary=x", "sec-fetch-site": "same-origin"}


@pytest.fixture
def console(processes: Processes, receiver_database: str) -> Process:
    """Return a console that takes files of up to 256 MB."""
    port = free_port()
    processes.environment |= {
        "TIMBR_AUDIO_API_KEY": "any-key", "TIMBR_AUDIO_API_URL": "http://127.0.0.1:1",
        "DATABASE_URL": receiver_database, "RECEIVER_ARTIFACT_MAX_MB": "256",
        "RECEIVER_ARTIFACTS_DIR": str(processes.folder / "shelf"), "RECEIVER_CONSOLE": f"127.0.0.1:{port}",
    }  # fmt: skip
    process = processes.start("console")
    process.until_logged(f"the console is at http://127.0.0.1:{port}")
    return process


@pytest.fixture
def person(console: Process, processes: Processes) -> Iterator[httpx.Client]:
    """Yield somebody who has opened a link."""
    link = until(lambda: processes.run("console", "--link").stdout, "a link").strip()
    with httpx.Client(base_url=link.partition("/sign-in")[0], timeout=60) as found:
        assert found.get(link).status_code == 200, console.log
        yield found


def drafts(processes: Processes) -> list[Path]:
    return list((processes.folder / "shelf" / "drafts").rglob("*"))


def peak(process: Process) -> int:
    """Return the most memory that a process has used, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.popen.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def pieces(megabytes: int, *, end: bool = True) -> Iterator[bytes]:
    yield HEAD
    for _ in range(megabytes):
        yield bytes(MEGABYTE)
    yield b"\r\n--x--\r\n" if end else b""


def test_a_large_file_is_never_whole_in_memory(person: httpx.Client, console: Process, processes: Processes) -> None:
    person.post(AT, content=pieces(1), headers=FORM)
    before = peak(console)
    answer = person.post(AT, content=pieces(200), headers=FORM)
    assert answer.status_code == 303, answer.text
    assert peak(console) - before < 32 * MEGABYTE
    assert max(path.stat().st_size for path in drafts(processes)) == 200 * MEGABYTE


def test_what_is_too_large_is_refused_with_an_answer(person: httpx.Client, processes: Processes) -> None:
    answer = person.post(AT, content=pieces(260), headers=FORM)
    assert answer.status_code == 413
    assert "can have 256 MB together" in answer.text
    assert drafts(processes) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_upload_that_stalls_holds_up_no_end_and_leaves_nothing(
    person: httpx.Client, console: Process, processes: Processes, number: signal.Signals
) -> None:
    ended = threading.Event()

    def stalled() -> Iterator[bytes]:
        yield from pieces(2, end=False)
        ended.wait()

    def send() -> None:
        answers.append(person.post(AT, content=stalled(), headers=FORM).status_code)

    answers = list[int]()
    sending = threading.Thread(target=send)
    sending.start()
    until(lambda: drafts(processes), "a file on its way")
    try:
        assert console.end(number) == 0
        assert drafts(processes) == []
    finally:
        ended.set()
        sending.join()
    assert "a bug in receiver" not in console.log

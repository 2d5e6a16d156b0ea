"""Telling never fails the doing: real processes whose standard streams are full, gone, closed, or read by nobody."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from receiver.testing import TEMPLATE, Server
from tests.logs.test_streams import fill
from tests.processes import WAIT_SECONDS, Processes, completed, free_port, sign, until

HANDLERS = """
from receiver import Context, Event, GiveUp, handler


@handler("transcription.completed")
async def takes(event: Event, ctx: Context) -> None:
    ctx.log.info("%d", "cannot be formatted")


@handler("transcription.completed")
async def refuses(event: Event, ctx: Context) -> None:
    raise GiveUp("日本語 “")
"""


@pytest.fixture
def stage(processes: Processes, receiver_server: Server) -> Iterator[Processes]:
    """Yield a starter of processes with a database and two handlers."""
    name = "receiver_test_telling"
    processes.environment |= {"DATABASE_URL": receiver_server.create(name, "--template", TEMPLATE)}
    processes.environment["PORT"] = str(free_port())
    processes.write_handlers(h=HANDLERS)
    yield processes
    receiver_server.drop(name)


@contextmanager
def stream(kind: str) -> Iterator[int]:
    """Yield a descriptor to which nothing can be told."""
    if kind == "full":
        with Path("/dev/full").open("wb") as full:
            yield full.fileno()
        return
    reader, writer = os.pipe()
    if kind == "gone":
        os.close(reader)
    else:
        fill(writer)
    yield writer
    os.close(writer)
    if kind != "gone":
        os.close(reader)


def deliver(port: str, event: str, secret: bytes | None = None) -> int:
    body = completed(event)
    headers = sign(body) if secret is None else sign(body, secret=secret)
    return httpx.post(
        f"http://127.0.0.1:{port}/webhooks/transcribe-so", content=body, headers=headers, timeout=WAIT_SECONDS
    ).status_code


def answers(port: str, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=WAIT_SECONDS).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("kind", ["full", "gone", "read by nobody"])
def test_whatever_becomes_of_its_streams_up_receives_and_works_and_ends(stage: Processes, kind: str) -> None:
    port = stage.environment["PORT"]
    with stream(kind) as nowhere:
        up = subprocess.Popen(
            ["bash", "-c", 'exec "$0" -m receiver up <&-', sys.executable], cwd=stage.folder, stdout=nowhere,
            stderr=nowhere, start_new_session=True,
            env=stage.environment | {"PYTHONIOENCODING": "latin-1", "RECEIVER_LOG_LEVEL": "debug"},
        )  # fmt: skip
        try:
            until(lambda: answers(port, up), "it answers")
            assert [deliver(port, "evt_1", b"wrong"), deliver(port, "evt_1")] == [401, 200]
            until(lambda: _jobs(stage) == {("takes", "done"), ("refuses", "dead")}, "both jobs have ended")
            stage.sql("alter table receiver.events rename to away")  # what the story reads
            assert deliver(port, "evt_2") == 200
            until(lambda: stage.unfinished() == 0, "the jobs have ended")
            up.send_signal(signal.SIGTERM)
            assert up.wait(WAIT_SECONDS) == 0
        finally:
            up.kill()
            up.wait()


def _jobs(stage: Processes) -> set[tuple[str, str]]:
    return {(row["handler"], row["state"]) for row in stage.sql("select handler, state::text from receiver.jobs")}


@pytest.mark.parametrize(("kind", "why"), [("full", "No space left on device"), ("gone", "")])
def test_what_a_command_did_is_done_where_that_cannot_be_told(stage: Processes, kind: str, why: str) -> None:
    """A platform's release ends with the status of `receiver migrate`."""
    with stream(kind) as nowhere:
        ran = subprocess.run(
            [sys.executable, "-m", "receiver", "migrate"], cwd=stage.folder, env=stage.environment, stdout=nowhere,
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=WAIT_SECONDS, check=False,
        )  # fmt: skip
    said = f"the schema is up to date (standard output cannot be written: {why})\n" if why else ""
    assert (ran.returncode, ran.stderr) == (0, said)


@pytest.mark.parametrize("command", ["serve", "work"])
def test_a_process_starts_and_ends_with_every_stream_closed(stage: Processes, command: str) -> None:
    port = stage.environment["PORT"]
    process = subprocess.Popen(
        ["bash", "-c", f'exec "$0" -m receiver {command} <&- >&- 2>&-', sys.executable], cwd=stage.folder,
        env=stage.environment, start_new_session=True,
    )  # fmt: skip
    try:
        if command == "serve":
            until(lambda: answers(port, process), "it answers")
            assert deliver(port, "evt_1") == 200
        else:
            until(lambda: _listening(stage), "it listens")
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_SECONDS) == 0
    finally:
        process.kill()
        process.wait()


def _listening(stage: Processes) -> bool:
    return bool(stage.sql("select from pg_stat_activity where datname = current_database() and query ~* '^listen'"))


def test_a_story_that_cannot_be_told_is_told_later(stage: Processes) -> None:
    up, port = stage.start("up"), stage.environment["PORT"]
    until(lambda: answers(port, up.popen), "it answers")
    stage.sql("alter table receiver.events rename to away")
    up.until_logged("story ended unexpectedly; it starts again")
    assert deliver(port, "evt_1") == 200
    stage.sql("alter table receiver.away rename to events")
    until(lambda: "refuses DEAD, for evt_1: 日本語 “" in up.out.read_text("utf-8"), "it is told")
    assert up.end() == 0


def test_with_json_logs_every_line_is_json_and_a_jobs_has_fields(stage: Processes) -> None:
    up, port = stage.start("up", RECEIVER_LOG="json"), stage.environment["PORT"]
    until(lambda: answers(port, up.popen), "it answers")
    assert [deliver(port, "evt_1", b"wrong"), deliver(port, "evt_1")] == [401, 200]
    until(lambda: "takes done, for" in up.log and "refuses DEAD, for" in up.log, "it is told")
    assert up.end() == 0
    assert up.out.read_text() == ""
    lines = [json.loads(line) for line in up.log.splitlines()]
    ended = {line["handler"]: line for line in lines if "outcome" in line}
    assert {name: line["outcome"] for name, line in ended.items()} == {"takes": "done", "refuses": "dead"}
    for line in ended.values():
        assert (line["event"], line["attempt"], line["seconds"] >= 0) == ("transcribe.so/evt_1", 1, True)
    assert [line["client"] for line in lines if "refused" in line] == ["127.0.0.1"]

"""Nothing of a payload becomes an address, an import, a path or a statement's text, whatever it says."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from receiver.sandbox import EXAMPLE_ID
from tests.processes import Processes, free_port, until

MARK = "zqxjkvbp"  # it is in every text of every payload, and in nothing else
OPENED = f"/nowhere/{MARK}"  # by the handler below, to show that the watch sees it

WATCHING = f'''
"""Watch what this process imports, opens, connects to, runs and compiles; write down what holds the mark."""

import os
import sys
from contextlib import suppress

from receiver import Context, Event, handler

seen = os.open(f"seen-by-{{sys.argv[1]}}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
looking = False


def look(name: str, arguments: tuple[object, ...]) -> None:
    global looking
    if looking:
        return
    looking = True
    try:
        if "{MARK}" in (said := repr(arguments)):
            os.write(seen, f"{{name}} {{said}}\\n".encode())
    finally:
        looking = False


sys.addaudithook(look)


@handler("*")
async def watching(event: Event, ctx: Context) -> None:
    ctx.log.info("%s %s", event.transcription.title, event.data)
    with suppress(OSError):
        open("{OPENED}")
'''


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """Yield a listener that nobody may connect to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)  # noqa: FBT003 - the name of it
        yield listener


def payload(number: int, event_type: str, url: str, transcription_id: object = EXAMPLE_ID) -> bytes:
    """Return an event that says everything that could lead anywhere."""
    texts = dict.fromkeys(("status", "stage", "pipeline_code", "language", "source", "completed_at"), f"{url}/{MARK}")
    links = dict.fromkeys(("url", "audio_url", "media_url", "result_url", "callback_url", "webhook", "next"), url)
    path = f"../../../../{MARK}.{MARK}:{MARK} `{MARK}`; drop table {MARK}; -- $1 %s {{0}}"
    about = {"id": transcription_id, "title": f"{path}\n{url}", **texts, **links, "links": links, path: path}
    return json.dumps({
        "id": f"../{MARK}/{number}';--", "event": event_type, "url": url, "handler": MARK, "import": f"{MARK}.{MARK}",
        "data": {"transcription": about, "upload": {"url": url, "path": path}, MARK: path},
    }).encode()  # fmt: skip


def test_nothing_of_a_payload_leads_anywhere(processes: Processes, receiver_database: str, trap: socket.socket) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    log = Path(processes.sql("show data_directory")[0]["data_directory"]).parent / "postgres.log"
    name = processes.sql("select current_database() as name")[0]["name"]
    for setting in ("log_statement = 'all'", "log_parameter_max_length = 0"):  # texts without their parameters
        processes.sql(f'alter database "{name}" set {setting}')
    port = free_port()
    watching = processes.folder / "watching"
    watching.mkdir()
    (watching / "__init__.py").write_text(WATCHING)
    processes.environment |= {
        "TRANSCRIBE_API_URL": f"http://127.0.0.1:{port}", "TRANSCRIBE_API_KEY": "tsk_test_payloads",
        "RECEIVER_HANDLERS": "handlers,watching",
    }  # fmt: skip
    simulated = processes.start("sandbox", "--port", str(port))
    until(simulated.out.read_text, "the sandbox listens")  # who asks it sooner asks again only after a pause
    url = f"http://127.0.0.1:{trap.getsockname()[1]}"
    web, worker = processes.serve(), processes.start("work")
    bodies = [
        payload(1, "transcription.completed", url), payload(2, "transcription.failed", url),
        payload(3, f"{MARK}.{MARK}", url), payload(4, "transcription.completed", url, f"{url}/{MARK}"),
        payload(5, f"../{MARK}", url), payload(6, "webhook.test", url, f"../../{MARK}"),
    ]  # fmt: skip
    answers = [web.deliver(body).json()["status"] for body in bodies]
    assert answers == ["stored", "stored", "stored", "quarantined", "quarantined", "stored"]
    found = {event["id"]: event["state"] for event in processes.settled() if event["type"]}
    assert set(found.values()) == {"done"}
    until(lambda: MARK in worker.log, "the handler has logged it")

    with pytest.raises(BlockingIOError):
        trap.accept()
    asked = httpx.get(f"http://127.0.0.1:{port}/sandbox/requests", timeout=60).json()["requests"]
    paths = {one["path"] for one in asked}
    assert paths - {"/api/v1/me", "/api/v1/transcriptions"} == {
        f"/api/v1/transcriptions/{EXAMPLE_ID}/{what}" for what in ("result", "timestamps")
    }
    seen = {command: (processes.folder / f"seen-by-{command}").read_text() for command in ("serve", "work")}
    assert seen["serve"] == ""
    assert {re.sub(r", \d+\)$", ")", line) for line in seen["work"].splitlines()} == {f"open ('{OPENED}', 'r')"}
    statements = log.read_text()
    assert "Store events, each with one job for every interested handler" in statements
    assert MARK not in statements
    assert all(line.isprintable() for line in f"{web.log}{worker.log}".split("\n"))

"""`receiver up`: one command from nothing to a stored transcript, and its end."""

import json
import os
import re
import signal
import socket
from pathlib import Path

import httpx
import pytest

from receiver.cli.up.simulation import variables
from receiver.database.embedded import wait_until_stopped
from tests.processes import WAIT_SECONDS, Process, Processes, completed, free_port, linux, servers, until


@pytest.fixture
def ports(processes: Processes) -> dict[str, str]:
    """Return the arguments that keep this test's `up` out of everybody's way."""
    processes.environment |= {"PORT": str(free_port()), "TRANSCRIBE_WEBHOOK_SECRET": ""}
    processes.environment.pop("TRANSCRIBE_API_URL")
    return {"sandbox": str(free_port())}


def up(processes: Processes, ports: dict[str, str]) -> Process:
    return processes.start("up", "--sandbox", "--sandbox-port", ports["sandbox"], RECEIVER_HANDLERS="handlers")


def told(process: Process) -> str:
    return process.out.read_text()


def sample(process: Process) -> str:
    """Wait for the sample to be through, and return its transcription id."""
    until(
        lambda: (
            all(f"{name} done" in told(process) for name in ("transcripts", "timestamps"))
            or process.popen.poll() is not None
        ),
        "both jobs are done",
    )
    found = re.search(r"submitted as transcription (\d+)", told(process))
    assert found, told(process) + process.log
    return found[1]


def children(pid: int) -> set[int]:
    """Return the processes that a process has started."""
    found = set()
    for process_folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process_folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.add(int(process_folder.name))
    return found


def descendants(pid: int) -> set[int]:
    """Return the processes and their children."""
    found = children(pid)
    return found.union(*map(descendants, found))


def test_up_sandbox_brings_a_sample_through_everything_again_and_again(
    processes: Processes, ports: dict[str, str]
) -> None:
    ids = []
    for _ in range(2):
        process = up(processes, ports)
        ids.append(sample(process))
        text = processes.run_inside("transcript", ids[-1])
        assert len(text.stdout.split()) > 1000
        pasted = processes.run_inside("timestamps", ids[-1], "--format", "youtube")
        assert re.match(r"0:00 .+\n\d+:\d\d ", pasted.stdout)
        assert process.end(signal.SIGINT) == 0
        assert told(process).splitlines()[-1].endswith("stopped")
        assert "Traceback" not in process.log
    found = processes.events()
    assert [event["transcription_id"] for event in found] == ids[::-1]
    assert {event["state"] for event in found} == {"done"}
    assert {(event["type"], event["deliveries"]) for event in found} == {("transcription.completed", 1)}
    assert len(set(ids)) == 2


def test_a_test_event_is_followed_through_the_whole_path(processes: Processes, ports: dict[str, str]) -> None:
    process = up(processes, ports)
    sample(process)
    until(lambda: "PUBLIC_URL=" in told(process), "what to export is told")
    simulated = dict(re.findall(r"([A-Z_]+)=(\S+)", told(process)))
    assert simulated == {
        **variables(f"http://127.0.0.1:{ports['sandbox']}"),
        "PUBLIC_URL": f"http://127.0.0.1:{processes.environment['PORT']}",
        "PORT": processes.environment["PORT"],
        "RECEIVER_HANDLERS": "handlers",
    }
    processes.environment.pop("PORT")
    ran = processes.run_inside("test-event", "--json", **simulated)
    answer = json.loads(ran.stdout)
    assert (ran.exit_code, answer["advice"]) == (0, None)
    assert list(answer["steps_ms"]) == ["accepted by the provider", "delivered, verified and stored", "handled"]
    sent = processes.run_inside("send", "--sample", "completed", **simulated)
    assert (sent.exit_code, sent.stdout) == (0, '200 {"status":"stored"}\n')
    until(lambda: all(event["state"] == "done" for event in processes.events()), "the sent sample is handled")
    processes.sql("alter table receiver.events rename to away")  # as while a backup is restored
    process.until_logged("story ended unexpectedly; it starts again in 1 s")
    processes.sql("alter table receiver.away rename to events")
    processes.run_inside("send", "--sample", "completed", **simulated)
    until(lambda: told(process).count("timestamps done") == 3, "the story goes on")
    check = processes.run_inside("check", **simulated)
    assert (check.exit_code, {line[:4] for line in check.stdout.splitlines()} - {"..  "}) == (0, {"ok  "}), check.stdout
    assert process.end() == 0


@linux
def test_when_memory_runs_out_workers_are_killed_first_and_neither_up_nor_the_database(
    processes: Processes, ports: dict[str, str]
) -> None:
    def score(pid: int) -> int:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    process = up(processes, ports)
    sample(process)
    ours = {Path(f"/proc/{pid}/cmdline").read_text().split("\0")[3]: score(pid) for pid in children(process.popen.pid)}
    assert ours["work"] > ours["serve"] > score(process.popen.pid)
    assert {score(pid) for pid in servers(processes.folder / ".receiver")} == {score(process.popen.pid)}
    assert process.end() == 0


@linux
def test_up_starts_a_worker_again_that_died(processes: Processes, ports: dict[str, str]) -> None:
    process = up(processes, ports)
    sample(process)
    for child in children(process.popen.pid):
        if "\0work\0" in Path(f"/proc/{child}/cmdline").read_text():
            os.kill(child, signal.SIGKILL)
    process.until_logged("work ended with status -9; starting it again in")
    until(lambda: process.log.count("working with 8 lanes") == 2, "a new worker")
    assert process.end() == 0


SLOW = """
import asyncio

from receiver import Context, Event, handler


@handler("transcription.completed", timeout=600)
async def slow(event: Event, ctx: Context) -> None:
    print("it is", "at work")
    await asyncio.sleep(600)
"""


def test_a_second_ctrl_c_gives_back_at_once_what_is_under_way(processes: Processes, receiver_database: str) -> None:
    """A handler's prints also arrive while it runs, even if stdout is a file."""
    processes.write_handlers(slow=SLOW)
    web = processes.begin_serving(
        free_port(), "up", DATABASE_URL=receiver_database, RECEIVER_SHUTDOWN_SECONDS="300", RECEIVER_HANDLERS="handlers"
    )
    until(lambda: "listening on" in told(web), "it listens")
    assert web.deliver(completed("evt_1")).status_code == 200
    until(lambda: "it is at work\n" in told(web), "what is printed is there")
    web.popen.send_signal(signal.SIGINT)
    until(lambda: "running jobs have 300 s to finish; press Ctrl-C again to stop them now" in told(web), "it is said")
    web.until_logged("waiting up to 300 s for 1 running jobs")
    assert web.end(signal.SIGINT) == 0
    assert "put 1 unfinished jobs back into the queue" in web.log
    jobs = processes.sql("select state::text, attempt, uncounted from receiver.jobs", receiver_database)
    assert jobs == [{"state": "pending", "attempt": 1, "uncounted": 1}]


@linux
def test_told_to_end_with_all_that_it_starts_up_ends_well_also_at_the_start(
    processes: Processes, ports: dict[str, str], receiver_database: str
) -> None:
    process = processes.start("up", "--sandbox", "--sandbox-port", ports["sandbox"], DATABASE_URL=receiver_database)
    until(lambda: "kill -HUP" in told(process) and children(process.popen.pid), "it starts the sandbox")
    for pid in (*children(process.popen.pid), process.popen.pid):
        os.kill(pid, signal.SIGTERM)
    assert process.popen.wait(WAIT_SECONDS) == 0
    assert "did not start" not in process.log


@linux
def test_nothing_outlives_a_killed_up(processes: Processes, ports: dict[str, str]) -> None:
    process = up(processes, ports)
    sample(process)
    left = children(process.popen.pid)
    assert len(left) >= 3
    process.kill()
    until(lambda: not any(Path(f"/proc/{child}/cmdline").exists() for child in left), "the children have ended")
    wait_until_stopped(processes.folder / ".receiver")


def test_a_taken_port_ends_up_with_a_sentence(processes: Processes, ports: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(ports["sandbox"]))):
        ran = processes.run("up", "--sandbox", "--sandbox-port", ports["sandbox"])
    assert ran.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {ports['sandbox']}" in ran.stderr
    assert not (processes.folder / ".receiver").exists()


def test_one_port_for_both_is_refused_before_anything_is_made(processes: Processes, ports: dict[str, str]) -> None:
    port = processes.environment["PORT"]
    ran = processes.run("up", "--sandbox", "--sandbox-port", port)
    said = f"Error: PORT and --sandbox-port are both {port}: set one of them to another port\n"
    assert (ran.returncode, ran.stderr, ports["sandbox"] != port) == (1, said, True)
    assert not (processes.folder / ".receiver").exists()


def test_the_sandbox_refuses_a_database_with_real_events(processes: Processes, ports: dict[str, str]) -> None:
    processes.run("migrate")
    processes.sql(
        "insert into receiver.events (source, event_id, api_url, type, raw, secret_fingerprint, origin) "
        "values ('transcribe.so', 'evt_1', 'https://transcribe.so', 'webhook.test', '', 'f', 'webhook')"
    )
    ran = processes.run("up", "--sandbox", "--sandbox-port", ports["sandbox"])
    assert ran.returncode == 1
    assert "this database holds events of https://transcribe.so" in ran.stderr


@pytest.mark.usefixtures("ports")
def test_up_without_anything_says_what_is_missing(processes: Processes) -> None:
    process = processes.start("up")
    until(lambda: "deliveries need a secret" in told(process) or process.popen.poll() is not None, "it says so")
    assert "TRANSCRIBE_API_KEY and PUBLIC_URL" in told(process)
    assert process.end() == 0


def test_a_handler_that_cannot_load_ends_up_at_once(processes: Processes, ports: dict[str, str]) -> None:
    processes.write_handlers(broken="import nothing_of_that_name\n")
    ran = processes.run("up", "--sandbox", "--sandbox-port", ports["sandbox"])
    assert ran.returncode == 1
    assert "handlers.broken cannot be imported" in ran.stderr


def test_a_worker_that_dies_at_once_does_not_stop_the_receiving(processes: Processes, ports: dict[str, str]) -> None:
    """Its first job may kill it, with any exit status."""
    processes.write_handlers(
        ending="""
import os

from receiver import Context, Event, handler


@handler("transcription.completed")
async def ending(event: Event, ctx: Context) -> None:
    os._exit(1)
"""
    )
    process = up(processes, ports)
    process.until_logged("work ended with status 1; starting it again in")
    address = f"http://127.0.0.1:{processes.environment['PORT']}/healthz"
    assert httpx.get(address, timeout=WAIT_SECONDS).status_code == 200
    assert process.end() == 0

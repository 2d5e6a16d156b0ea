"""`up` is restarted, or its web process dies, and nobody who delivers is refused: the short form of `tests/faults`."""

import http.client
import itertools
import os
import pty
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import httpx

from receiver.cli.up.children import LEAVING_AT_ONCE
from tests.faults.restarts import EFFECTS, PATH, children, kill, of_command, restart, restart_often, said, through
from tests.processes import Process, Processes, completed, linux, sign, until

numbers = itertools.count(1)
# Whoever imports these handlers is not ready before there is a file of that name.
HELD = f"""
import time
from pathlib import Path

while not Path("go").exists():
    time.sleep(0.02)
{EFFECTS}"""


def receiving(processes: Processes, *, each: int = 1) -> Process:
    """Start an `up` and wait until its web processes and workers are there: so many of each."""
    processes.write_handlers(effects=EFFECTS)
    process = processes.start("up", "--web", str(each), RECEIVER_WEB="3", RECEIVER_WORKERS=str(each))
    until(lambda: said(process, "web    listening") or process.popen.poll() is not None, "it listens")
    until(lambda: process.log.count("working with") == each or process.popen.poll() is not None, "the workers")
    processes.sql("create table effects (event text)")
    return process


@contextmanager
def connected(processes: Processes) -> Iterator[http.client.HTTPConnection]:
    """Yield a connection on which something was delivered, and which is kept."""
    with closing(http.client.HTTPConnection("127.0.0.1", int(processes.environment["PORT"]), timeout=60)) as connection:
        assert deliver(connection, f"evt_kept_{next(numbers)}") is None
        yield connection


def deliver(connection: http.client.HTTPConnection, event_id: str) -> str | None:
    """Deliver an event; returns what the answer says of the connection."""
    body = completed(event_id)
    connection.request("POST", PATH, body, sign(body))
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b'{"status":"stored"}')
    return answer.headers["connection"]


@linux
def test_restarts_refuse_nobody_and_a_closed_terminal_is_none(processes: Processes) -> None:
    terminal, processes.stdin = pty.openpty()
    process = receiving(processes)
    os.close(processes.stdin)
    outcome = through(processes, process, partial(restart_often, process, 2))
    assert (outcome.refused, outcome.cut, outcome.not_2xx) == (0, 0, 0)
    assert (outcome.stored, outcome.doubled) == (outcome.delivered, 0)
    os.close(terminal)
    left = children(process)
    assert process.end(signal.SIGHUP) == -signal.SIGHUP
    until(lambda: not any(Path(f"/proc/{child}").exists() for child in left), "the children have ended")


@linux
def test_a_web_process_that_dies_costs_what_was_in_the_middle_and_no_connection(processes: Processes) -> None:
    process = receiving(processes)
    outcome = through(processes, process, partial(kill, process, 2, apart_seconds=0))
    assert (outcome.refused, outcome.not_2xx) == (0, 0)
    assert (outcome.stored, outcome.doubled) == (outcome.delivered, 0)
    assert "serve ended with status -9; starting it again in 0 s" in process.log
    assert process.end() == 0


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """Let processes stand still."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
        until(lambda pid=pid: ") T " in Path(f"/proc/{pid}/stat").read_text(), "it stands still")  # type: ignore[misc]
    yield
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


@linux
def test_of_several_each_receives_and_works_and_none_is_missed_that_dies_or_is_replaced(processes: Processes) -> None:
    process = receiving(processes, each=2)
    ready = f"http://127.0.0.1:{processes.environment['PORT']}/readyz"
    until(lambda: "processes: ok, 2 web processes, 2 workers" in httpx.get(ready).text, "they are counted")
    for number, both in enumerate(zip(of_command(process, "serve"), of_command(process, "work"), strict=True), 1):
        with stopped(*both), connected(processes):
            until(lambda number=number: len(processes.sql("select from effects")) == number, "the others do it")  # type: ignore[misc]
    killed = through(processes, process, partial(kill, process, 1, apart_seconds=0, of=2), before=2)
    assert (killed.refused, killed.not_2xx, killed.stored, killed.doubled) == (0, 0, killed.delivered, 0)
    assert re.search(r"cli\.up\.children: web [12] ended with status -9; starting it again in 0 s", process.log)
    outcome = through(processes, process, partial(restart, process, 1, workers=2), before=2 + killed.delivered)
    assert (outcome.refused, outcome.cut, outcome.not_2xx) == (0, 0, 0)
    assert (outcome.stored, outcome.doubled) == (outcome.delivered, 0)
    assert [said(process, f"restart {name}") for name in ("web 1", "web 2", "worker 1", "worker 2")] == [1] * 4
    assert [process.log.count(f"info [{name}] cli.work: working with") for name in ("worker 1", "worker 2")] == [2, 2]
    assert process.end(signal.SIGINT) == 0


@linux
def test_a_restart_leaves_idle_connections_to_their_clients_but_not_many_processes(processes: Processes) -> None:
    process = receiving(processes)
    (first,) = of_command(process, "serve")
    with ExitStack() as kept:
        used, idle = (kept.enter_context(connected(processes)) for _ in range(2))
        for number in range(1, LEAVING_AT_ONCE + 1):
            restart(process, number)
            kept.enter_context(connected(processes))
        assert deliver(used, "evt_used") == "close"
        assert first in of_command(process, "serve")
        restart(process, LEAVING_AT_ONCE + 1)
        idle.sock.settimeout(30)
        assert idle.sock.recv(1) == b""
    until(lambda: first not in of_command(process, "serve"), "the first has ended")
    assert process.end() == 0


@linux
def test_what_cannot_start_replaces_nothing(processes: Processes) -> None:
    process = receiving(processes)
    before = {name: of_command(process, name) for name in ("serve", "work")}
    processes.write_handlers(effects="import nothing_of_that_name\n")
    process.popen.send_signal(signal.SIGHUP)
    process.until_logged("the new process of serve did not become ready; the old one stays")
    assert process.log.count("Error: handlers.effects cannot be imported") == 1
    assert {name: of_command(process, name) for name in before} == before
    with connected(processes):
        pass
    processes.write_handlers(effects=HELD.replace("event.id", "'mended'"))
    process.popen.send_signal(signal.SIGHUP)
    until(lambda: len(of_command(process, "serve")) > 1, "a new process")
    for _ in range(5):  # while that is under way: they are one
        process.popen.send_signal(signal.SIGHUP)
    (processes.folder / "go").touch()
    until(lambda: said(process, "restart work") == 2, "two restarts")
    with connected(processes):
        until(lambda: processes.sql("select from effects where event = 'mended'"), "the new handler has run")
    assert said(process, "restart work") == 2
    until(lambda: len(of_command(process, "serve")) == 1, "the last one is alone")
    (processes.folder / "go").unlink()
    process.popen.send_signal(signal.SIGHUP)
    until(lambda: len(of_command(process, "serve")) > 1, "another new process")
    left = of_command(process, "serve") + of_command(process, "work")
    assert process.end() == 0
    assert not any(Path(f"/proc/{child}").exists() for child in left)
    with socket.create_server(("127.0.0.1", int(processes.environment["PORT"]))):
        pass

"""`receiver console`: a process of its own, closed to all who cannot read the database or have no token."""

import signal
import socket

import httpx
import pytest

from tests.processes import Process, Processes, completed, free_port, until

TOKEN = "a-token-of-the-operator"


@pytest.fixture
def shared(processes: Processes, receiver_database: str) -> Processes:
    processes.environment |= {"DATABASE_URL": receiver_database, "RECEIVER_HANDLERS": "receiver.bundled"}
    del processes.environment["RECEIVER_CONSOLE"]
    return processes


def begun(shared: Processes, port: int, **variables: str) -> Process:
    process = shared.start("console", "--port", str(port), **variables)
    process.until_logged(f"the console is at http://127.0.0.1:{port}")
    return process


def link(shared: Processes) -> str:
    """Return a link to the console that runs, once it is known where."""

    def ask() -> str:
        ran = shared.run("console", "--link")
        return ran.stdout.strip() if ran.returncode == 0 else ""

    found: str = until(ask, "a link")
    return found


def test_a_link_opens_what_happens_in_other_processes(shared: Processes) -> None:
    ran = shared.run("console", "--link")
    assert ran.returncode == 1
    assert "no console has ever run on this machine: run `receiver console`" in ran.stderr
    port = free_port()
    process = begun(shared, port)
    found = link(shared)
    assert found.startswith(f"http://127.0.0.1:{port}/sign-in?link=local.")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as person:
        assert person.get("/").status_code == 303
        assert person.get(found).status_code == 200
        assert "Not receiving" in person.get("/").text
        web = shared.serve()
        assert web.deliver(completed("evt_1")).status_code == 200
        until(lambda: "web " in person.get("/").text, "the web process")
        with person.stream("GET", "/changes") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "retry: 2000"
            assert process.end() == 0, "an open stream holds up no end"
    assert "a bug in receiver" not in process.log


def test_it_is_closed_to_others_without_a_token(shared: Processes) -> None:
    place = f"0.0.0.0:{free_port()}"
    for command in ("console", "up"):
        ran = shared.run(command, RECEIVER_CONSOLE=place)
        assert ran.returncode == 1
        assert f"the console would listen on {place}, where others come: set RECEIVER_CONSOLE_TOKEN" in ran.stderr
    ran = shared.run("console", RECEIVER_CONSOLE_TOKEN=TOKEN, RECEIVER_CONSOLE_READ_TOKEN=TOKEN)
    assert ran.returncode == 1
    assert "take another one" in ran.stderr
    assert TOKEN not in ran.stderr
    port = free_port()
    process = shared.start("console", RECEIVER_CONSOLE=f"0.0.0.0:{port}", RECEIVER_CONSOLE_TOKEN=TOKEN)
    process.until_logged(f"the console is at http://127.0.0.1:{port}")
    answer = httpx.post(
        f"http://127.0.0.1:{port}/sign-in", data={"token": TOKEN}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status_code == 303
    assert process.end() == 0


def test_off_and_a_taken_port_are_said(shared: Processes) -> None:
    ran = shared.run("console", RECEIVER_CONSOLE="off")
    assert "RECEIVER_CONSOLE is off: pass --port" in ran.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = shared.run("console", "--port", str(port))
    assert ran.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in ran.stderr
    assert "set RECEIVER_CONSOLE or --port to another place" in ran.stderr


def test_up_runs_it_prints_a_link_and_replaces_it(shared: Processes) -> None:
    port = free_port()
    process = shared.start("up", RECEIVER_CONSOLE=f"127.0.0.1:{port}", TRANSCRIBE_API_URL="http://127.0.0.1:1")

    def printed() -> str:
        return next((line for line in process.out.read_text().splitlines() if line.startswith("console")), "")

    address = until(printed, "the link").split()[-1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as person:
        assert person.get(address).status_code == 200
        assert person.get("/settings").status_code == 200
        process.popen.send_signal(signal.SIGHUP)
        until(lambda: "restart console has a new process" in process.out.read_text(), "the restart")
        assert person.get("/settings").status_code == 200, "who was signed in still is"
    assert process.end() == 0


def test_it_starts_while_the_database_is_away_and_finds_it(shared: Processes) -> None:
    port = free_port()
    process = begun(shared, port, DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    answer = httpx.get(f"http://127.0.0.1:{port}/sign-in", timeout=60)
    assert answer.status_code == 200
    assert process.end() == 0

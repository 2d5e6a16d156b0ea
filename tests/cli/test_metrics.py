"""`receiver metrics`: a place to scrape, wherever the processes run, and what Prometheus and Grafana need beside it."""

import json
import signal
import socket
from pathlib import Path

import httpx
import pytest

from receiver.health.metrics import page
from tests.processes import Processes, completed, free_port, until


@pytest.fixture
def shared(processes: Processes, receiver_database: str) -> Processes:
    processes.environment |= {"DATABASE_URL": receiver_database, "RECEIVER_HANDLERS": "receiver.bundled"}
    return processes


def scrape(port: int) -> str:
    """Return the metrics; nothing while nobody listens yet."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60)
    except httpx.ConnectError:
        return ""
    assert answer.status_code == 200
    return answer.text


def test_one_place_tells_of_every_process_and_of_those_that_are_gone(shared: Processes) -> None:
    port = free_port()
    shared.start("metrics", "--listen", f"127.0.0.1:{port}").until_logged(
        f"metrics are at http://127.0.0.1:{port}/metrics"
    )
    web = shared.serve()
    assert web.deliver(b'{"id": "evt_1", "event": "webhook.test", "data": {}}').status_code == 200
    assert web.end() == 0
    until(lambda: 'receiver_deliveries_total{account="default",answer="stored"} 1.0' in scrape(port), "the delivery")
    shared.start("work").until_logged("working with")
    until(lambda: 'receiver_attempts_total{handler="pings",outcome="done"} 1.0' in scrape(port), "the attempt")
    assert 'receiver_processes{kind="worker"} 1.0' in scrape(port)
    assert httpx.get(f"http://127.0.0.1:{port}/other", timeout=60).status_code == 404
    assert httpx.post(f"http://127.0.0.1:{port}/metrics", timeout=60).status_code == 405


def test_serve_has_the_place_where_it_is_set(shared: Processes) -> None:
    port = free_port()
    web = shared.serve(RECEIVER_METRICS=f"127.0.0.1:{port}")
    until(lambda: "receiver_database_up 1.0" in scrape(port), "metrics")
    assert web.end() == 0


def test_a_place_that_is_taken_stops_no_delivery(shared: Processes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        place = f"127.0.0.1:{port}"
        web = shared.serve(RECEIVER_METRICS=place)
        web.until_logged("there are no metrics yet: cannot listen on 127.0.0.1")
        assert web.deliver(completed("evt_1")).status_code == 200
        assert "\norgans: ok" in web.get("/readyz").text
        ran = shared.run("metrics", "--listen", place)
        assert ran.returncode == 1
        assert "cannot listen on 127.0.0.1" in ran.stderr
    until(lambda: "receiver_database_up 1.0" in scrape(port), "metrics, once the place is free")


def test_up_serves_them_and_a_restart_leaves_no_gap(shared: Processes) -> None:
    port = free_port()
    process = shared.start("up", RECEIVER_METRICS=f"127.0.0.1:{port}", TRANSCRIBE_API_URL="http://127.0.0.1:1")
    until(lambda: 'receiver_processes{kind="worker"} 1.0' in scrape(port), "metrics")
    process.popen.send_signal(signal.SIGHUP)
    until(lambda: "restart metrics has a new process" in process.out.read_text(), "the restart")
    assert "receiver_database_up 1.0" in scrape(port)
    assert process.end() == 0


def test_rules_and_dashboard_are_printed_as_they_are(processes: Processes) -> None:
    folder = Path(page.__file__).parent
    assert processes.run_inside("metrics", "--rules").stdout == (folder / "rules.yml").read_text()
    assert json.loads(processes.run_inside("metrics", "--dashboard").stdout)["title"]


@pytest.mark.parametrize("place", ["9464:", "host:0", "a b:1"])
def test_what_is_no_place_is_refused(processes: Processes, place: str) -> None:
    ran = processes.run_inside("metrics", "--listen", place)
    assert ran.exit_code == 2
    assert "must be HOST:PORT, such as 127.0.0.1:9464, or off" in ran.stderr


def test_off_is_no_place(shared: Processes) -> None:
    ran = shared.run_inside("metrics", RECEIVER_METRICS="off")
    assert (ran.exit_code, ran.stderr.strip()) == (1, "Error: RECEIVER_METRICS is off: pass --listen")

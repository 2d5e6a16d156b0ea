"""A real Prometheus scrapes real processes: what goes wrong fires within a minute, and what is set right ends.

providers ──▶ gateway, which loses an answer ──▶ receiver serve, work ──▶ database ◀── receiver metrics ◀── Prometheus
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.commands import Simulated, wav
from tests.faults.gateway import Gateway
from tests.faults.submissions import FISHAUDIO, TIMBR, Asking
from tests.peers.prometheus import DASHBOARD, Programs, Prometheus, expressions, scraping
from tests.processes import Processes, Web, completed, free_port, unreachable, until

HANDLERS = """
from receiver import GiveUp, handler

@handler("transcription.completed", sources=("transcribe.so",))
async def crm(event, ctx):
    raise GiveUp("it takes no more")

@handler("webhook.test")
async def pings(event, ctx):
    pass
"""
PANELS: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
MINUTE = 60.0
WRONG = {"ReceiverFeedOff", "ReceiverDeadJobs", "ReceiverUnknownSubmission"}

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True, slots=True)
class House:
    """A web process, a worker and what tells their metrics, between simulated providers and Prometheus."""

    processes: Processes
    web: Web
    provider: Simulated
    gateway: Gateway
    metrics: str
    server: Prometheus

    def ordinary(self) -> None:
        """Receive a delivery, refuse one that is not authentic, and pay for something."""
        self._good("test-event")
        assert self.web.deliver(completed("evt_1"), secret=b"whsec_of_nobody").status_code == 401
        self._good("submit", "https://media.test/paid.mp3", *FISHAUDIO.arguments, "--wait")

    def wrong(self) -> set[str]:
        """Let three things go wrong; returns the submission of which nobody knows."""
        self.provider.http.post("/sandbox/webhooks/disable")
        body = {"source": "external_url", "url": "https://media.example/1.mp3", "duration_seconds": 60}
        assert self.provider.http.post(
            "/api/v1/transcriptions", json=body
        ).is_success  # found in the list, and given up
        self.gateway.plan(TIMBR.pays, "lost", times=1)
        recording = wav(self.processes.folder / "lost.wav")
        return {self._good("submit", str(recording), *TIMBR.arguments).strip()}

    def right(self, submissions: set[str]) -> None:
        """Set them right, with the commands that the alerts name."""
        self.provider.http.post("/sandbox/webhooks/enable")
        self._good("test-event", "--account", "default")
        self._good("drop", "--handler", "crm", "--yes")
        for one in submissions:
            self._good("resolve", one, "--give-up")

    def _good(self, *arguments: str) -> str:
        ran = self.processes.run(*arguments)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout


@pytest.fixture
def house(
    prometheus: Programs, processes: Processes, receiver_database: str, tmp_path: Path
) -> Iterator[House]:  # fmt: skip
    with _running(processes, receiver_database) as (provider, gateway):
        port = free_port()
        web = processes.begin_serving(port, PUBLIC_URL=f"http://127.0.0.1:{port}")
        web.until_logged("registered http")
        processes.start("work").until_logged("working with")
        target = f"127.0.0.1:{free_port()}"
        processes.start("metrics", "--listen", target)
        with scraping(prometheus, tmp_path / "prometheus", target) as server:
            yield House(processes, web, provider, gateway, f"http://{target}/metrics", server)


@contextmanager
def _running(processes: Processes, database: str) -> Iterator[tuple[Simulated, Gateway]]:
    processes.write_handlers(crm=HANDLERS)
    with Simulated(speed=60_000).running() as provider, Gateway(provider.url).running() as gateway:
        processes.environment |= {
            "DATABASE_URL": database, "TRANSCRIBE_API_URL": provider.url, "TRANSCRIBE_API_KEY": provider.key,
            **settings(TIMBR, gateway), **settings(FISHAUDIO, gateway),
            "RECEIVER_RECONCILE_SECONDS": "1", "RECEIVER_RECONCILE_GRACE_SECONDS": "1",
        }  # fmt: skip
        yield provider, gateway


def settings(asking: Asking, gateway: Gateway) -> dict[str, str]:
    """Return the variables of a source behind the gateway."""
    return {f"{asking.prefix}_API_URL": f"{gateway.url}{asking.place}", f"{asking.prefix}_API_KEY": asking.key}


def fired(server: Prometheus, wanted: set[str], seconds: float = MINUTE) -> float:
    """Wait until exactly these alerts fire; returns how many seconds that took."""
    began = time.monotonic()
    with suppress(AssertionError):  # what fires instead is a better message
        until(lambda: set(server.firing()) == wanted, "they fire", seconds)
    assert set(server.firing()) == wanted
    return time.monotonic() - began


def empty(server: Prometheus) -> list[str]:
    """Return the panels of the dashboard that show nothing now."""
    return [
        f"{panel['title']} ({panel['type']})"
        for panel in PANELS
        if panel["type"] != "row" and not any(server.query(one) for one in expressions(panel))
    ]


def test_what_is_told_has_the_form_that_is_asked_for_also_without_the_database(
    house: House, prometheus: Programs, receiver_database: str
) -> None:
    target = f"127.0.0.1:{free_port()}"
    away = {"DATABASE_URL": unreachable(receiver_database), "PORT": str(house.web.port)}
    house.processes.start("metrics", "--listen", target, **away).until_logged("metrics are at")
    for url, is_up in ((house.metrics, 1), (f"http://{target}/metrics", 0)):
        told = httpx.get(url, timeout=30).text
        assert prometheus.check("check", "metrics", given=told) == ""
        assert f"\nreceiver_database_up {is_up}.0\n" in told
        assert 'receiver_failure_budget_used{account="default"}' in told


def test_three_alerts_fire_within_a_minute_and_end_once_all_is_set_right(house: House) -> None:
    house.ordinary()
    assert house.server.firing() == {}
    submissions = house.wrong()
    print(f"\nfired after {fired(house.server, WRONG):.0f} s")  # noqa: T201 - for whoever runs it
    for alert in house.server.firing().values():
        assert "<no value>" not in "".join(alert["annotations"].values())
    assert house.server.firing()["ReceiverDeadJobs"]["annotations"]["summary"] == "crm has dead jobs: 1"
    with suppress(AssertionError):  # which of them stay empty is a better message; charges are added up once a minute
        until(lambda: not empty(house.server), "every panel shows something", 2 * MINUTE)
    assert empty(house.server) == []
    assert house.server.sound()
    house.right(submissions)
    print(f"ended after {fired(house.server, set(), 3 * MINUTE):.0f} s")  # noqa: T201 - the same

"""Prometheus: the one that is installed, or else Debian's package, unpacked into a temporary folder and kept there.

promtool     checks rules and expositions, and runs rules on series that a test makes up
prometheus   scrapes a target, and says which alerts fire
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.processes import REPOSITORY, free_port, until

RULES = REPOSITORY / "receiver/health/metrics/rules.yml"
DASHBOARD = REPOSITORY / "receiver/health/metrics/dashboard.json"
KEPT = Path(tempfile.gettempdir()) / f"receiver-prometheus-{os.geteuid()}"
DOWNLOAD_SECONDS = 120
SCRAPED = "2s"
CONFIGURATION = """
global: {scrape_interval: SCRAPED, scrape_timeout: SCRAPED}
rule_files: [RULES]
scrape_configs:
  - job_name: receiver
    static_configs: [{targets: ["TARGET"]}]
"""


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the two programs are."""

    promtool: Path
    prometheus: Path

    def check(self, *arguments: str, given: str = "") -> str:
        """Run promtool, which must find nothing wrong; returns what it says."""
        ran = subprocess.run(
            [self.promtool, *arguments], input=given, capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr


def programs() -> Programs:
    """Return the programs; get them if they are neither installed nor unpacked. Skip the test if they cannot be had."""
    paths = [Path(found) for name in ("promtool", "prometheus") if (found := shutil.which(name))]
    if len(paths) == 2:
        return Programs(*paths)
    folder = KEPT / "unpacked"
    KEPT.mkdir(mode=0o700, exist_ok=True)
    assert KEPT.stat().st_uid == os.geteuid(), f"{KEPT} is somebody else's"
    if not folder.exists():
        _unpack(folder)
    return Programs(folder / "usr/bin/promtool", folder / "usr/bin/prometheus")


def _unpack(folder: Path) -> None:
    """Download the package and unpack it. Others may do the same meanwhile."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        for command in (("apt-get", "download", "prometheus"), ("dpkg", "-x", "PACKAGE", "unpacked")):
            package = next((path.name for path in Path(made).glob("*.deb")), "")
            words = [package if word == "PACKAGE" else word for word in command]
            try:
                subprocess.run(words, cwd=made, capture_output=True, check=True, timeout=DOWNLOAD_SECONDS)
            except (OSError, subprocess.SubprocessError) as exc:
                pytest.skip(f"Prometheus is missing, and cannot be had: {exc}; try `apt-get update`")
        with suppress(OSError):  # another one was faster
            Path(made, "unpacked").rename(folder)


class Prometheus:
    """A running server; it scrapes one target every two seconds, as the job `receiver`."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def ask(self, path: str, **parameters: str) -> Any:
        """Return what the API answers, which is no error."""
        answer = self._http.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def query(self, expression: str) -> list[tuple[Mapping[str, str], float]]:
        """Return the series of an expression, each with its value now."""
        return [(one["metric"], float(one["value"][1])) for one in self.ask("query", query=expression)["result"]]

    def firing(self) -> dict[str, dict[str, Any]]:
        """Return the alerts that fire, by their names: the labels and annotations of one of each."""
        return {
            one["labels"]["alertname"]: one for one in self.ask("alerts")["alerts"] if one["state"] == "firing"
        }  # fmt: skip

    def sound(self) -> bool:
        """Whether every rule could be carried out."""
        (group,) = self.ask("rules")["groups"]
        return all(rule["health"] == "ok" for rule in group["rules"])

    def is_scraping(self) -> bool:
        """Whether the target has answered, and the rules were carried out."""
        (target,) = self.ask("targets")["activeTargets"] or [{"health": "unknown"}]
        (group,) = self.ask("rules")["groups"]
        return target["health"] == "up" and not group["lastEvaluation"].startswith("0001")


@contextmanager
def scraping(programs: Programs, folder: Path, target: str) -> Iterator[Prometheus]:
    """Run a server with our rules, which scrapes `target` (HOST:PORT)."""
    folder.mkdir()
    port = free_port()
    lines = CONFIGURATION.replace("SCRAPED", SCRAPED).replace("RULES", json.dumps(str(RULES)))
    (folder / "prometheus.yml").write_text(lines.replace("TARGET", target))
    command = (
        programs.prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
    )  # fmt: skip
    environment = {"PATH": os.environ["PATH"], "GOMAXPROCS": "1"}
    with (
        (folder / "log").open("wb") as log,
        httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=30) as http,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log) as running,
    ):
        server = Prometheus(http)
        try:
            until(lambda: _answers(server) or running.poll() is not None, "Prometheus answers")
            assert running.poll() is None, (folder / "log").read_text()
            yield server
        finally:
            running.terminate()


def _answers(server: Prometheus) -> bool:
    try:
        return server.is_scraping()
    except (httpx.TransportError, AssertionError):  # not listening yet, or starting
        return False


def rendered(text: str, labels: Mapping[str, str], value: str) -> str:
    """Return an annotation as Prometheus writes it, for an alert with these labels and this value."""
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels[found[1]], text)
    return re.sub(r"\{\{ \$value( \| \w+)? \}\}", value, text)


def expressions(panel: Mapping[str, Any]) -> list[str]:
    """Return the expressions of a panel, with values for Grafana's variables."""
    values = {"$job": ".+", "$__rate_interval": "1m", "$__range": "1h"}
    return [re.sub(r"\$\w+", lambda found: values[found[0]], one["expr"]) for one in panel.get("targets", ())]

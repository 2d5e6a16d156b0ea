"""The provider's own published command-line client against a real `receiver sandbox`.

Its README promises the exit statuses: 0 fine, 1 API error, 2 usage, 3 authentication, 4 payment, 5 transient, 6 over
the local budget. Each test has a key, and so a wallet, of its own.
"""

import hashlib
import json
import os
import subprocess
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import srt  # type: ignore[import-untyped] # it has no types

from receiver import signature
from receiver.sandbox import EXAMPLE_ID
from tests.peers.npm import npm_packages  # noqa: F401 - a fixture
from tests.processes import Processes, free_port, open_folder, until
from tests.servers import App

FINE, API_ERROR, USAGE, AUTHENTICATION, PAYMENT, TRANSIENT, BUDGET = range(7)
TALK = ("--source", "youtube", "--url", "https://youtu.be/talk")


@dataclass(frozen=True, slots=True)
class Client:
    """The client, and the sandbox that it is pointed at."""

    script: Path
    url: str
    key: str

    def run(self, *arguments: str, status: int = FINE, **environment: str) -> str:
        """Run a command that must end with `status`; return its output."""
        own = {"PATH": os.environ["PATH"], "TRANSCRIBE_API_URL": self.url, "TRANSCRIBE_API_KEY": self.key}
        command = ["node", str(self.script), *arguments, "--allow-custom-host"]
        ran = subprocess.run(command, env=own | environment, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == status, f"{arguments}: {ran.returncode}\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}"
        return ran.stdout

    def read(self, *arguments: str, status: int = FINE, **environment: str) -> Any:
        """Run a command; returns the JSON that it printed."""
        return json.loads(self.run(*arguments, status=status, **environment))

    def code(self, *arguments: str, status: int, **environment: str) -> str:
        """Run a command that must fail; returns the code of the error that it printed."""
        code: str = self.read(*arguments, status=status, **environment)["error"]["code"]
        return code


@pytest.fixture(scope="module")
def sandbox_url() -> Iterator[str]:
    """Yield the address of a running sandbox; an address to PUT a file to is good for four and a half seconds."""
    with open_folder() as folder, Processes(folder) as processes:
        port = free_port()
        sandbox = processes.start("sandbox", "--port", str(port), "--speed", "200")
        until(lambda: "sandbox: export" in sandbox.out.read_text(), "the sandbox listens")
        url = f"http://127.0.0.1:{port}"
        until(lambda: httpx.get(f"{url}/sandbox/uploads").is_success, "the sandbox answers")
        yield url
        assert "Traceback" not in sandbox.log


@pytest.fixture
def client(npm_packages: Path, sandbox_url: str, request: pytest.FixtureRequest) -> Client:  # noqa: F811 - the fixture
    script = npm_packages / "node_modules" / "transcribe-so" / "dist" / "index.js"
    return Client(script, sandbox_url, f"tsk_live_{request.node.name}")


@pytest.fixture
def callbacks() -> Iterator[App]:
    with App().running() as running:
        yield running


def write_sound(path: Path) -> None:
    """Write a WAV file of 1.5 seconds."""
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(range(240)) * 100)


def test_it_knows_whose_key_it_has_and_what_it_may_spend(client: Client) -> None:
    status, account = client.read("auth:status"), client.read("me")
    assert (status["authenticated"], status["email"]) == (True, "you@example.com")
    assert (status["wallet_balance_usd"], status["subscription_tier"]) == (97.55, "free")
    assert account["links"]["docs"] == "https://transcribe.so/developers/docs"
    assert client.read("pipelines")["pipelines"][0]["retail_usd_per_min"] == 0.0362


def test_it_runs_a_job_from_the_quote_to_the_result_and_finds_it_again(client: Client) -> None:
    slow = {"endpoint": "/quotes", "kind": "slow", "seconds": 0.01}  # so that the job is of another millisecond
    httpx.post(f"{client.url}/sandbox/faults", json=slow).raise_for_status()
    result = client.read("run", *TALK, "--max-usd", "2.2")
    assert (result["status"], len(result["segments"]) > 100) == ("completed", True)
    assert client.read("get", str(result["id"]))["charge_usd"] == 2.172
    page = client.read("list", "--limit", "1", "--api-only")
    assert [row["id"] for row in page["data"]] == [result["id"]]
    older = client.read("list", "--cursor", page["next_cursor"])["data"]
    assert [row["status"] for row in older] == ["quoted", "completed"]


def test_a_quote_is_free_and_no_job(client: Client) -> None:
    quote = client.read("quote", *TALK, "--duration", "90.5")
    assert (quote["billed_minutes"], quote["retail_usd"]) == (1.6, 0.0579)
    waited = client.read("wait", str(quote["transcription_id"]), status=API_ERROR)
    assert waited["status"] == "quoted"


def test_it_uploads_a_file_transcribes_it_and_is_called_back(client: Client, callbacks: App, tmp_path: Path) -> None:
    sound = tmp_path / "talk.wav"
    write_sound(sound)
    uploaded = client.read("upload", str(sound), "--duration", "1.5")
    arrived = httpx.get(f"{client.url}/sandbox/uploads").json()["uploads"]
    digest = hashlib.sha256(sound.read_bytes()).hexdigest()
    assert [u["sha256"] for u in arrived if u["id"] == uploaded["upload_id"]] == [digest]
    job = client.read(
        "create", "--source", "upload", "--upload-id", uploaded["upload_id"], "--duration", "1.5",
        "--callback-url", f"{callbacks.url}/done",
    )  # fmt: skip
    number = str(job["id"])
    waited = client.read("wait", number, "--include", "all")
    assert (waited["status"], waited["title"]) == ("completed", "talk.wav")
    result = client.read("result", number, "--include", "all")
    assert set(result) == {"id", "status", "segments", "chapters", "sections", "qna", "acts", "posting_chapters"}
    assert result["segments"][-1]["end_seconds"] == 1.5
    spoken = [cue.content for cue in srt.parse(client.run("subtitles", number))]
    assert spoken == [segment["text"] for segment in result["segments"]]
    got = until(lambda: callbacks.got, "the callback")[0]
    headers = [(name.encode(), value.encode()) for name, value in got.headers.items()]
    signature.verify(headers, got.body, secrets=[job["callback"]["secret"].encode()], now=time.time())
    assert got.json["data"]["transcription"]["id"] == job["id"]
    assert client.read("delete", number, "--yes") == {"id": job["id"], "deleted": True}
    assert client.code("get", number, status=API_ERROR) == "not_found"


def test_it_retries_what_failed(client: Client) -> None:
    number = str(client.read("create", "--source", "platform_url", "--url", "https://example.com/fail-once")["id"])
    assert client.read("wait", number, status=API_ERROR)["status"] == "failed"
    assert client.code("result", number, status=API_ERROR) == "not_ready"
    assert client.read("retry", number, "--yes")["status"] == "processing"
    assert client.read("wait", number)["status"] == "completed"


def test_it_ends_as_its_readme_promises(client: Client) -> None:
    client.run("delete", str(EXAMPLE_ID), status=USAGE)
    bad = {"TRANSCRIBE_API_KEY": "sk_live_x"}
    assert client.code("me", status=AUTHENTICATION, **bad) == "invalid_api_key"
    dear = ("create", *TALK, "--duration", "900000")
    assert client.code(*dear, status=PAYMENT) == "insufficient_funds"
    httpx.post(f"{client.url}/sandbox/faults", json={"endpoint": "/pipelines", "kind": "500"}).raise_for_status()
    assert client.code("pipelines", status=TRANSIENT) == "internal_error"
    assert client.code("run", *TALK, "--max-usd", "1", status=BUDGET) == "max_usd_exceeded"
    httpx.post(f"{client.url}/sandbox/faults", json={"endpoint": "/me", "kind": "html"}).raise_for_status()
    assert client.code("me", status=TRANSIENT) == "upstream_error"

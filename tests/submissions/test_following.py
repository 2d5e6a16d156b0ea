"""`--wait`: by the webhook if one is registered, else by long-poll."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from receiver import settings
from receiver.database import Pool
from receiver.providers import TranscribeSo
from receiver.sandbox import Sandbox
from receiver.submissions import following
from receiver.testing import TEMPLATE, Server
from tests.commands import Commands, Simulated
from tests.processes import Processes, open_folder, until
from tests.providers.scripted import Provider, refused

YOUTUBE = "https://youtu.be/dQw4w9WgXcQ"
DATABASE = "receiver_test_following"


@dataclass(frozen=True, slots=True)
class Running:
    """A registered receiver that stores deliveries, its provider, and commands on the same database."""

    processes: Processes
    sandbox: Simulated
    commands: Commands

    def events(self, transcription_id: object) -> list[str]:
        """Return the types of the events about a transcription, newest first."""
        found: list[dict[str, Any]] = self.commands.read("events", "--limit", "0")
        return [one["type"] for one in found if one["transcription_id"] == str(transcription_id)]


@pytest.fixture(scope="module")
def receiving(receiver_server: Server) -> Iterator[Running]:
    with Simulated().running() as sandbox, open_folder() as folder:
        url = receiver_server.create(DATABASE, "--template", TEMPLATE)
        with Processes(folder) as processes:
            processes.environment |= {
                "DATABASE_URL": url, "TRANSCRIBE_API_URL": sandbox.url, "TRANSCRIBE_API_KEY": sandbox.key,
                "TRANSCRIBE_API_KEY__UNREGISTERED": f"{sandbox.key}_unregistered",
            }  # fmt: skip
            web = processes.serve()
            commands = Commands(folder, sandbox.url, sandbox.key, DATABASE_URL=url)
            commands.good("register", "--url", f"{web.url}/webhooks/transcribe-so")
            processes.start("work")
            workers = "select * from receiver.processes where kind = 'worker'"
            until(lambda: bool(processes.sql(workers)), "a worker is seen")
            yield Running(processes, sandbox, commands)
        receiver_server.drop(DATABASE)


@pytest.fixture
def running(receiving: Running) -> Running:
    """Return the receiver with an unused budget, as if the last minute had brought no request to the provider."""
    receiving.processes.sql("delete from receiver.budgets")
    return receiving


def test_a_registered_receiver_waits_for_the_delivery(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """It also holds no connection to the provider meanwhile."""

    async def until_looked_at(sandbox: Sandbox, _: float) -> bool:
        """Go on once the command has asked for the transcription, which has not ended."""
        began = len(sandbox.asked)
        while not any(one.path.startswith("/api/v1/transcriptions/") for one in list(sandbox.asked)[began:]):  # noqa: ASYNC110 - it has no event for it
            await asyncio.sleep(0.01)
        return sandbox.stopping.is_set()

    monkeypatch.setattr(Sandbox, "pause", until_looked_at)
    printed = running.commands.read("transcribe", YOUTUBE, "--wait")
    assert running.events(printed["id"]) == ["transcription.completed"]
    assert "Ada: " in printed["text"]
    assert running.sandbox.asked("/wait") == []


def test_what_has_ended_before_is_not_waited_for(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run under a key gets the transcription of the first run, whose delivery came long ago."""
    first = running.commands.read("transcribe", YOUTUBE, "--idempotency-key", "ep-1")
    until(lambda: running.events(first["id"]), "the delivery is stored")
    sleep = asyncio.sleep

    async def refused(seconds: float) -> None:
        assert seconds != following.SERVICE.look, "it waits for another delivery"
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", refused)
    again = running.commands.read("transcribe", YOUTUBE, "--idempotency-key", "ep-1", "--wait")
    assert again["id"] == first["id"]
    assert running.sandbox.asked("/wait") == []


def test_the_delivery_of_an_earlier_end_is_not_taken_for_a_retrys(running: Running) -> None:
    failed = running.commands.run("transcribe", "https://example.com/fail-once.mp3", "--wait")
    number = str(running.sandbox.submitted()[0]["id"])
    assert (failed.exit_code, f"transcription {number} failed" in failed.stderr) == (1, True)
    running.processes.sql("delete from receiver.budgets")
    assert running.commands.read("retry", number, "--yes", "--wait")["status"] == "completed"
    both = ["transcription.completed", "transcription.failed"]
    until(
        lambda: running.events(number) == both, "both deliveries are stored"
    )  # the answer can come before the deliveries


@pytest.fixture
def unregistered(running: Running) -> Commands:
    """Return commands that know another account on the same database."""
    sandbox, url = running.sandbox, str(running.commands.environment["DATABASE_URL"])
    key = {"TRANSCRIBE_API_KEY__UNREGISTERED": f"{sandbox.key}_unregistered"}
    return Commands(running.commands.folder, sandbox.url, sandbox.key, DATABASE_URL=url, **key)


def test_without_a_registration_the_provider_is_asked_to_hold_the_answer(
    running: Running, unregistered: Commands
) -> None:
    number = unregistered.read("transcribe", YOUTUBE, "--account", "unregistered", "--wait")["id"]
    assert {*running.sandbox.asked("/wait")} == {f"GET /api/v1/transcriptions/{number}/wait"}
    assert running.events(number) == []


@pytest.mark.parametrize("name", ["fail", "cancel"])
def test_an_end_without_a_transcript_ends_the_wait(unregistered: Commands, name: str) -> None:
    ran = unregistered.run("transcribe", f"https://example.com/{name}.mp3", "--account", "unregistered", "--wait")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "Error: transcription " in ran.stderr


# --- outages ---------------------------------------------------------------------------------------------------------

API_URL = "http://127.0.0.1:1"
SOON = following.Pauses(after_outage=0.01)


async def test_a_provider_that_fails_meanwhile_ends_no_wait(caplog: pytest.LogCaptureFixture) -> None:
    spent = refused(429, "allowance_spent", message="Ask later.")
    provider = Provider(httpx.Response(200, json={}), spent, httpx.Response(200, json={"id": 7, "status": "completed"}))
    configured = settings.load(TRANSCRIBE_API_URL=API_URL, TRANSCRIBE_API_KEY="tsk_test_x")
    async with provider.client(retries=(0,)) as api:
        ended = await (await following.begin(api, None, configured, pauses=SOON)).until_ended(7)
    assert (ended.status, len(provider.asked)) == ("completed", 3)
    assert caplog.text.count("still waiting for transcription 7: ") == 2
    assert "Ask later." in caplog.text


async def test_a_database_that_is_away_meanwhile_ends_no_wait(
    db: Pool, receiver_server: Server, receiver_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    configured = settings.load(TRANSCRIBE_API_URL=API_URL, TRANSCRIBE_API_KEY="tsk_test_x")
    whose = configured.account()
    await db.execute(
        "insert into receiver.registrations (api_url, key_fingerprint, callback_url, idempotency_key, secret,"
        " registered_at) values ($1, $2, 'https://x.test/', 'register-1', 'whsec_x', now())",
        whose.api_url,
        whose.key_fingerprint,
    )
    name, admin = urlsplit(receiver_database).path[1:], await asyncpg.connect(receiver_server.url)
    status = "processing"

    async def answer(_: httpx.Request) -> httpx.Response:
        if status == "processing":
            await admin.execute(f'alter database "{name}" allow_connections false')
            await admin.fetch("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1", name)
        return httpx.Response(200, json={"id": 7, "status": status})

    transport = httpx.MockTransport(answer)
    async with asyncio.timeout(60), TranscribeSo(API_URL, SecretStr("tsk_test_x"), transport=transport) as provider:
        followed = await following.begin(provider, db, configured, pauses=SOON)
        waiting = asyncio.create_task(followed.until_ended(7))
        while "still waiting for transcription 7: " not in caplog.text:
            assert not waiting.done()
            await asyncio.sleep(0.02)
        status = "completed"
        await admin.execute(f'alter database "{name}" allow_connections true')
        assert (await waiting).status == "completed"
    await admin.close()

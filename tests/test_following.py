"""`--wait`: by the webhook where one is registered, else by long-poll."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from receiver.cli import following
from receiver.testing import TEMPLATE, Server
from tests.commands import Commands, Simulated
from tests.processes import Processes, open_folder, until

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
            processes.environment |= {"DATABASE_URL": url, "TRANSCRIBE_API_URL": sandbox.url}
            web = processes.serve()
            commands = Commands(folder, sandbox.url, sandbox.key, DATABASE_URL=url)
            commands.good("register", "--url", f"{web.url}/webhooks/transcribe-so")
            yield Running(processes, sandbox, commands)
        receiver_server.drop(DATABASE)


@pytest.fixture
def running(receiving: Running) -> Running:
    """Return the receiver as if nothing had been asked of the provider in the last minute."""
    receiving.processes.sql("delete from receiver.budgets")
    return receiving


def test_a_registered_receiver_waits_for_the_delivery(running: Running) -> None:
    """And holds no connection to the provider meanwhile."""
    printed = running.commands.read("transcribe", YOUTUBE, "--wait")
    assert running.events(printed["id"]) == ["transcription.completed"]
    assert "Ada: " in printed["text"]
    assert running.sandbox.asked("/wait") == []


def test_what_has_ended_before_is_not_waited_for(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run under a key gets the first one's transcription, whose delivery came long ago."""
    first = running.commands.read("transcribe", YOUTUBE, "--idempotency-key", "ep-1")
    until(lambda: running.events(first["id"]), "the delivery is stored")
    sleep = asyncio.sleep

    async def refused(seconds: float) -> None:
        assert seconds != following.LOOK_AGAIN_SECONDS, "it waits for another delivery"
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
    assert running.events(number) == ["transcription.completed", "transcription.failed"]


@pytest.fixture
def unregistered(running: Running) -> Commands:
    """Return commands of another key on the same database."""
    sandbox, url = running.sandbox, str(running.commands.environment["DATABASE_URL"])
    return Commands(running.commands.folder, sandbox.url, f"{sandbox.key}_unregistered", DATABASE_URL=url)


def test_without_a_registration_the_provider_is_asked_to_hold_the_answer(
    running: Running, unregistered: Commands
) -> None:
    number = unregistered.read("transcribe", YOUTUBE, "--wait")["id"]
    assert {*running.sandbox.asked("/wait")} == {f"GET /api/v1/transcriptions/{number}/wait"}
    assert running.events(number) == []


@pytest.mark.parametrize("name", ["fail", "cancel"])
def test_an_end_without_a_transcript_ends_the_wait(unregistered: Commands, name: str) -> None:
    ran = unregistered.run("transcribe", f"https://example.com/{name}.mp3", "--wait")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "Error: transcription " in ran.stderr

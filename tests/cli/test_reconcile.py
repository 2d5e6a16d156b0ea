"""`receiver reconcile`: it compares now, says what it has found, and asks before it takes what lies behind."""

import json
from pathlib import Path

import pytest

from receiver.submissions.reconciling.feed import LOOKS_OFF
from tests.commands import Commands, Simulated

SECRET = "whsec_set_by_hand"
AT_ONCE = "0"


@pytest.fixture
def asking(receiver_database: str, folder: Path, sandbox: Simulated) -> Commands:
    return Commands(
        folder, sandbox.url, sandbox.key, DATABASE_URL=receiver_database, TRANSCRIBE_WEBHOOK_SECRET=SECRET,
        RECEIVER_RECONCILE_GRACE_SECONDS=AT_ONCE,
    )  # fmt: skip


def test_what_was_never_announced_is_stored_and_the_feed_looks_off(asking: Commands, sandbox: Simulated) -> None:
    asking.good("reconcile")  # the account's time begins
    number = sandbox.made("https://media.example/lost.mp3")
    ran = asking.run("reconcile")
    assert (ran.exit_code, ran.stdout) == (0, "transcribe.so: 1 compared, 1 stored that had no event\n")
    assert LOOKS_OFF in ran.stderr
    (event,) = asking.read("events")
    assert (event["transcription_id"], event["origin"], event["title"]) == (str(number), "reconciled", "lost.mp3")
    assert asking.read("reconcile") == [
        {"source": "transcribe.so", "account": "default", "compared": 1, "stored": 0, "unripe": 0,
         "feed_looks_off": True, "announced": 0, "ended": 1},
    ]  # fmt: skip


def test_what_lies_behind_is_named_and_taken_after_a_yes(asking: Commands, sandbox: Simulated) -> None:
    for name in ("old.mp3", "older.mp3"):
        sandbox.made(f"https://media.example/{name}")
    assert asking.good("reconcile").endswith(" 0 stored that had no event\n")
    ran = asking.run("reconcile", "--since", "7d", stdin="n\n")
    assert ran.exit_code == 1
    assert "transcribe.so: 2 transcriptions have ended and have no event here: older.mp3, old.mp3." in ran.stderr
    assert asking.read("events") == []
    assert asking.good("reconcile", "--since", "7d", "--yes").endswith(" 2 stored that had no event\n")
    assert asking.good("reconcile", "--since", "7d", "--yes").endswith(" 0 stored that had no event\n")
    assert len(json.loads(asking.good("events", "--json"))) == 2


def test_an_account_that_is_not_there_is_named(asking: Commands) -> None:
    ran = asking.run("reconcile", "--account", "nobody")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "there is no account nobody of transcribe.so with a key; there are: default" in ran.stderr


def test_without_a_key_the_variable_is_named(asking: Commands) -> None:
    ran = asking.run("reconcile", TRANSCRIBE_API_KEY="")
    assert ran.exit_code == 1
    assert "TRANSCRIBE_API_KEY is not set" in ran.stderr


def test_a_replay_of_a_late_webhook_runs_the_jobs_of_what_was_made_in_its_place(
    asking: Commands, sandbox: Simulated
) -> None:
    asking.good("reconcile")
    number = sandbox.made("https://media.example/lost.mp3")
    asking.good("reconcile")
    assert "pending again" in asking.good("replay", str(number))

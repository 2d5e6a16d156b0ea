"""`receiver account`, `pipelines` and `transcriptions`, as a user runs them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Commands, Scripted, Simulated


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Simulated]:
    with Simulated().running() as running:
        for name in ("first", "second", "third-fails"):
            running.made(f"https://example.com/{name}.mp3")
        yield running


@pytest.fixture
def commands(folder: Path, sandbox: Simulated) -> Commands:
    return Commands(folder, sandbox.url, sandbox.key)


def test_account_shows_whose_key_it_is_and_what_is_left(commands: Commands, sandbox: Simulated) -> None:
    left = sandbox.get("me")
    assert commands.good("account").splitlines() == [
        "account         you@example.com",
        "tier            free",
        f"balance         ${left['wallet_balance_usd']:.2f}",
        "monthly credit  $0.00",
        "top up          https://transcribe.so/billing",
    ]
    assert commands.read("account") == left


def test_pipelines_lists_models_with_their_prices(commands: Commands, sandbox: Simulated) -> None:
    first, *_, last = commands.good("pipelines").splitlines()
    assert first == "qwen3-asr-flash-filetrans  $0.0362 a minute, $2.17 an hour  12 languages  Qwen3 ASR Flash"
    assert last == "voxtral-mini-transcribe    $0.0187 a minute, $1.12 an hour  8 languages  Voxtral Mini Transcribe"
    assert commands.read("pipelines") == sandbox.get("pipelines")["pipelines"]


def test_transcriptions_are_listed_newest_first(commands: Commands) -> None:
    lines = commands.good("transcriptions").splitlines()
    assert [line.split()[-1] for line in lines] == ["third-fails.mp3", "second.mp3", "first.mp3", "podcast.mp3"]
    number, day, time, status, *length = lines[0].split()
    assert (number.isdigit(), status, length) == (True, "failed", ["60.0", "min", "$2.17", "third-fails.mp3"])
    ended = commands.read("transcriptions", "--limit", "1")[0]["completed_at"]
    assert f"{day}T{time}" == f"{ended[:19]}Z"


def test_what_is_still_under_way_has_no_end(folder: Path) -> None:
    """Its status stands in the same column as the others."""
    with Scripted().running() as provider:
        about = [
            {"id": 8, "status": "processing"},
            {"id": 7, "status": "failed", "completed_at": "2026-04-29T16:25:27+02:00"},
        ]
        provider.answers = {"GET /api/v1/transcriptions?limit=200": [(200, {"data": about})]}
        first, second = Commands(folder, provider.url).good("transcriptions").splitlines()
    assert (first.split(), second.split()) == (["8", "processing"], ["7", "2026-04-29", "14:25:27Z", "failed"])
    assert first.index("processing") == second.index("failed")


@pytest.mark.parametrize(
    ("options", "titles"),
    [
        (("--limit", "1"), ["third-fails.mp3"]),
        (("--limit", "0"), ["third-fails.mp3", "second.mp3", "first.mp3", "podcast.mp3"]),
        (("--api-only",), ["third-fails.mp3", "second.mp3", "first.mp3"]),
    ],
)
def test_transcriptions_can_be_fewer(commands: Commands, options: tuple[str, ...], titles: list[str]) -> None:
    assert [one["title"] for one in commands.read("transcriptions", *options)] == titles
    assert len(commands.good("transcriptions", *options).splitlines()) == len(titles)


def test_a_list_with_nothing_in_it_says_so_on_stderr(commands: Commands) -> None:
    ran = commands.run("transcriptions", "--api-only", TRANSCRIBE_API_KEY="tsk_test_a_new_one")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "no transcriptions yet\n")
    assert commands.read("transcriptions", "--api-only", TRANSCRIBE_API_KEY="tsk_test_a_new_one") == []

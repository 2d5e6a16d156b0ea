"""The long form: the same ids everywhere, at two sources with two addresses each, by real workers and commands."""

import itertools
import json
import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from receiver.sandbox import samples
from tests.commands import Commands, Simulated, wav
from tests.faults.submissions import LOOK_NOW
from tests.processes import Process, Processes, until

KEY = "key-of-7301-everywhere"
TIMBR, AUDIO = ("--provider", "timbr"), ("--provider", "timbr-audio", "--operation", "diarization")
SPEED = 60_000.0
ID_BYTES = 16


class Same(random.Random):
    """Chance that makes the same ids, in the same order, at every provider."""

    def __init__(self) -> None:
        super().__init__(1)
        self._numbers = itertools.count(1)

    def randbytes(self, n: int) -> bytes:
        return next(self._numbers).to_bytes(n) if n == ID_BYTES else super().randbytes(n)


@dataclass(frozen=True, slots=True)
class Realm:
    """An address of each of the two sources, and the commands that ask there."""

    timbr: Simulated
    audio: Simulated
    commands: Commands

    def submit(self, name: str, *arguments: str) -> str:
        return self.commands.good("submit", wav(self.commands.folder / f"{name}.wav"), *arguments).strip()


@pytest.fixture
def realms(processes: Processes, receiver_database: str) -> Iterator[list[Realm]]:
    """Yield the real providers, and simulated ones beside them. All of them make the same ids."""
    processes.environment["DATABASE_URL"] = receiver_database
    with ExitStack() as stack:
        found, workers = list[Realm](), list[Process]()
        for _ in range(2):
            timbr, audio = (stack.enter_context(Simulated(speed=SPEED).running()) for _ in range(2))
            for provider in (timbr, audio):
                provider.sandbox.chance = Same()
            settings = {
                "DATABASE_URL": receiver_database, "RECEIVER_ARTIFACTS_DIR": str(processes.folder / "artifacts"),
                "TIMBR_API_URL": f"{timbr.url}/timbr", "TIMBR_API_KEY": KEY,
                "TIMBR_AUDIO_API_URL": f"{audio.url}/timbr-audio", "TIMBR_AUDIO_API_KEY": KEY,
            }  # fmt: skip
            workers.append(processes.start("work", **settings))
            found.append(Realm(timbr, audio, Commands(processes.folder, **settings)))
        yield found
        for worker in workers:
            worker.kill()


def test_ids_that_collide_mix_nothing_up(processes: Processes, realms: list[Realm], tmp_path: Path) -> None:
    here, there = realms
    there.timbr.plan(endpoint="/transcription/", kind="html")
    texts = {
        here.submit("one", *TIMBR, "--idempotency-key", "mine"): ("one", "one"),
        here.submit("two", *AUDIO): ("two", "two.wav"),
        there.submit("three", *AUDIO): ("three", "three.wav"),
    }  # their titles, and the names by which a provider makes up what is said
    lost = there.submit("four", *TIMBR)
    ran = here.commands.run("submit", here.commands.folder / "two.wav", *AUDIO, "--idempotency-key", "mine")
    assert (ran.exit_code, "this key was used for something else" in ran.stderr) == (1, True)

    def states() -> dict[str, str]:
        processes.sql(LOOK_NOW)
        return {row["id"]: row["state"] for row in processes.sql("select id, state from receiver.submissions")}

    until(lambda: states() == dict.fromkeys(texts, "done") | {lost: "unknown"}, "all but the lost one are done")
    ids = {row["remote_id"] for row in processes.sql("select remote_id from receiver.submissions") if row["remote_id"]}
    assert len(ids) == 1, "the providers make the same ids"
    (work,) = ids
    assert there.commands.good("resolve", lost, "--found", work) == f"{lost} is accepted\n"
    until(lambda: states()[lost] == "done", "it is that work, of its own source and at its own address")
    for submission, (name, heard) in (texts | {lost: ("four", "four")}).items():
        said = json.loads(here.commands.good("transcript", submission, "--format", "json"))
        spoken = [segment["text"] for segment in samples.segments(samples.named(heard))]
        assert (said["title"], [segment["text"] for segment in said["segments"]]) == (name, spoken)
        here.commands.good("artifacts", submission, "--to", tmp_path / name)
        assert any(spoken[0] in file.read_text() for file in (tmp_path / name).iterdir())

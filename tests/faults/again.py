"""Commands that are broken off, repeated, and run on two machines; what the providers billed is the judge."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from tests.commands import heeding_ctrl_c
from tests.faults.submissions import Asking, Office

EVERY_SECONDS = 0.1
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Broken:
    """What a command did that was broken off, and the same command after it."""

    after_seconds: float
    status: int
    said: str
    status_again: int
    said_again: str

    @property
    def is_before_us(self) -> bool:
        """Whether it ended while Python itself was starting."""
        return self.status in (1, -signal.SIGINT) and "/receiver/cli/" not in self.said


@contextmanager
def hurrying(office: Office) -> Iterator[None]:
    """Let nothing wait for its time meanwhile."""
    over = threading.Event()

    def hurry() -> None:
        while not over.wait(EVERY_SECONDS):
            office.hurry()

    thread = threading.Thread(target=hurry)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def arguments(asking: Asking, recording: str, *, transcribing: bool) -> tuple[str, ...]:
    """Return `submit … --wait`, or `transcribe --provider … --wait`."""
    return ("transcribe" if transcribing else "submit", recording, *asking.arguments, "--wait")


def broken_off(office: Office, command: tuple[str, ...], after_seconds: float) -> Broken:
    """Start a command, send it SIGINT after so many seconds, and run the same command to its end."""
    settings = office.processes.environment
    first = subprocess.Popen(
        [sys.executable, "-m", "receiver", *command], cwd=office.processes.folder, env=settings,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(after_seconds)
    first.send_signal(signal.SIGINT)
    said = first.communicate(timeout=100)[1]
    again = office.processes.run(*command)
    return Broken(after_seconds, first.returncode, said, again.returncode, again.stderr)


def break_off_often(office: Office, asking: Asking, times: int, *, longest: float, transcribing: bool) -> list[Broken]:
    """Break commands off at random moments, each with a recording of its own, and repeat each of them."""
    chance = random.Random(f"{asking.source} {transcribing}")  # noqa: S311 - a moment
    what = "transcribed" if transcribing else "submitted"
    moments = [(f"{what} {number}", chance.uniform(0, longest)) for number in range(times)]

    def one(given: tuple[str, float]) -> Broken:
        name, moment = given
        recording = office.handed_in(asking, f"{name} {asking.source}")
        return broken_off(office, arguments(asking, recording, transcribing=transcribing), moment)

    with heeding_ctrl_c(), ThreadPoolExecutor(AT_ONCE) as pool:
        return [*pool.map(one, moments)]

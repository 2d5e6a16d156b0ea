"""The long form: the whole table with real processes, and the conditions that only a process of its own can meet."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from receiver.testing import Server
from tests.commands import Simulated
from tests.faults.conditions import (
    AROUND,
    CALLS,
    CONDITIONS,
    Around,
    Call,
    Condition,
    Said,
    arguments,
    environment,
    judge,
    places,
    register,
)
from tests.processes import WAIT_SECONDS, Processes, as_root, linux, open_folder, until

pytestmark = [linux, as_root, pytest.mark.timeout(1200)]

AT_ONCE = 4
_keys = count(1)


@dataclass(frozen=True, slots=True)
class Stage:
    """The places, and who starts processes in them."""

    places: dict[str, str]
    provider: Simulated

    def judged(self, call: Call, condition: Condition) -> str:
        """Run a command as a process and judge it; returns what is wrong, or nothing."""
        key = f"{self.provider.key}_{next(_keys)}"
        with open_folder() as folder, Processes(folder) as processes:
            folder.chmod(0o777)
            settings = {"RECEIVER_DATA_DIR": str(folder / "data")}
            settings |= environment(condition, self.places, key, self.provider.url)
            processes.secrecy.keep_settings(settings)
            said = _ran(
                call, condition, folder, processes.environment | settings, arguments(call, self.places, settings)
            )
            processes.secrecy.hold(call.line, said.stdout + said.stderr)
            wrong = judge(call, condition, said)
            return f"{call.line}, {condition.name}: {wrong}" if wrong else ""


def _ran(call: Call, condition: Condition, folder: Path, environment: dict[str, str], line: list[str]) -> Said:
    """Run a command to its end, or until it runs, and then end it."""
    shell = condition if isinstance(condition, Around) else Around(condition.name, condition.spoils, condition.said)
    out, err = folder / "out", folder / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            ["bash", "-c", f'{shell.before} "$0" -m receiver "$@" {shell.after}', sys.executable, *line],
            cwd=shell.within or folder, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            start_new_session=True,
        )  # fmt: skip

    def said() -> str:
        return out.read_text() + err.read_text()

    try:
        until(lambda: process.poll() is not None or (call.ready and call.ready in said()), f"{line} runs or has ended")
        process.terminate()
        return Said(process.wait(WAIT_SECONDS), out.read_text(), err.read_text())
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def stage(receiver_server: Server, provider: Simulated) -> Iterator[Stage]:
    with open_folder() as folder, places(receiver_server, folder) as found:
        register(found["good"], provider.url)
        yield Stage(found, provider)


@pytest.mark.parametrize("condition", [*CONDITIONS, *AROUND], ids=lambda condition: condition.name)
def test_every_command_names_the_cause(stage: Stage, condition: Condition) -> None:
    if isinstance(condition, Around) and condition.before.startswith("setpriv") and not shutil.which("setpriv"):
        pytest.skip("needs setpriv")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = list(filter(None, pool.map(lambda call: stage.judged(call, condition), filter(condition.meets, CALLS))))
    assert not wrong, "\n".join(wrong)

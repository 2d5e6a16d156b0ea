"""A new user has an empty folder and the wheel: `init`, `up --sandbox` and the first handler's test go well.

Another one has the checkout, and types the three lines of the README that make an environment there.

pip gets the dependencies from the package index that it is configured for. `-s` shows how long each step took.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import REPOSITORY, free_port, open_folder, until
from tests.readme import block

HANDLED = "first done"
SECONDS = 600

pytestmark = pytest.mark.timeout(2 * SECONDS)


@pytest.fixture
def home() -> Iterator[Path]:
    """Yield an empty folder on the disk, where people have theirs."""
    with open_folder(in_memory=False) as path:
        yield path


class Newcomer:
    """Somebody who types commands in an empty folder, with an environment that knows nothing of us."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "project"
        self.folder.mkdir()
        self.environment = {
            "PATH": f"{self.folder / '.venv/bin'}:/usr/local/bin:/usr/bin:/bin", "HOME": str(home),
            "PORT": str(free_port()), "RECEIVER_METRICS": "off", "RECEIVER_CONSOLE": "off",
            **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_"))},
        }  # fmt: skip

    def types(self, *command: str) -> str:
        """Run a command that goes well; returns what it says."""
        began = time.monotonic()
        ran = subprocess.run(
            command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
        print(f"{time.monotonic() - began:6.1f} s  {' '.join(command)}")  # noqa: T201 - what `-s` is for
        return ran.stdout

    def sees(self, words: str, *command: str) -> None:
        """Run a command until it has said some words, then end it with Ctrl-C."""
        began, said = time.monotonic(), self.folder.parent / "said"
        with said.open("wb") as out:
            running = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        try:
            until(lambda: words in said.read_text() or running.poll() is not None, words, SECONDS)
            assert words in said.read_text(), said.read_text()
            print(f"{time.monotonic() - began:6.1f} s  {' '.join(command)}: {words}")  # noqa: T201
            running.send_signal(signal.SIGINT)
            assert running.wait(SECONDS) == 0
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()


def copied(checkout: Path, *more: str) -> None:
    """Copy the checkout, as far as it makes the wheel, and some folders more."""
    for name in ("receiver", "handlers", "sql", *more):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, checkout / name, ignore=ignored, dirs_exist_ok=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, checkout / name)


def wheel(home: Path) -> Path:
    """Return the wheel of this checkout."""
    checkout = home / "checkout"
    copied(checkout)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(home), str(checkout)]
    subprocess.run(build, check=True, capture_output=True)
    return next(home.glob("receiver-*.whl"))


def test_from_an_empty_folder_to_a_handler_whose_test_is_green(home: Path) -> None:
    built, newcomer = wheel(home), Newcomer(home)
    venv.create(newcomer.folder / ".venv", with_pip=True)
    newcomer.types("pip", "install", "-q", f"{built}[embedded]", "pytest", "pytest-asyncio")
    said = newcomer.types(
        "receiver", "init", "--key", "tsk_live_of_a_newcomer", "--public-url", "https://hooks.example"
    )
    assert "receiver up --sandbox" in said
    assert "after pip install" not in said
    newcomer.sees(HANDLED, "receiver", "up", "--sandbox", "--sandbox-port", str(free_port()))
    assert "1 passed" in newcomer.types("pytest", "-q")


def test_the_lines_that_make_an_environment_in_the_checkout(home: Path) -> None:
    """The tests and measurements themselves take long: here one file is tried, and one short turn is measured."""
    newcomer = Newcomer(home)
    copied(newcomer.folder, "tests")
    shutil.copy(REPOSITORY / "Procfile", newcomer.folder)
    newcomer.environment["PYTEST_ADDOPTS"] = "-n0 tests/test_signature.py"
    up = block("python3 -m venv .venv && .venv/bin/pip install -e '.[embedded]'").rstrip()
    newcomer.sees("transcripts done", "bash", "-c", f"{up} --sandbox-port {free_port()}")
    said = newcomer.types("bash", "-c", block("python3 -m venv .venv && .venv/bin/pip install -e '.[dev]'"))
    assert re.search(r"\b\d+ passed", said)
    for lines in (block("pip install -e '.[notify]'"), block("pip install -e '.[nats]'")):
        newcomer.types("bash", "-c", lines.splitlines()[0])
    measured = block(".venv/bin/pip install -e '.[dev,bench]'").rstrip()
    newcomer.types("bash", "-c", f"{measured} --quick --only transcripts")

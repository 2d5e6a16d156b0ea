"""Fixtures that every test file may use. The database fixtures are the ones we give to users, in `receiver.testing`."""

import compileall
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from receiver import database
from receiver.database import Pool
from receiver.settings import environment
from tests.commands import Commands, Simulated
from tests.processes import REPOSITORY, Processes, open_folder

pytest_plugins = ["receiver.testing", "pytester"]

# The same examples in every run, and as long for each as it takes: neither chance nor a busy machine is a failure.
settings.register_profile(
    "certain", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("certain")


def pytest_configure(config: pytest.Config) -> None:
    """Compile our code once. Hundreds of processes are started, and Python may have been told to keep no bytecode."""
    if not hasattr(config, "workerinput"):  # the process that starts the others
        for name in ("receiver", "handlers"):
            compileall.compile_dir(REPOSITORY / name, quiet=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the files that start processes begin, so that the short ones fill the gaps instead of waiting for the end."""
    slow = {item.path for item in items if "folder" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own settings out of the tests."""
    for name in ("DATABASE_URL", "HOST", "PORT", "PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Begin in an empty folder without variables of ours, and put every variable back."""
    before = dict(os.environ)
    for name in list(os.environ):
        if environment.is_of_a_provider(name) or name.startswith(environment.OURS):
            del os.environ[name]
    monkeypatch.chdir(tmp_path)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest_asyncio.fixture
async def db(receiver_database: str) -> AsyncIterator[Pool]:
    """Yield a pool on a fresh, migrated database."""
    async with database.pool(receiver_database, size=20) as pool:
        yield pool


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield an empty folder that other users may enter, as the embedded server's needs it when we are root."""
    with open_folder() as path:
        yield path


@pytest.fixture
def processes(folder: Path) -> Iterator[Processes]:
    """Yield a starter of real `receiver` processes; all of them are ended after the test."""
    with Processes(folder) as started:
        yield started


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulated]:
    """Yield a sandbox on a socket, shared by a file's tests."""
    with Simulated().running() as running:
        yield running


@pytest.fixture
def sandbox(provider: Simulated) -> Simulated:
    """Return the file's sandbox, as a new key finds it."""
    return provider.begin_anew()


@pytest.fixture
def commands(folder: Path, sandbox: Simulated) -> Commands:
    """Return the command line, speaking to that sandbox."""
    return Commands(folder, sandbox.url, sandbox.key)

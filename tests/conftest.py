"""Fixtures that every test file may use. The database fixtures are the ones we give to users, in `receiver.testing`."""

import compileall
import importlib
import os
import pkgutil
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import coverage
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from receiver import database
from receiver.database import Pool
from receiver.settings import environment
from tests.commands import Commands, Simulated
from tests.processes import REPOSITORY, Processes, open_folder

if TYPE_CHECKING:
    from tests.buckets import Objects

pytest_plugins = ["receiver.testing", "pytester"]

# Programs, and `handlers` under another name.
APART = ("receiver.__main__", "receiver.bundled", "receiver.database.embedded.keeper")

# The files that take longest, and those that would take long at the end.
LONGEST = (
    "tests/promises/test_failpoints.py", "tests/promises/test_starved.py", "tests/promises/test_processes.py",
    "tests/promises/test_restarts.py", "tests/cli/test_up.py", "tests/submissions/test_leftovers.py",
    "tests/worker/test_leases.py", "tests/worker/test_lanes.py",
)  # fmt: skip

# The same examples in every run, and as long for each as it takes: neither chance nor a busy machine is a failure.
settings.register_profile(
    "certain", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("certain")


def pytest_configure(config: pytest.Config) -> None:
    """Compile our code once. Hundreds of processes are started, and Python may have been told to keep no bytecode."""
    sys.dont_write_bytecode = False
    if not hasattr(config, "workerinput"):  # the process that starts the others
        for name in ("receiver", "handlers"):
            compileall.compile_dir(REPOSITORY / name, quiet=2)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Measure how our modules are imported, and not how the tests are: that would take longer than to collect them."""
    if not hasattr(session.config, "workerinput"):
        return (yield)
    measuring = coverage.Coverage.current()
    if measuring is not None:
        for package in ("receiver", "handlers"):
            for module in pkgutil.walk_packages([str(REPOSITORY / package)], f"{package}."):
                if not module.name.startswith(APART):
                    importlib.import_module(module.name)
        measuring.stop()
    try:
        if session.config.args_source is pytest.Config.ArgsSource.TESTPATHS:
            _import_share(session.config)
        return (yield)
    finally:
        if measuring is not None:
            measuring.start()


def _import_share(config: pytest.Config) -> None:
    """Import a share of the test files before all are collected: one worker rewrites each, and the others read that."""
    own = config.workerinput  # type: ignore[attr-defined]
    tests = REPOSITORY / "tests"
    apart = {tests / name for name in config.getini("norecursedirs")}
    files = sorted(path for path in tests.rglob("test_*.py") if apart.isdisjoint(path.parents))
    for path in files[int(own["workerid"].removeprefix("gw")) :: own["workercount"]]:
        with suppress(Exception, pytest.skip.Exception):  # whoever collects it says so
            importlib.import_module(".".join(path.relative_to(REPOSITORY).with_suffix("").parts))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files begin, then those that start processes: the short ones fill the gaps at the end."""
    slow = {item.path for item in items if "folder" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: (str(item.path.relative_to(REPOSITORY)) not in LONGEST, item.path not in slow))


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
def bucket_server() -> Iterator[str]:
    """Yield the address of a server of buckets, shared by a file's tests."""
    from tests.buckets import running  # noqa: PLC0415 - it takes a second to import

    with running() as url:
        yield url


@pytest.fixture
def objects(bucket_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator["Objects"]:
    """Yield its empty bucket `notes`; the usual variables lead there."""
    from tests.buckets import emptied  # noqa: PLC0415 - the same

    with emptied(bucket_server) as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


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

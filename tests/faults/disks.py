"""A disk of a few megabytes for the data folder, which fills up until the database gives up, and is emptied again."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from receiver.database.embedded import attach, wait_until_stopped
from tests.processes import Processes

MEGABYTES = 160
FILLER = "filler"
# The write-ahead log takes what is left, until the server cannot go on and ends.
IN_VAIN = 10  # connections, one after the other
WRITE = "select pg_logical_emit_message(false, 'filler', repeat('x', 1000000))"


@contextmanager
def small_data_disk(folder: Path) -> Iterator[Path]:
    """Yield a data folder on a disk of its own, for as long as its database runs."""
    with small_disk(folder / ".receiver", MEGABYTES) as data:
        yield data
        wait_until_stopped(data)


@contextmanager
def small_disk(path: Path, megabytes: int, *, inodes: int = 0) -> Iterator[Path]:
    """Make `path` a disk of its own, where 0 `inodes` are as many as it likes; skips the test where none can be."""
    path.mkdir()
    options = f"size={megabytes}m,nr_inodes={inodes}"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
    try:
        ran = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if ran.returncode:
        pytest.skip(f"no disk can be mounted here: {ran.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(disk: Path) -> None:
    """Leave not a byte."""
    with suppress(OSError), (disk / FILLER).open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


def end_database(data: Path) -> None:
    """Let the database on a full disk write until it gives up: its keeper starts it again and again, in vain."""

    async def write(url: str) -> None:
        # One session or statement that finds no space is not yet the end of the server, and none may hang for long.
        refused = 0
        while refused < IN_VAIN:
            try:
                connection = await asyncpg.connect(url, timeout=5)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                refused += 1
                await asyncio.sleep(0.05)
                continue
            refused = 0
            try:
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    while not connection.is_closed():
                        await connection.execute(WRITE, timeout=10)
            finally:
                connection.terminate()

    with attach(data, create=False) as url, asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(write(url))


def free(disk: Path) -> None:
    """Give the room back."""
    (disk / FILLER).unlink()


def be_full(processes: Processes, seconds: float) -> None:
    """Let the database's disk be full for so long: an outage as those of `tests.faults.outages`.

    In the first half the server runs on and refuses, in the second it has ended.
    """
    data = processes.folder / ".receiver"
    fill(data)
    time.sleep(seconds / 2)
    end_database(data)
    time.sleep(seconds / 2)
    free(data)

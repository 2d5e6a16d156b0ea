"""The long form: a minute with a full disk and 300 deliveries; prints the figures of README.md."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.disks import be_full, small_data_disk
from tests.faults.outages import through
from tests.processes import Processes, as_root, linux

pytestmark = [linux, as_root]


@pytest.fixture
def data(folder: Path) -> Iterator[Path]:
    with small_data_disk(folder) as path:
        yield path


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("data")
def test_a_minute_with_a_full_disk_costs_nothing(folder: Path, processes: Processes) -> None:
    processes.run("migrate")
    web = processes.serve(RECEIVER_SPOOL_DIR=str(folder / "spool"))
    outcome = through(processes, web, be_full, seconds=60, count=300)
    assert "deliveries go to the spool" in web.log
    print(f"\ndisk full: {outcome}")  # noqa: T201 - what the run is for
    assert (outcome.refused, outcome.stored, outcome.doubled) == (0, 300, 0)
    assert outcome.slowest_seconds <= 3.5
    assert outcome.stored_after_seconds <= 30
    assert web.end() == 0

"""Want of descriptors, threads, memory, room or readers costs no delivery: the short form of `tests/faults`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.starved import through
from tests.processes import Processes, linux, open_folder

SHORT = (
    "descriptors",
    "threads",
    "memory",
    "full disk",
    "inodes",
    "unread streams",
    "hung-up streams",
    "closed streams",
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder on a disk: in memory its files would count as the memory of who writes them."""
    with open_folder(in_memory=False) as path:
        yield path


@linux
@pytest.mark.parametrize("name", SHORT)
def test_want_costs_no_delivery_and_all_is_well_afterwards(processes: Processes, name: str) -> None:
    """Readiness has named it meanwhile, or it has cost nothing that readiness could name; a kill is over by then."""
    run = through(processes, name, seconds=2)
    assert run.judgement
    assert run.failed_in_a_row < 5
    assert run.bugs == 0

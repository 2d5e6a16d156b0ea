"""The long form: a minute of want of each kind; `STARVED_SECONDS=…` says how long. Prints the figures of README.md."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.starved import KINDS, through
from tests.processes import Processes, linux, open_folder

SECONDS = float(os.environ.get("STARVED_SECONDS", "60"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder on a disk: in memory its files would count as the memory of who writes them."""
    with open_folder(in_memory=False) as path:
        yield path


@linux
@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("name", KINDS)
def test_want_costs_nothing_and_all_is_well_afterwards(processes: Processes, name: str) -> None:
    run = through(processes, name, seconds=SECONDS)
    print(f"\n{name}: {run}", flush=True)  # noqa: T201 - what the run is for
    assert run.judgement
    assert run.failed_in_a_row < 5
    assert run.whole_after_seconds <= 30
    assert run.bugs == 0

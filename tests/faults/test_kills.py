"""The long form: five minutes of kill -9 at random; `KILLS_SEED=…` repeats a run."""

import os
import time

import pytest

from tests.faults.kills import through
from tests.processes import Processes, linux

SECONDS = 300


@linux
@pytest.mark.timeout(SECONDS + 300)
def test_five_minutes_of_kills_cost_nothing(processes: Processes) -> None:
    seed = int(os.environ.get("KILLS_SEED", time.time_ns() % 1_000_000))
    print(f"\nKILLS_SEED={seed}", flush=True)  # noqa: T201 - what the run is for
    run = through(processes, seconds=SECONDS, seed=seed)
    print(f"{run}")  # noqa: T201
    assert run.judgement
    assert run.failed_in_a_row < 5
    assert run.slowest_seconds < 3.5
    assert (run.ended_by_themselves, run.bugs) == (0, 0)

"""The long form: a worker dies at each step of the writing of files, and around it, 20 times."""

from itertools import count

import pytest

from receiver.failpoints import Failpoint
from tests.commands import Simulated
from tests.faults.filing import AROUND, around, at_steps, opened
from tests.processes import Processes

ROUNDS = 20


@pytest.mark.timeout(1800)
def test_whoever_dies_at_any_call_has_left_whole_files(
    processes: Processes, receiver_database: str, sandbox: Simulated
) -> None:
    with opened(processes, receiver_database, sandbox) as desk:
        kills = next(step for step in count(1) if at_steps(desk, [step]) == 0) - 1
    print(f"\nkilled at each of {kills} calls: every file whole, and there once")  # noqa: T201 - what the run is for
    assert kills > 40


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("point", AROUND)
def test_whoever_dies_around_it_has_left_whole_files(
    processes: Processes, receiver_database: str, sandbox: Simulated, point: Failpoint
) -> None:
    with opened(processes, receiver_database, sandbox) as desk:
        around(desk, [point] * ROUNDS)

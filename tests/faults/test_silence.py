"""The long form: 100 of 500 announcements never come, and 30 of these come late after all."""

import pytest

from tests.commands import Simulated
from tests.faults.silence import Run, silence
from tests.processes import Processes


@pytest.mark.timeout(900)
def test_a_hundred_of_five_hundred_are_found_and_none_is_run_twice(
    processes: Processes, receiver_database: str
) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    with Simulated(speed=6000).running() as provider:
        seen = silence(processes, provider, Run(total=500, late=30, grace=20, interval=10))
    print(f"\n{seen}")  # noqa: T201 - what the run is for
    assert (seen.found, seen.late, seen.doubled, seen.missing) == (101, 30, 0, 0)
    assert seen.most_calls <= 60

"""The long form: a hundred neighbours of a handler that blocks or kills, a hundred completions that come too late."""

import pytest

from tests.faults.leases import blocked_among, killing_among, seized, zombies
from tests.processes import Processes, linux


@pytest.mark.timeout(300)
def test_a_hundred_neighbours_of_a_blocking_handler_are_done_once(processes: Processes) -> None:
    outcome = blocked_among(processes, 100)
    print(f"\nblocking: {outcome}")  # noqa: T201 - what the run is for
    assert (outcome.done_once, outcome.latest_attempt <= 2, outcome.culprit) == (100, True, "dead")


@pytest.mark.timeout(300)
def test_a_hundred_neighbours_of_a_killing_handler_are_done_once(processes: Processes) -> None:
    outcome = killing_among(processes, 100)
    print(f"\nkilling: {outcome}")  # noqa: T201 - what the run is for
    assert (outcome.done_once, outcome.latest_attempt <= 2, outcome.culprit) == (100, True, "dead")


@pytest.mark.timeout(300)
def test_a_handler_that_keeps_the_interpreter_to_itself_ends_with_its_worker(processes: Processes) -> None:
    outcome = seized(processes)
    print(f"\nseizing the interpreter: {outcome}")  # noqa: T201 - what the run is for
    assert (outcome.done_once, outcome.latest_attempt <= 2, outcome.culprit) == (10, True, "dead")


@linux
@pytest.mark.timeout(300)
def test_a_hundred_completions_after_a_lost_lease_are_refused(processes: Processes) -> None:
    outcome = zombies(processes, workers=4, lanes=25)
    print(f"\nzombies: {outcome}")  # noqa: T201 - what the run is for
    assert (outcome.refused, outcome.completed, outcome.effects) == (100, 0, 100)

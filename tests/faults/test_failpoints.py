"""The long form: a process dies at each failpoint, 20 times, at another of the times that it gets there."""

import pytest

from receiver.failpoints import Failpoint
from receiver.testing import Server
from tests.commands import Simulated
from tests.faults.every import SCENARIOS
from tests.faults.scenarios import OF_A_BATCH, Stage, answering_together
from tests.processes import Processes

ROUNDS = 20
DIFFERENT = 8


@pytest.mark.timeout(600)
@pytest.mark.parametrize("point", OF_A_BATCH)
def test_many_deliveries_that_one_commit_would_store_or_has_stored_cost_nothing(
    processes: Processes, receiver_server: Server, sandbox: Simulated, point: Failpoint
) -> None:
    stage = Stage(processes, receiver_server, sandbox)
    for number in range(ROUNDS):
        answering_together(stage, point, number % DIFFERENT + 1)
        stage.heal()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("point", Failpoint)
def test_whoever_dies_here_costs_nothing(
    processes: Processes, receiver_server: Server, sandbox: Simulated, point: Failpoint
) -> None:
    stage = Stage(processes, receiver_server, sandbox)
    for number in range(ROUNDS):
        SCENARIOS[point](stage, point, number % DIFFERENT + 1)
        stage.heal()
    lines = stage.history.read()
    kills, sent = (sum(line["what"] == what for line in lines) for what in ("kill", "sent"))
    print(f"\n{point}: {kills} kills, {sent} deliveries: 0 lost, 0 doubled, 0 stuck")  # noqa: T201 - what the run is for
    assert kills >= ROUNDS

"""The long form: 300 deliveries in 30 s of each misbehaviour of the network; prints the figures."""

import pytest

from receiver.testing import Server
from tests.commands import Simulated
from tests.faults.networks import behind_a_proxy, through
from tests.faults.proxy import LATENCY_SECONDS, MODES, Mode
from tests.faults.scenarios import Stage
from tests.processes import Processes


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", MODES)
def test_half_a_minute_of_misbehaviour_costs_nothing(
    processes: Processes, receiver_server: Server, sandbox: Simulated, mode: Mode
) -> None:
    stage = Stage(processes, receiver_server, sandbox)
    with behind_a_proxy(stage) as (proxy, web):
        outcome = through(stage, proxy, web, mode, seconds=30, count=300)
    print(f"\n{mode}: {outcome}")  # noqa: T201 - what the run is for
    assert outcome.refused == 0
    assert outcome.slowest_seconds > LATENCY_SECONDS if mode == "latency" else "deliveries go to the spool" in web.log
    assert outcome.slowest_seconds < 3.5
    assert outcome.settled_after_seconds < 30

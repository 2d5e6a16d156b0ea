"""A network that misbehaves between receiver and database costs nothing: the short form of `tests/faults`."""

from receiver.testing import Server
from tests.commands import Simulated
from tests.faults.networks import behind_a_proxy, through
from tests.faults.proxy import MODES
from tests.faults.scenarios import Stage
from tests.processes import Processes


def test_every_delivery_is_taken_and_stored_and_handled_once(
    processes: Processes, receiver_server: Server, sandbox: Simulated
) -> None:
    stage = Stage(processes, receiver_server, sandbox)
    with behind_a_proxy(stage) as (proxy, web):
        for mode in MODES:
            outcome = through(stage, proxy, web, mode, seconds=0.5, count=10)
            assert outcome.refused == 0
            assert outcome.cuts > 0 or not mode.startswith("cut")

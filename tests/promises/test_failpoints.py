"""`receiver.failpoints`: what a process does that dies anywhere is made good; the short form of `tests/faults`."""

import re

import pytest

from receiver.failpoints import Failpoint
from receiver.testing import Server
from tests.commands import Simulated
from tests.faults.every import SCENARIOS
from tests.faults.scenarios import OF_A_BATCH, Stage, answering_together
from tests.processes import REPOSITORY, Processes

# What dies there leaves the same behind as at the next point, and mid-drain begins with a death after-spool-fsync.
LONG_ONLY = (
    Failpoint.AFTER_VERIFY, Failpoint.AFTER_SPOOL_FSYNC, Failpoint.IN_HANDLER, Failpoint.BEFORE_SENT,
    Failpoint.AFTER_SENT, Failpoint.AFTER_ENDED, Failpoint.AFTER_COMPARED, Failpoint.BEFORE_PRUNED,
    Failpoint.AFTER_NOTICED, Failpoint.BEFORE_STORED,
)  # fmt: skip


def test_every_failpoint_has_a_scenario() -> None:
    assert SCENARIOS.keys() == set(Failpoint)


@pytest.mark.parametrize("point", Failpoint)
def test_a_failpoint_is_reached_somewhere(point: Failpoint) -> None:
    reached = re.compile(rf"\breach\(Failpoint\.{point.name}\)|call_soon\(reach, Failpoint\.{point.name}\)")
    assert any(reached.search(path.read_text()) for path in REPOSITORY.glob("receiver/**/*.py"))


def test_deaths_at_one_failpoint_after_the_other_are_made_good_by_fresh_processes(
    processes: Processes, receiver_server: Server, sandbox: Simulated
) -> None:
    stage = Stage(processes, receiver_server, sandbox)
    for point, scenario in SCENARIOS.items():
        if point not in LONG_ONLY:
            scenario(stage, point, 2)
    for point in OF_A_BATCH:
        answering_together(stage, point, 3)
    stage.heal()

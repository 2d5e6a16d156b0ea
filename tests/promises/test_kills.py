"""Whatever is killed under load, nothing is lost, doubled or stuck: the short form of `tests/faults`."""

from tests.faults.kills import through
from tests.processes import Processes, linux


@linux
def test_some_seconds_of_kills_cost_nothing(processes: Processes) -> None:
    run = through(processes, seconds=6, seed=4)
    assert run.judgement
    assert run.failed_in_a_row < 5
    assert (run.ended_by_themselves, run.bugs) == (0, 0)
    assert sum(run.kills.values()) >= 2

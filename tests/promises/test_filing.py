"""`handlers.ready.files` in a worker that dies while it writes; the short form of `tests/faults`."""

from receiver.failpoints import Failpoint
from tests.commands import Simulated
from tests.faults.filing import around, at_steps, opened
from tests.processes import Processes

STEPS = (1, 20, 40, 60)


def test_files_are_whole_and_there_once_whoever_dies(
    processes: Processes, receiver_database: str, sandbox: Simulated
) -> None:
    with opened(processes, receiver_database, sandbox) as desk:
        assert at_steps(desk, STEPS) == len(STEPS)
        around(desk, [Failpoint.BEFORE_COMPLETING_COMMIT, Failpoint.AFTER_COMPLETING_COMMIT])

"""The long form: 50 restarts, and 10 kills of the web process, at 20 deliveries a second; prints the figures."""

from functools import partial

import pytest

from tests.faults.restarts import kill, restart_often, through
from tests.processes import Processes, linux
from tests.promises.test_restarts import receiving


@linux
@pytest.mark.timeout(600)
def test_fifty_restarts_refuse_nobody(processes: Processes) -> None:
    process = receiving(processes)
    outcome = through(processes, process, partial(restart_often, process, 50))
    print(f"\n50 restarts: {outcome}")  # noqa: T201 - what the run is for
    assert (outcome.refused, outcome.cut, outcome.not_2xx) == (0, 0, 0)
    assert (outcome.stored, outcome.doubled) == (outcome.delivered, 0)
    assert process.end() == 0


@linux
@pytest.mark.timeout(600)
def test_ten_kills_of_the_web_process_refuse_no_connection(processes: Processes) -> None:
    process = receiving(processes)
    outcome = through(processes, process, partial(kill, process, 10, apart_seconds=3))
    print(f"\n10 kills: {outcome}")  # noqa: T201 - what the run is for
    assert (outcome.refused, outcome.not_2xx) == (0, 0)
    assert (outcome.stored, outcome.doubled) == (outcome.delivered, 0)
    assert process.end() == 0

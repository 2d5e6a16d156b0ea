"""The long form: 50 restarts, and 10 kills of a web process, at 20 deliveries a second; prints the figures."""

from functools import partial

import pytest

from tests.faults.restarts import kill, restart_often, through
from tests.processes import Processes, linux
from tests.promises.test_restarts import receiving


@linux
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("each", [1, 2])
def test_fifty_restarts_refuse_nobody(processes: Processes, each: int) -> None:
    process = receiving(processes, each=each)
    outcome = through(processes, process, partial(restart_often, process, 50, workers=each))
    print(f"\n50 restarts of {each} and {each}: {outcome}")  # noqa: T201 - what the run is for
    assert (outcome.refused, outcome.cut, outcome.not_2xx) == (0, 0, 0)
    assert (outcome.stored, outcome.doubled) == (outcome.delivered, 0)
    assert process.end() == 0


@linux
@pytest.mark.timeout(600)
@pytest.mark.parametrize("each", [1, 2])
def test_ten_kills_of_a_web_process_refuse_no_connection(processes: Processes, each: int) -> None:
    process = receiving(processes, each=each)
    outcome = through(processes, process, partial(kill, process, 10, apart_seconds=3, of=each))
    print(f"\n10 kills of one of {each}: {outcome}")  # noqa: T201 - what the run is for
    assert (outcome.refused, outcome.not_2xx) == (0, 0)
    assert (outcome.stored, outcome.doubled) == (outcome.delivered, 0)
    assert process.end() == 0

"""The long form: a minute of outage with 300 deliveries each; prints the figures of README.md."""

import pytest

from tests.faults.outages import OUTAGES, through
from tests.processes import Processes, linux


@linux
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", OUTAGES)
def test_a_minute_without_the_database_costs_nothing(processes: Processes, name: str) -> None:
    processes.run("migrate")
    web = processes.serve()
    outcome = through(processes, web, OUTAGES[name], seconds=60, count=300)
    print(f"\n{name}: {outcome}")  # noqa: T201 - what the run is for
    assert (outcome.refused, outcome.stored, outcome.doubled) == (0, 300, 0)
    assert "deliveries go to the spool" in web.log
    assert web.end() == 0

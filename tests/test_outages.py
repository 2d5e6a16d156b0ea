"""A database that is away costs no delivery: the short form of `tests/faults`."""

import pytest

from tests.faults.outages import OUTAGES, through
from tests.processes import Processes, completed, until
from tests.test_embedded import linux


@linux
@pytest.mark.parametrize("name", OUTAGES)
def test_every_delivery_during_an_outage_is_taken_and_stored_once(processes: Processes, name: str) -> None:
    processes.run("migrate")
    web = processes.serve()
    outcome = through(processes, web, name, seconds=3, count=60)
    assert (outcome.refused, outcome.stored, outcome.doubled) == (0, 60, 0)
    assert web.end() == 0


@linux
def test_what_a_killed_process_had_spooled_is_stored_by_the_next(processes: Processes) -> None:
    processes.run("migrate")
    away = {"DATABASE_URL": "postgresql://u@127.0.0.1:1/d"}
    web = processes.serve(**away)
    for number in range(20):
        assert web.deliver(completed(f"evt_{number}")).status_code == 200
    web.kill()
    processes.serve()
    until(lambda: len(processes.events()) == 20, "what was spooled is in the inbox")

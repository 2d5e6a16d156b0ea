"""A database that is away costs no delivery: the short form of `tests/faults`."""

import os
import signal

import pytest

from receiver.cli.startup import START_WITHOUT_SECONDS
from receiver.health import start
from tests.faults.outages import OUTAGES, through
from tests.processes import Processes, completed, free_port, linux, servers, unreachable, until


@linux
@pytest.mark.parametrize("name", OUTAGES)
def test_every_delivery_during_an_outage_is_taken_and_stored_once(processes: Processes, name: str) -> None:
    processes.run("migrate")
    web = processes.serve()
    outcome = through(processes, web, OUTAGES[name], seconds=3, count=60)
    assert (outcome.refused, outcome.stored, outcome.doubled) == (0, 60, 0)
    assert "deliveries go to the spool" in web.log
    assert web.end() == 0


@linux
def test_what_a_killed_process_had_spooled_is_stored_by_the_next(processes: Processes, receiver_database: str) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    web = processes.serve(DATABASE_URL=unreachable(receiver_database))
    assert "the database did not answer at the start; deliveries go to the spool" in web.log, "not one waits for it"
    for number in range(20):
        assert web.deliver(completed(f"evt_{number}")).status_code == 200
    web.kill()
    processes.serve()
    until(lambda: len(processes.events()) == 20, "what was spooled is in the inbox")


def test_a_start_without_the_database_takes_less_time_than_the_provider_waits() -> None:
    """Two looks at it follow the wait for an embedded one; meanwhile deliveries wait in the listener's queue."""
    assert START_WITHOUT_SECONDS + 2 * start.SECONDS < 10


@linux
def test_who_starts_while_the_database_hangs_takes_deliveries_without_it(
    processes: Processes,
) -> None:
    processes.run("migrate")
    early = processes.serve()
    hung = servers(processes.folder / ".receiver")
    try:
        for pid in hung:
            os.kill(pid, signal.SIGSTOP)
        web = processes.begin_serving(free_port())
        until(web.accepts, "a connection is taken, if not answered yet")
        assert web.deliver(completed("evt_1")).status_code == 200
    finally:
        for pid in hung:
            os.kill(pid, signal.SIGCONT)
    until(lambda: [event["id"] for event in processes.events()] == ["evt_1"], "it is in the inbox")
    assert (web.end(), early.end()) == (0, 0)

"""The long form: workers die 20 times at each step of a forwarded event, at another event each time."""

import pytest

from receiver.failpoints import Failpoint
from tests.faults import forwarded
from tests.faults.forwarded import EVENTS, STEPS
from tests.processes import Processes

ROUNDS = 20


@pytest.mark.timeout(900)
@pytest.mark.parametrize("point", [*STEPS, None])
def test_an_app_gets_every_event_with_its_own_id(
    processes: Processes, receiver_database: str, point: Failpoint | None
) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    with forwarded.office(processes) as office:
        for number in range(ROUNDS):
            if point is None:
                office.dies_unanswered()
            else:
                office.dies_at(point, number % EVENTS + 1)
        events = EVENTS * office.kills
        where = point or "while the app has it"
        print(f"\n{where}: {office.kills} kills, {events} events, {len(office.good.got) - events} repeats: 0 lost")  # noqa: T201 - what the run is for
        assert office.kills == ROUNDS

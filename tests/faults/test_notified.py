"""The long form: workers die 20 times at each step of a notification, at another event each time."""

import pytest

from receiver.failpoints import Failpoint
from tests.faults import notified
from tests.faults.notified import EVENTS, STEPS
from tests.processes import Processes

ROUNDS = 20


@pytest.mark.timeout(900)
@pytest.mark.parametrize("point", [*STEPS, None])
def test_everybody_is_told_of_every_event(
    processes: Processes, receiver_database: str, point: Failpoint | None
) -> None:  # fmt: skip
    processes.environment["DATABASE_URL"] = receiver_database
    with notified.desk(processes) as desk:
        for number in range(ROUNDS):
            if point is None:
                desk.dies_unanswered()
            else:
                desk.dies_at(point, number % EVENTS + 1)
        events = EVENTS * desk.kills
        where = point or "while the service has it"
        print(f"\n{where}: {desk.kills} kills, {events} events, {len(desk.good.got) - events} repeats: 0 lost")  # noqa: T201 - what the run is for
        assert desk.kills == ROUNDS

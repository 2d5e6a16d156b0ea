"""The long form: workers die 20 times at each step of an event that is published, at another event each time."""

from pathlib import Path

import pytest

from receiver.failpoints import Failpoint
from tests.faults import published
from tests.faults.published import EVENTS, STEPS
from tests.processes import Processes

ROUNDS = 20


@pytest.mark.timeout(900)
@pytest.mark.parametrize("point", STEPS)
def test_every_event_is_in_the_stream_once(
    processes: Processes, receiver_database: str, tmp_path: Path, point: Failpoint
) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    with published.newsroom(processes, tmp_path / "nats") as newsroom:
        for number in range(ROUNDS):
            newsroom.dies_at(point, number % EVENTS + 1)
        print(f"\n{point}: {newsroom.kills} kills, {newsroom.repeats()} repeats: 0 lost, 0 doubled")  # noqa: T201 - what the run is for

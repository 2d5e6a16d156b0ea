"""The server of NATS is killed; the short form of `tests/peers`."""

from pathlib import Path

from tests.faults import published
from tests.processes import Processes


def test_every_event_is_in_the_stream_once_though_its_server_dies(
    processes: Processes, receiver_database: str, tmp_path: Path
) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    with published.newsroom(processes, tmp_path / "nats") as newsroom:
        newsroom.server_dies(30)
        assert newsroom.worker.end() == 0, newsroom.worker.log
        assert "Traceback" not in newsroom.worker.log

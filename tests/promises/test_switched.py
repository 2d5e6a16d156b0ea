"""`up --sandbox` with ready-made handlers, and its worker dies meanwhile; the short form of `tests/faults`."""

from pathlib import Path

from receiver.failpoints import Failpoint
from tests.faults import peers
from tests.faults.switched import EVENTS, STEP, running
from tests.processes import Processes


def test_files_are_in_a_bucket_once_whoever_dies(processes: Processes, receiver_database: str) -> None:
    with peers.bucket() as bucket, running(processes, bucket, receiver_database) as machine:
        assert machine.dies(STEP, 20)
        assert machine.dies(Failpoint.BEFORE_COMPLETING_COMMIT)


def test_an_app_people_and_a_stream_get_every_event_whoever_dies(
    processes: Processes, receiver_database: str, tmp_path: Path
) -> None:
    with peers.everybody(tmp_path / "nats") as everybody, running(processes, everybody, receiver_database) as machine:
        assert machine.dies(STEP, 40)
        for point in (Failpoint.AFTER_HANDLER, Failpoint.BEFORE_SETTLED):
            assert machine.dies(point, 2, events=EVENTS)

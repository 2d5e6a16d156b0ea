"""`up --sandbox` writes files into a bucket, and its worker dies meanwhile; the short form of `tests/faults`."""

from receiver.failpoints import Failpoint
from tests.faults import peers
from tests.faults.switched import STEP, running
from tests.processes import Processes


def test_files_are_in_a_bucket_once_whoever_dies(processes: Processes, receiver_database: str) -> None:
    with peers.bucket() as bucket, running(processes, bucket, receiver_database) as machine:
        assert machine.dies(STEP, 20)
        assert machine.dies(Failpoint.BEFORE_COMPLETING_COMMIT)

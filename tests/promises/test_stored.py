"""Files of submissions are in a bucket by the setting alone, whoever dies: the short form of `tests/faults`."""

from receiver.failpoints import Failpoint
from tests.buckets import Objects
from tests.faults.deaths import SEPARATION, Deaths, fetching, reaching
from tests.faults.files import separated
from tests.faults.stored import FILES, settings, stored
from tests.faults.submissions import opened
from tests.processes import Processes

OLD = "update receiver.submissions set ended_at = now() - interval '100 days'"


def test_files_go_into_a_bucket_by_the_setting_alone_and_are_copied_and_pruned(
    processes: Processes, receiver_database: str, objects: Objects
) -> None:
    with opened(processes, receiver_database) as office:
        processes.environment |= settings(objects)
        office.work()
        submitted = separated(office, "stems")
        assert {row["state"] for row in office.rested(submitted).values()} == {"done"}
        assert len(stored(office, objects)) == 2 * FILES
        assert not [path for path in (processes.folder / ".receiver").rglob("*.wav*") if path.is_file()]
        office.commands.good("artifacts", submitted[0], "--to", processes.folder / "here")
        copied = {path.read_bytes() for path in (processes.folder / "here").iterdir()}
        assert copied < set(objects.all().values())
        processes.sql(OLD)
        prune = ("prune", "--older-than", "90d", "--artifacts", "--yes")
        away = processes.run_inside(*prune, AWS_ENDPOINT_URL="http://127.0.0.1:1")
        assert (away.exit_code, len(objects.all())) == (1, 2 * FILES)
        assert "Error: s3://notes does not answer" in away.stderr
        left = processes.run_inside(*prune, RECEIVER_ARTIFACTS_DIR="s3://notes/ste")
        assert (left.exit_code, len(stored(office, objects))) == (0, 2 * FILES)
        assert "left 4 files that are not in s3://notes/ste or cannot be deleted" in left.stderr
        assert processes.run_inside(*prune).exit_code == 0
        assert stored(office, objects) == set()


def test_whoever_dies_on_a_files_way_leaves_it_to_the_next_one_and_nothing_is_paid_again(
    processes: Processes, receiver_database: str, objects: Objects
) -> None:
    with opened(processes, receiver_database) as office:
        processes.environment |= settings(objects)
        deaths = Deaths(office)
        fetching(deaths, "ask", 1)
        for point, nth in ((Failpoint.AFTER_STORED, 1), (Failpoint.AFTER_COMPLETING_COMMIT, 2)):
            reaching(deaths, SEPARATION, point, nth, "ask")
        assert (len(stored(office, objects)), deaths.tally["kills"]) == (3 * FILES, 3)

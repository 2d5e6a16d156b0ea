"""A disk that is full costs no delivery that was taken: the short form of `tests/faults`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.disks import end_database, fill, free, small_data_disk, small_disk
from tests.processes import Processes, completed, until
from tests.test_embedded import as_root, linux

pytestmark = [linux, as_root]


@pytest.fixture
def data(folder: Path) -> Iterator[Path]:
    with small_data_disk(folder) as path:
        yield path


def test_a_full_disk_refuses_nothing_while_the_spool_has_room_and_all_ends_by_itself(
    data: Path, folder: Path, processes: Processes
) -> None:
    processes.run("migrate")
    with small_disk(folder / "spool", 1) as spool:
        processes.environment["RECEIVER_SPOOL_DIR"] = str(spool)
        web = processes.serve()
        fill(data)
        end_database(data)
        taken = [f"spooled_{number}" for number in range(20)]
        assert {web.deliver(completed(event)).status_code for event in taken} == {200}
        web.kill()
        web = processes.serve()  # which has no database at all
        assert web.deliver(completed("started")).status_code == 200
        fill(spool)
        answers = [web.deliver(completed("refused").ljust(4096)) for _ in range(5)]
        assert {(one.status_code, one.headers.get("Retry-After")) for one in answers} == {(503, "60")}
        ready = web.get("/readyz")
        assert ready.status_code == 503
        assert "spool: NOT OK, " in ready.text
        assert "5 of 5 authentic deliveries refused in a row, the spool: No space left on device\n" in ready.text
        free(spool)
        assert web.deliver(completed("room")).status_code == 200
        free(data)
        until(lambda: web.get("/readyz").status_code == 200, "all is well")
        assert web.deliver(completed("after")).status_code == 200
        stored = {*taken, "started", "room", "after"}
        until(lambda: {event["id"] for event in processes.events()} == stored, "all is in the inbox")
        assert web.end() == 0

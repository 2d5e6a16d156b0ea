"""A disk that is full costs no delivery that was taken: the short form of `tests/faults`."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from receiver.health import Finding, checks
from receiver.inbox.spool import Spool
from tests.faults.disks import end_database, fill, free, small_data_disk, small_disk
from tests.processes import Processes, Web, as_root, completed, linux, until

pytestmark = [linux, as_root]


def finding(web: Web, name: str) -> Finding:
    """Return what readiness says of something."""
    said = web.get("/readyz?format=json").json()["findings"]
    return next(Finding(**one) for one in said if one["name"] == name)


@pytest.fixture
def data(folder: Path) -> Iterator[Path]:
    with small_data_disk(folder) as path:
        yield path


def test_full_disks_refuse_nothing_while_the_spool_has_its_room_and_all_ends_by_itself(
    data: Path, folder: Path, processes: Processes
) -> None:
    processes.run("migrate")
    with small_disk(folder / "spool", 1) as spool:
        processes.environment |= {"RECEIVER_SPOOL_DIR": str(spool), "RECEIVER_SPOOL_RESERVE_MB": "0.1"}
        web = processes.serve()
        fill(data)
        fill(spool)
        end_database(data)
        taken = [f"spooled_{number}" for number in range(20)]
        assert {web.deliver(completed(event)).status_code for event in taken} == {200}
        until(lambda: "No space left on device" in finding(web, "spool").todo, "readiness tells of the next segment")
        answers = [web.deliver(completed("used_up").ljust(8192)) for _ in range(20)]
        assert answers[0].status_code == 200
        assert (answers[-1].status_code, answers[-1].headers.get("Retry-After")) == (503, "60")
        assert web.get("/readyz").status_code == 503
        assert not finding(web, "failures").holds
        free(spool)
        assert web.deliver(completed("room")).status_code == 200
        web.kill()
        web = processes.serve()  # which has no database at all
        assert web.deliver(completed("started")).status_code == 200
        free(data)
        until(lambda: web.get("/readyz").status_code == 200, "all is well")
        assert web.deliver(completed("after")).status_code == 200
        stored = {*taken, "used_up", "started", "room", "after"}
        until(lambda: {event["id"] for event in processes.events()} == stored, "all is in the inbox")
        assert web.end() == 0


@pytest.mark.parametrize("lacks", ["no space", "no inodes"])
def test_a_full_disk_is_said_while_the_spool_still_has_the_room_that_it_keeps(folder: Path, lacks: str) -> None:
    inodes = 4 if lacks == "no inodes" else 0
    with small_disk(folder / "spool", 1, inodes=inodes) as disk:
        spool = Spool(disk, limit_bytes=1000, room_bytes=1000)
        spool.try_out()
        assert checks.spool(spool.look(), database_answers=True).holds
        if inodes:
            with suppress(OSError):
                for number in range(inodes):
                    (disk / str(number)).touch()
        else:
            fill(disk)
        found = checks.spool(spool.look(), database_answers=True)
        assert (found.holds, f"{lacks} left on its disk" in found.todo) == (False, True)


def test_a_spool_that_cannot_be_written_is_said_before_an_outage_needs_it(
    processes: Processes, receiver_database: str, folder: Path
) -> None:
    """As a platform's volume is on its first day, for a process that is not root."""
    with small_disk(folder / "volume", 1) as volume:
        subprocess.run(["mount", "-o", "remount,ro", str(volume)], check=True)
        processes.environment |= {"DATABASE_URL": receiver_database, "RECEIVER_SPOOL_DIR": str(volume / "spool")}
        web = processes.serve()
        web.until_logged("in an outage deliveries would be refused")
        spool = finding(web, "spool")
        assert (spool.holds, str(volume) in spool.todo, "RECEIVER_SPOOL_DIR" in spool.todo) == (False, True, True)
        assert web.get("/readyz").status_code == 503
        checked = json.loads(processes.run("check", "--json").stdout)["findings"]
        assert [one["holds"] for one in checked if one["name"] == "spool"] == [False]
        assert web.deliver(completed("evt_1")).json() == {"status": "stored"}
        assert web.end() == 0

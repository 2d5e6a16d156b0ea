"""The long form: files that do not come as they should, at a real worker."""

from collections.abc import Iterator

import pytest

from tests.faults.files import brought, separated, spoil, stuck
from tests.faults.gateway import FOREVER, OfFile
from tests.faults.submissions import Office, opened
from tests.processes import Processes, until


@pytest.fixture
def office(processes: Processes, receiver_database: str) -> Iterator[Office]:
    with opened(processes, receiver_database) as found:
        yield found


@pytest.mark.parametrize(("fault", "times"), [("dead", 2), ("cut", 1), ("cut", 3)])
def test_files_that_come_in_the_end_are_whole(office: Office, fault: OfFile, times: int) -> None:
    office.work()
    reference = separated(office, "stems")
    office.rested(reference)
    spoil(office, fault, times)
    again = separated(office, "stems", "--again")
    office.rested(again)
    assert brought(office, again) == brought(office, reference)
    assert set(office.charges().values()) == {2}


@pytest.mark.parametrize(("fault", "why"), [("dead", "the links die"), ("cut", "the download stopped")])
def test_files_that_do_not_come_are_tried_again_and_never_paid_for_again(
    office: Office, fault: OfFile, why: str
) -> None:
    office.work()
    spoil(office, fault, FOREVER)
    submitted = separated(office, "stems")
    stuck(office, submitted, why, dead=False)
    office.gateway.mend()
    office.rested(submitted)
    assert {row["state"] for row in office.rows().values()} == {"done"}
    brought(office, submitted)
    assert set(office.charges().values()) == {1}


def test_wrong_bytes_are_never_taken_where_a_checksum_tells(office: Office) -> None:
    office.work()
    office.gateway.plan("/timbr-audio/storage/jobs/*", "corrupt")
    submitted = separated(office, "stems")[1:]
    stuck(office, submitted, "not with its checksum", dead=False)
    office.gateway.mend()
    office.rested(submitted)
    brought(office, submitted)


@pytest.mark.parametrize("name", ["stems", "huge-stem"])
def test_files_beyond_the_setting_are_refused_and_fetched_again_without_paying(office: Office, name: str) -> None:
    small = office.work(RECEIVER_ARTIFACT_MAX_MB="1")
    if name == "stems":
        spoil(office, "growing", FOREVER)
    submitted = separated(office, name)
    stuck(office, submitted, "RECEIVER_ARTIFACT_MAX_MB allows", dead=True)
    left = [path for path in office.processes.folder.rglob("*.part*") if path.is_file()]
    assert left == []
    office.gateway.mend()
    small.end()
    office.work()
    for one in submitted:
        office.commands.good("replay", one)
    office.rested(submitted)
    brought(office, submitted)
    assert set(office.charges().values()) == {1}


def test_a_worker_that_is_killed_while_it_fetches_leaves_the_rest_to_the_next(office: Office) -> None:
    worker = office.work(RECEIVER_LEASE_SECONDS="2")
    reference = separated(office, "huge-stem-100mb")
    office.rested(reference)
    for _ in range(3):
        again = separated(office, "huge-stem-100mb", "--again")

        def is_fetching(submitted: list[str] = again) -> bool:
            office.hurry_looks()
            return all([*office.processes.folder.rglob(f"{one}/*.part")] for one in submitted)

        until(is_fetching, "both are fetched")
        worker.kill()
        worker = office.work(RECEIVER_LEASE_SECONDS="2")
        office.rested(again)
        assert brought(office, again) == brought(office, reference)
    assert set(office.charges().values()) == {4}

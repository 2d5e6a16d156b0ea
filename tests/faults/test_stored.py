"""The long form: a worker is killed at every step of a file's way into a bucket, 20 times at each."""

from collections.abc import Iterator

import pytest

from receiver.failpoints import Failpoint
from tests.buckets import Objects
from tests.faults.deaths import SEPARATION, Deaths, fetching, reaching
from tests.faults.stored import FILES, settings, stored
from tests.faults.submissions import opened
from tests.processes import Processes

ROUNDS = 20
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def deaths(processes: Processes, receiver_database: str, objects: Objects) -> Iterator[Deaths]:
    with opened(processes, receiver_database) as office:
        processes.environment |= settings(objects)
        found = Deaths(office)
        yield found
        assert len(stored(office, objects)) == found.tally["kills"] * FILES


@pytest.mark.parametrize("skip", [0, 1], ids=["first", "second"])
def test_whoever_dies_while_a_file_is_fetched_leaves_the_rest_to_the_next(deaths: Deaths, skip: int) -> None:
    for _ in range(ROUNDS):
        fetching(deaths, "ask", skip)


@pytest.mark.parametrize(
    ("point", "nth"),
    [
        *((point, nth) for point in (Failpoint.BEFORE_STORED, Failpoint.AFTER_STORED) for nth in (1, 2)),
        (Failpoint.BEFORE_COMPLETING_COMMIT, 2), (Failpoint.AFTER_COMPLETING_COMMIT, 2),
    ],
)  # fmt: skip
def test_whoever_dies_beside_the_bucket_or_the_commit_pays_once(deaths: Deaths, point: Failpoint, nth: int) -> None:
    for _ in range(ROUNDS):
        reaching(deaths, SEPARATION, point, nth, "ask")

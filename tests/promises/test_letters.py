"""A bulk replay doubles and loses nothing beside live deliveries, cancelled and gone on with; a short form."""

from tests.faults.letters import replayed
from tests.processes import Processes


def test_dead_jobs_are_replayed_once_each_also_if_that_is_cancelled_and_gone_on_with(
    processes: Processes, receiver_database: str
) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    seen = replayed(processes, dead=4_000, replay=3_000, rate=20, alone_seconds=0.5)
    assert (list(seen.groups), seen.replayed, seen.left) == ([3_000, 500, 500], 3_000, 1_000)
    assert seen.told_then == seen.cancelled_at
    assert (seen.doubled, seen.lost) == (0, 0)


def test_that_holds_from_the_page_too_and_it_shows_how_far_it_is(processes: Processes, receiver_database: str) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    seen = replayed(processes, dead=1_700, replay=1_600, rate=20, alone_seconds=0.5, by_page=True)
    assert (seen.replayed, seen.left, seen.told_then) == (1_600, 100, seen.cancelled_at)
    assert (seen.doubled, seen.lost) == (0, 0)
    assert list(seen.shown) == sorted(seen.shown)
    assert seen.shown[0] < seen.shown[-1] == 1_600

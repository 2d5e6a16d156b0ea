"""The long form: 50,000 dead jobs of three causes, 20,000 of them replayed beside 20 deliveries a second."""

import pytest

from tests.faults.letters import replayed
from tests.processes import Processes


@pytest.mark.timeout(900)
@pytest.mark.parametrize("by_page", [False, True], ids=["by commands", "from the page"])
def test_twenty_thousand_dead_jobs_are_replayed_behind_what_is_live(
    processes: Processes, receiver_database: str, *, by_page: bool
) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    seen = replayed(processes, dead=50_000, replay=20_000, rate=20, alone_seconds=30, by_page=by_page)
    print(f"\n{seen.said()}")  # noqa: T201 - what the run is for
    assert (list(seen.groups), seen.replayed, seen.left) == ([20_000, 15_000, 15_000], 20_000, 30_000)
    assert seen.told_then == seen.cancelled_at
    assert (seen.doubled, seen.lost) == (0, 0)
    assert list(seen.shown) == sorted(seen.shown)

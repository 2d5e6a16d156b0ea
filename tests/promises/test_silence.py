"""The short form of `tests/faults/test_silence`: what is never announced is found, what is late runs nothing."""

from tests.commands import Simulated
from tests.faults.silence import Run, silence
from tests.processes import Processes


def test_a_feed_that_is_switched_off_loses_nothing_and_a_late_webhook_doubles_nothing(
    processes: Processes, receiver_database: str
) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    with Simulated(speed=60_000).running() as provider:
        seen = silence(processes, provider, Run(total=20, late=2, grace=1, interval=1))
    assert (seen.found, seen.late, seen.doubled, seen.missing) == (5, 2, 0, 0)
    assert seen.most_calls <= 60

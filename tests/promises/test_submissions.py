"""Real workers pay once, whatever the network does to their requests: the short form of `tests/faults`."""

from tests.faults.submissions import opened, through
from tests.processes import Processes


def test_a_lost_answer_of_any_source_is_found_or_shown_and_never_paid_for_again(
    processes: Processes, receiver_database: str
) -> None:
    with opened(processes, receiver_database) as office:
        office.work()
        through(office, "lost")

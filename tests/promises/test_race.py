"""Two processes that register at once, one of them killed: the short form of `tests/faults`."""

from tests.faults.race import racing
from tests.processes import Processes


def test_a_registration_survives_the_death_of_one_of_two(processes: Processes, receiver_database: str) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    with racing(processes, 7) as race:
        for number in (1, 3, 5, 7):
            done = race.run(number)
            assert done.is_right, done
            if done.asked > 1:  # the one was killed that had asked, with the answer on its way
                break

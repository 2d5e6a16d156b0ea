"""The long form: 50 rounds of two processes that register at once, one of them killed at random."""

from collections import Counter

import pytest

from tests.faults.race import racing
from tests.processes import Processes

SEED, ROUNDS = 20_260_429, 50


@pytest.mark.timeout(600)
def test_a_registration_survives_the_death_of_one_of_two(processes: Processes, receiver_database: str) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    with racing(processes, SEED) as race:
        rounds = [race.run(number) for number in range(ROUNDS)]
    lost = sum(one.asked > 1 for one in rounds)
    print(f"\nseed {SEED}: {ROUNDS} rounds, one killed when {dict(Counter(one.killed for one in rounds))}")  # noqa: T201
    print(f"the answer was lost and asked for again: {lost}")  # noqa: T201
    wrong = [(number, one) for number, one in enumerate(rounds) if not one.is_right]
    print(f"not one registration that proves what is delivered: {len(wrong)}")  # noqa: T201
    assert not wrong

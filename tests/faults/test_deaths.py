"""The long form: a worker is killed at every step of a submission, 20 times at each."""

from collections.abc import Iterator

import pytest

from receiver.failpoints import Failpoint
from tests.faults.deaths import SEPARATION, SLEEPS, WISHES, Deaths, fetching, held, keeping, reaching, repeating
from tests.faults.gateway import Holding
from tests.faults.submissions import OPENAI, TRANSCRIBE, Asking, opened
from tests.processes import Processes

ROUNDS = 20
pytestmark = pytest.mark.timeout(900)

PAID = (Failpoint.BEFORE_SENT, Failpoint.AFTER_SENT, Failpoint.AFTER_ANSWERED, Failpoint.AFTER_ENDED)
LAST = (Failpoint.BEFORE_COMPLETING_COMMIT, Failpoint.AFTER_COMPLETING_COMMIT)
# At which arrival a submission is over: before, its job has ended once because the provider works on it.
OVER_AT = {OPENAI: 1, SEPARATION: 2, TRANSCRIBE: 2}
REACHED = [
    *((TRANSCRIBE, point, 1) for point in PAID),
    *((asking, point, nth) for asking, nth in OVER_AT.items() for point in LAST),
]


@pytest.fixture
def deaths(processes: Processes, receiver_database: str, request: pytest.FixtureRequest) -> Iterator[Deaths]:
    with opened(processes, receiver_database) as office:
        found = Deaths(office)
        yield found
        print(f"\n{request.node.name}: {dict(found.tally)}")  # noqa: T201 - what the run is for


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("holding", ["deaf", "late", "half"])
def test_whoever_dies_while_requests_are_under_way_pays_once(deaths: Deaths, holding: Holding, wish: str) -> None:
    for _ in range(ROUNDS):
        held(deaths, holding, wish)


@pytest.mark.parametrize("wish", WISHES)
def test_whoever_dies_while_the_answers_are_kept_pays_once(deaths: Deaths, wish: str) -> None:
    deaths.office.processes.sql(SLEEPS)
    for _ in range(ROUNDS):
        keeping(deaths, wish)


@pytest.mark.parametrize("holding", ["deaf", "late", "half"])
def test_whoever_dies_while_a_lost_answer_is_asked_for_again_pays_once(deaths: Deaths, holding: Holding) -> None:
    for number in range(ROUNDS):
        repeating(deaths, holding, WISHES[number % 2])


@pytest.mark.parametrize("skip", [0, 1], ids=["first", "second"])
def test_whoever_dies_while_a_file_is_fetched_leaves_the_rest_to_the_next(deaths: Deaths, skip: int) -> None:
    for number in range(ROUNDS):
        fetching(deaths, WISHES[number % 2], skip)


@pytest.mark.parametrize(("asking", "point", "nth"), REACHED, ids=lambda one: getattr(one, "source", str(one)))
def test_whoever_dies_where_nothing_is_lost_for_good_pays_once(
    deaths: Deaths, asking: Asking, point: Failpoint, nth: int
) -> None:
    for number in range(ROUNDS):
        reaching(deaths, asking, point, nth, WISHES[number % 2])

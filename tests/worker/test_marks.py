"""`worker.marks`: a claim walks over nothing that was found before, and over what might come late it does. Pure."""

from collections.abc import Sequence
from datetime import timedelta

from receiver.events import AccountId
from receiver.inbox import jobs
from receiver.inbox.jobs import START, Mark, Queue
from receiver.worker.marks import HOLD_SECONDS, LONGEST_PAUSE_SECONDS, MARGIN, PART, Marks
from tests.worker.working import NOW, Clock, claim_from

A, B = (AccountId("transcribe.so", "https://api.test", name) for name in "ab")
OF_A, OF_B = jobs.queues([A], ["h", "other"]), jobs.queues([B], ["h"])
LIVE, REPLAYS = OF_A[::2], OF_A[1::2]
EDGE = Mark(NOW - MARGIN, 0)


def back(seconds: float, job: int) -> Mark:
    """Return the mark of a job that was due so long ago."""
    return Mark(NOW - timedelta(seconds=seconds), job)


def of(marks: Marks, queues: Sequence[Queue]) -> list[Mark]:
    """Return where the next claim begins in each queue."""
    marks.forget_old()
    return [marks.of(queue) for queue in queues]


def test_no_queue_of_an_account_is_walked_before_the_last_of_its_jobs() -> None:
    """An account's live jobs are claimed in one order, whatever their handlers are, and its replays after them."""
    marks = Marks(Clock())
    found = [claim_from(LIVE[0], 8, ago=50), claim_from(LIVE[0], 7, ago=50), claim_from(LIVE[1], 9, ago=60)]
    replayed = [claim_from(REPLAYS[0], 2, ago=99), claim_from(REPLAYS[1], 1, ago=98)]
    marks.note([*found, *replayed, claim_from(OF_B[0], 5, ago=70)], [*OF_A, *OF_B], [], took=0)
    assert of(marks, LIVE) == [back(50, 8)] * 2
    assert of(marks, REPLAYS) == [back(98, 1)] * 2
    assert of(marks, OF_B) == [back(70, 5), START]


def test_no_mark_passes_over_replays_that_wait_behind_live_jobs() -> None:
    marks = Marks(Clock())
    marks.note([claim_from(LIVE[0], 8, ago=5)], OF_A, [], took=0)
    assert of(marks, [*LIVE, *REPLAYS]) == [back(5, 8), back(5, 8), START, START]


def test_a_mark_does_not_move_back_to_an_older_job() -> None:
    marks = Marks(Clock())
    marks.note([claim_from(LIVE[0], 7, ago=50)], LIVE[:1], [], took=0)
    marks.note([claim_from(LIVE[1], 9, ago=60)], LIVE, [], took=0)
    assert of(marks, LIVE) == [back(50, 7), back(60, 9)]


def test_an_account_without_another_job_is_not_walked_before_the_last_two_seconds() -> None:
    marks = Marks(Clock())
    marks.note([claim_from(OF_A[0], 7, ago=50)], [*OF_A, *OF_B], [A, B], took=0)
    assert of(marks, [*OF_A, *OF_B]) == [EDGE] * 6


def test_what_was_stored_just_now_is_passed_over_by_no_mark() -> None:
    """A transaction that began before that of the last job can end after it."""
    marks = Marks(Clock())
    marks.note([claim_from(LIVE[0], 7, ago=0.5)], LIVE, [], took=0)
    assert of(marks, LIVE) == [EDGE] * 2


def test_nothing_is_known_of_a_queue_that_was_not_reached() -> None:
    marks = Marks(Clock())
    marks.note([claim_from(OF_A[0], 7, ago=50)], [OF_A[0], *OF_B], [], took=0)
    assert of(marks, [OF_A[1], *OF_B]) == [START] * 3


def test_a_claim_without_jobs_is_dated_by_the_one_before_and_not_too_late() -> None:
    clock = Clock()
    marks = Marks(clock)
    marks.note([], OF_A, [A], took=0)
    assert of(marks, OF_A) == [START] * 4, "no claim has told the time yet"
    marks.note([claim_from(OF_A[0], 7, ago=0)], OF_A, [A], took=0)
    clock.now += 0.75
    marks.note([], OF_A, [A], took=0.5)
    assert of(marks, OF_A) == [Mark(EDGE.due_at + timedelta(seconds=0.25), 0)] * 4


def test_marks_are_forgotten_after_a_second() -> None:
    """What another worker had locked lies before them."""
    clock = Clock()
    marks = Marks(clock)
    marks.note([claim_from(OF_A[0], 7, ago=50)], OF_A, [A], took=0)
    clock.now += HOLD_SECONDS / 2
    assert of(marks, OF_A) == [EDGE] * 4
    clock.now += HOLD_SECONDS / 2
    assert of(marks, OF_A) == [START] * 4


def test_claims_from_a_beginning_that_take_long_get_a_twentieth_of_the_time() -> None:
    clock = Clock()
    marks = Marks(clock)
    for one in (OF_A, OF_B):
        marks.note([claim_from(one[0], 7, ago=50), claim_from(one[1], 7, ago=50)], one, [], took=0.1)
    clock.now += 2 * PART * 0.1 - 0.5
    marks.note([claim_from(OF_A[0], 8, ago=50)], OF_A, [], took=3)
    assert of(marks, LIVE) == [back(50, 8)] * 2
    clock.now += 0.5
    assert of(marks, OF_A) == [START] * 4, "one behind a mark does not count, however long it has taken"
    marks.note([claim_from(OF_A[0], 9, ago=50)], OF_A, [], took=0.001)
    clock.now += HOLD_SECONDS
    assert of(marks, OF_A) == [START] * 4, "it is quick again"


def test_however_long_they_take_what_lies_before_the_marks_is_found_after_ten_seconds() -> None:
    clock = Clock()
    marks = Marks(clock)
    for one in (OF_A, OF_B):
        marks.note([claim_from(one[0], 7, ago=50)], one, [], took=4)
    clock.now += LONGEST_PAUSE_SECONDS
    assert of(marks, OF_A) == [START] * 4

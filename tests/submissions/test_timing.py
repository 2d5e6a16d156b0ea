"""`submissions.timing`: looks come when work has probably ended, and seldom after that."""

import itertools

import pytest

from receiver.submissions import timing
from receiver.submissions.timing import Times


@pytest.mark.parametrize(
    ("length", "share", "seconds"),
    [(3600, None, 1080), (3600, 0.1, 360), (10, None, 15), (None, None, 180), (60, 0, 15), (1e300, None, 604_800)],
)
def test_the_expected_time_is_the_usual_share_of_the_length(
    length: float | None, share: float | None, seconds: float
) -> None:
    assert timing.expected(length, share) == pytest.approx(seconds)


def test_looks_come_around_the_expected_end_when_it_is_overdue_and_then_more_and_more_seldom() -> None:
    at, looks, of = 0.0, list[float](), Times(1000, 2300)
    while at < 10_000:
        at += timing.until_next_look(at, of)
        looks.append(at)
    assert looks[:4] == pytest.approx([600, 900, 1100, 1400])
    assert 2300 in [round(look) for look in looks]
    later = [b - a for a, b in itertools.pairwise(looks[looks.index(2300) :])]
    assert later == sorted(later)
    assert later[-1] == timing.LONGEST


@pytest.mark.parametrize("expected", [15.0, 40.0, 10_000.0])
@pytest.mark.parametrize("overdue", [1.0, 330.0, 23_456.0])
def test_no_look_follows_another_within_five_seconds(expected: float, overdue: float) -> None:
    at = 0.0
    for _ in range(50):
        pause = timing.until_next_look(at, Times(expected, overdue))
        assert pause >= timing.LEAST
        at += pause


def test_what_takes_more_than_a_day_and_twenty_times_as_long_is_looked_at_hourly() -> None:
    day = 24 * 3600
    assert timing.until_next_look(day, Times(60, 420)) == timing.LONGEST
    assert timing.until_next_look(day + 1, Times(60, 420)) == 3600
    assert timing.until_next_look(day + 1, Times(day / 10, day)) == timing.LONGEST


@pytest.mark.parametrize(
    ("length", "share", "overdue"),
    [
        (3600, 0.1, 1020),  # twice what is expected, and five minutes
        (3600, None, 7500),  # a provider that is new may take as long as the recording
        (None, 0.1, 3180),  # and what has no length may be four hours long
        (10, 0.1, 330),
    ],
)
def test_a_work_is_overdue_after_the_time_that_its_length_suggests(
    length: float | None, share: float | None, overdue: float
) -> None:
    of = timing.times(length, share)
    assert of.expected == timing.expected(length, share)
    assert of.overdue == pytest.approx(overdue)
    assert not timing.is_overdue(overdue - 1, of)
    assert timing.is_overdue(overdue + 1, of)

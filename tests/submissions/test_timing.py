"""`submissions.timing`: looks come when work has probably ended, and seldom after that."""

import itertools

import pytest

from receiver.submissions import timing


@pytest.mark.parametrize(
    ("length", "share", "seconds"),
    [(3600, None, 1080), (3600, 0.1, 360), (10, None, 15), (None, None, 180), (60, 0, 15), (1e300, None, 604_800)],
)
def test_the_expected_time_is_the_usual_share_of_the_length(
    length: float | None, share: float | None, seconds: float
) -> None:
    assert timing.expected(length, share) == pytest.approx(seconds)


def test_looks_come_around_the_expected_end_and_then_more_and_more_seldom() -> None:
    at, looks = 0.0, list[float]()
    while at < 10_000:
        at += timing.until_next_look(at, 1000)
        looks.append(at)
    assert looks[:4] == pytest.approx([600, 900, 1100, 1400])
    later = [b - a for a, b in itertools.pairwise(looks[4:])]
    assert later == sorted(later)
    assert later[-1] == timing.LONGEST


@pytest.mark.parametrize("expected", [15.0, 40.0, 10_000.0])
def test_no_look_follows_another_within_five_seconds(expected: float) -> None:
    at = 0.0
    for _ in range(50):
        pause = timing.until_next_look(at, expected)
        assert pause >= timing.LEAST
        at += pause


def test_what_takes_more_than_a_day_and_twenty_times_as_long_is_overdue_and_looked_at_hourly() -> None:
    day = 24 * 3600
    assert not timing.is_overdue(day, 60)
    assert timing.is_overdue(day + 1, 60)
    assert not timing.is_overdue(day + 1, day / 10)
    assert timing.until_next_look(day + 1, 60) == 3600

"""`receiver.providers.rate`: no minute has more requests than the account allows."""

from datetime import timedelta
from itertools import accumulate
from math import floor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from receiver.providers.rate import Rate

MINUTE = 60.0


def turns(rate: Rate, pauses: list[float], live: list[bool]) -> list[float]:
    """Return when a caller has its turns. It asks for the next one after a pause, and waits no longer than told."""
    now, full_at, taken = 0.0, 0.0, []
    for pause, is_live in zip(pauses, live, strict=True):
        now += pause
        wait, full_at = rate.turn(full_at, now, live=is_live)
        while wait > 0:
            now += wait
            wait, full_at = rate.turn(full_at, now, live=is_live)
        taken.append(now)
    return taken


def most_in_a_minute(times: list[float]) -> int:
    """Return the largest number of times in any closed window of a minute."""
    return max(sum(at <= other <= at + MINUTE for other in times) for at in times)


@given(st.integers(1, 90), st.data())
def test_no_minute_has_more_requests_than_are_allowed(allowed: int, data: st.DataObject) -> None:
    rate, number = Rate.of(allowed), allowed + 10
    pause = st.just(0.0) | st.floats(0, 2 * rate.step) | st.floats(0, 2 * MINUTE)
    pauses = data.draw(st.lists(pause, min_size=number, max_size=number))
    live = data.draw(st.lists(st.booleans(), min_size=number, max_size=number))
    assert most_in_a_minute(turns(rate, pauses, live)) <= allowed


@given(st.integers(1, 300))
@example(60)
def test_who_never_rests_has_most_of_what_is_allowed(allowed: int) -> None:
    """An hour of asking for every turn at once."""
    rate = Rate.of(allowed)
    number = floor(60 * MINUTE / rate.step)
    taken = turns(rate, [0.0] * number, [True] * number)
    assert 0.8 * allowed < 60 * number / taken[-1] <= allowed
    assert most_in_a_minute(taken[: allowed + 10]) <= allowed


@given(st.integers(1, 100_000))
@example(1)
@example(100_000)
def test_a_burst_and_the_steps_of_a_minute_are_within_what_is_allowed(allowed: int) -> None:
    rate = Rate.of(allowed)
    assert rate.burst + floor(MINUTE / rate.step) <= allowed


@pytest.mark.parametrize(("allowed", "burst", "a_minute"), [
    (60, 5, 54), (1, 1, 54 / 56), (11, 1, 11 * 54 / 56), (12, 1, 12 * 54 / 56), (24, 2, 23 * 54 / 56),
    (59, 4, 54), (100_000, 5, 99_996 * 54 / 56),
])  # fmt: skip
def test_a_burst_is_a_twelfth_and_five_at_most(allowed: int, burst: int, a_minute: float) -> None:
    rate = Rate.of(allowed)
    assert (rate.requests_a_minute, rate.burst) == (allowed, burst)
    assert MINUTE / rate.step == pytest.approx(a_minute)


def test_a_burst_goes_at_once_and_then_one_every_step() -> None:
    rate = Rate.of(60)
    steps = accumulate([rate.step] * 3)
    assert turns(rate, [0.0] * 8, [True] * 8) == pytest.approx([0, 0, 0, 0, 0, *steps])


def test_what_can_wait_has_no_burst() -> None:
    rate = Rate.of(60)
    assert turns(rate, [0.0] * 3, [False] * 3) == pytest.approx([0, rate.step, 2 * rate.step])


def test_a_minute_can_be_shorter() -> None:
    assert Rate.of(60, minute=timedelta(seconds=6)).step == pytest.approx(Rate.of(60).step / 10)

"""When the provider is asked about a submission. Pure. All times are seconds since it was accepted.

looks at 0.6, 0.9, 1.1 and 1.4 of the expected time; then each at 1.3 times the age of the one before
pauses   at least 5 s, at most 10 minutes; an hour once it has taken a day and twenty times as long as expected
a look   also when it becomes overdue: after twice the expected time and 5 minutes

A work whose provider announces its end is looked at only if that is late: after twice the expected time and 5 minutes.

A look costs one of the requests a minute. So the first one comes when the work has probably nearly ended, and the
pauses grow after that.
"""

from typing import NamedTuple

SHARE = 0.3  # of the recording's length, until it is known how long the provider takes
LARGEST_SHARE = 1.0  # until that is known, nobody is told before
LEAST_EXPECTED = 15.0
MOST_EXPECTED = 7 * 24 * 3600.0  # a file can claim any length, and no interval is that long
UNKNOWN_LENGTH = 600.0
LARGEST_LENGTH = 4 * 3600.0  # while a length is not known, nobody is told before
LOOKS = (0.6, 0.9, 1.1, 1.4)  # of the expected time
LEAST, GROWTH, LONGEST = 5.0, 1.3, 600.0
SELDOM_SECONDS, SELDOM_TIMES = 24 * 3600.0, 20
SELDOM_PAUSE = 3600.0
NET_TIMES, NET_SECONDS = 2.0, 300.0


class Times(NamedTuple):
    """How long a work will take, and after how long it is overdue."""

    expected: float
    overdue: float


def times(length: float | None, share: float | None) -> Times:
    """Return the times of a recording.

    Args:
        length: of the recording; None if it is not known.
        share: what share of a recording's length the provider usually takes; None if it is not known.
    """
    longest = LARGEST_LENGTH if length is None else length
    largest = LARGEST_SHARE if share is None else share
    return Times(expected(length, share), until_net(expected(longest, largest)))


def expected(length: float | None, share: float | None) -> float:
    """Return how long a recording of this length will take, by the usual share of it that the provider takes."""
    found = (UNKNOWN_LENGTH if length is None else length) * (SHARE if share is None else share)
    return min(MOST_EXPECTED, max(LEAST_EXPECTED, found))


def until_next_look(elapsed: float, of: Times) -> float:
    """Return how long to wait for the next look. One comes as soon as it is overdue."""
    if elapsed > max(SELDOM_SECONDS, SELDOM_TIMES * of.expected):
        return SELDOM_PAUSE
    after = (at * of.expected - elapsed for at in LOOKS if at * of.expected > elapsed + LEAST / 2)
    pause = next(after, min(LONGEST, elapsed * (GROWTH - 1)))
    return max(LEAST, min(pause, of.overdue - elapsed) if elapsed < of.overdue else pause)


def until_net(expected: float) -> float:
    """Return when to look at what the provider announces itself: its announcement is late then."""
    return NET_TIMES * expected + NET_SECONDS


def is_overdue(elapsed: float, of: Times) -> bool:
    """Return whether it takes so long that a person should know."""
    return elapsed >= of.overdue

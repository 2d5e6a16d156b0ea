"""When the provider is asked about a submission. Pure. All times are seconds since it was accepted.

looks at 0.6, 0.9, 1.1 and 1.4 of the expected time; then each at 1.3 times the age of the one before
pauses   at least 5 s, at most 10 minutes; an hour once it is overdue

A work whose provider announces its end is looked at only if that is late: after twice the expected time and 5 minutes.

A look costs one of the requests a minute. So the first one comes when the work has probably nearly ended, and the
pauses grow after that.
"""

SHARE = 0.3  # of the recording's length, until it is known how long the provider takes
LEAST_EXPECTED = 15.0
MOST_EXPECTED = 7 * 24 * 3600.0  # a file can claim any length, and no interval is that long
UNKNOWN_LENGTH = 600.0
LOOKS = (0.6, 0.9, 1.1, 1.4)  # of the expected time
LEAST, GROWTH, LONGEST = 5.0, 1.3, 600.0
OVERDUE_SECONDS, OVERDUE_TIMES = 24 * 3600.0, 20
OVERDUE_PAUSE = 3600.0
NET_TIMES, NET_SECONDS = 2.0, 300.0


def expected(length: float | None, share: float | None) -> float:
    """Return how long a recording of this length will take, by the usual share of it that the provider takes."""
    found = (UNKNOWN_LENGTH if length is None else length) * (SHARE if share is None else share)
    return min(MOST_EXPECTED, max(LEAST_EXPECTED, found))


def until_next_look(elapsed: float, expected: float) -> float:
    """Return how long to wait for the next look."""
    if is_overdue(elapsed, expected):
        return OVERDUE_PAUSE
    after = (at * expected - elapsed for at in LOOKS if at * expected > elapsed + LEAST / 2)
    return max(LEAST, next(after, min(LONGEST, elapsed * (GROWTH - 1))))


def until_net(expected: float) -> float:
    """Return when to look at what the provider announces itself: its announcement is late then."""
    return NET_TIMES * expected + NET_SECONDS


def is_overdue(elapsed: float, expected: float) -> bool:
    """Return whether it takes so long that a person should know."""
    return elapsed > max(OVERDUE_SECONDS, OVERDUE_TIMES * expected)

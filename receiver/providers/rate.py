"""The rule of a request budget: GCRA, the generic cell rate algorithm. Pure.

One turn moves `full_at` one step into the future. A turn is free while `full_at` is less than a burst ahead of now:

    now                    full_at ≤ now + burst: go, and full_at moves by one step
     ├───────── burst ─────────┤
                                   full_at > now + burst: wait until it is not

The burst, and one turn in each step, together are at most what is allowed in a minute. A provider that allows 60
requests gets at most 59: 5 at once, and then 54 a minute.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

MINUTE = timedelta(minutes=1)
BURST = 5  # at most
IN_A_BURST = 12  # a twelfth of a minute's requests
SLACK = 56 / 54  # the steps are a little longer than they must be


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast one key can ask.

    Attributes:
        requests_a_minute: the most requests in any minute.
        burst: how many turns are free at once after a rest.
        step: seconds from one turn to the next while there is no rest.
    """

    requests_a_minute: int
    burst: int
    step: float

    @classmethod
    def of(cls, requests_a_minute: int, *, minute: timedelta = MINUTE) -> Self:
        """Return the rate that never exceeds `requests_a_minute`. The sandbox's `minute` can be shorter than a minute.

        A burst of b and one turn in each step make at most b + floor(minute / step) turns in a minute. With
        minute / step < requests_a_minute - b + 1 that is at most `requests_a_minute`.
        """
        burst = max(1, min(BURST, requests_a_minute // IN_A_BURST))
        return cls(requests_a_minute, burst, minute.total_seconds() / (requests_a_minute - burst + 1) * SLACK)

    def ahead(self, *, live: bool) -> float:
        """Return how many seconds ahead of now `full_at` can be: a burst of 5 is the turn itself and 4 steps."""
        return self.step * (self.burst - 1) if live else 0.0

    def turn(self, full_at: float, now: float, *, live: bool) -> tuple[float, float]:
        """Return how many seconds to wait, and the new `full_at`: it moves if the wait is over."""
        wait = full_at - self.ahead(live=live) - now
        return (wait, full_at) if wait > 0 else (0.0, max(full_at, now) + self.step)

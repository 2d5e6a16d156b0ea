"""The rate limits of keys."""

import math
import time
from collections import defaultdict, deque

REQUESTS_A_MINUTE = 60


class Limit:
    """The requests of one key in the last minute."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def count(self, now: float, *, speed: float) -> int | None:
        """Count a request; `now` is in seconds.

        Returns:
            None within the limit. For the 61st request in any minute, which is not counted: the whole seconds to wait.
        """
        minute = 60 / speed
        while self._times and self._times[0] <= now - minute:
            self._times.popleft()
        if len(self._times) < REQUESTS_A_MINUTE:
            self._times.append(now)
            return None
        return max(1, math.ceil(minute - (now - self._times[0])))


class Limits:
    """The limits of all accounts of a provider."""

    def __init__(self, *, speed: float) -> None:
        self._speed = speed
        self._limits: defaultdict[str, Limit] = defaultdict(Limit)

    def exceeded(self, account: str) -> bool:
        """Count a request of an account. Return whether it is beyond the limit; then it does not count."""
        return self._limits[account].count(time.monotonic(), speed=self._speed) is not None

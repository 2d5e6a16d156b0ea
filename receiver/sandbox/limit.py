"""The rate limit of one key."""

import math
from collections import deque

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

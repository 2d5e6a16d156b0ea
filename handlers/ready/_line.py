"""What a process knows of a service that it sends to. One that hangs must not take the lanes of all other handlers."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Lock

from receiver import Postpone

ASIDE = timedelta(minutes=5)  # each wait of a job costs a claim


class Line:
    """The line to one service, for threads and loops. Whoever uses it sets `hangs` when the service answers, or not.

    Attributes:
        hangs: whether the service has not answered in time the last time. Until it answers, one job at a time uses it.
    """

    def __init__(self) -> None:
        self.hangs = False
        self._under_way = 0
        self._lock = Lock()

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """Use the line to the service, whose name the error says.

        Raises:
            Postpone: it hangs, and another job uses it now.
        """
        with self._lock:
            if self.hangs and self._under_way:
                raise Postpone(f"{name} has not answered in time, and has another event now", after=ASIDE)
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

"""Store deliveries in groups: one statement, and one commit, for what waits.

    delivery ──▶ waits while two statements are under way ──▶ one statement for 32 at most
                                                                │ refused ──▶ each alone, at most 50 ms for a lock
                                                                ▼
                                                        stored | duplicate | quarantined

With a commit for each delivery the web process waited for commits in a quarter of its time, and PostgreSQL spent 168 µs
of processor time on each delivery; in groups it is 45 to 55 µs. A lone delivery waits for nobody.
"""

import asyncio
from collections.abc import Callable, Sequence

from receiver.database import Connections
from receiver.database.apart import together
from receiver.database.batches import Batches
from receiver.errors import StoreBusyError, StoreRefusedError, StoreUnavailableError
from receiver.failpoints import Failpoint, reach
from receiver.inbox import deliveries as inbox
from receiver.inbox.deliveries import Delivery, Status

MOST = 32  # deliveries in a statement; with 128 the answers were later, and not more
AT_ONCE = 2  # with one statement the clients wait, then the database waits; a third one brought nothing
STATEMENT = 0.95  # share of a delivery's time: the statement's own error comes before the delivery gives up


class Commits:
    """The group commit of one process.

    Args:
        connections: the answer path's own.
        seconds: how long a delivery waits at most.
        stored: called when there are new jobs.
        away: called with the reason when the database is away.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        seconds: float,
        stored: Callable[[], None],
        away: Callable[[StoreUnavailableError], None],
    ) -> None:
        self._connections = connections
        self._seconds = seconds
        self._stored = stored
        self._away = away
        self._batches: Batches[Delivery, Status] = Batches(self._commit, most=MOST, at_once=AT_ONCE)

    def add(self, delivery: Delivery) -> "asyncio.Future[Status]":
        """Return the future status of a delivery, which is on disk then.

        Otherwise it is a StoreUnavailableError, within the time that a delivery has. The delivery might be stored
        nevertheless; to store it again only counts it.
        """
        return self._batches.add(delivery, seconds=self._seconds)

    async def together(self, deliveries: Sequence[Delivery]) -> Sequence[Status | StoreUnavailableError]:
        """Store deliveries in one statement, or one by one if that is refused; return the result of each.

        Raises:
            StoreUnavailableError: the database is away, or none of our connections became free; nothing is stored.
        """
        reach(Failpoint.BEFORE_COMMIT)
        results = await together(self._connections, deliveries, inbox.append, seconds=self._seconds * STATEMENT)
        reach(Failpoint.AFTER_COMMIT)
        if any(given.handlers and result == "stored" for given, result in zip(deliveries, results, strict=True)):
            self._stored()
        return results

    async def _commit(self, deliveries: Sequence[Delivery]) -> Sequence[Status | StoreUnavailableError]:
        results: Sequence[Status | StoreUnavailableError]
        try:
            results = await self.together(deliveries)
        except StoreUnavailableError as exc:
            results = [exc] * len(deliveries)
        for result in results:
            if isinstance(result, StoreUnavailableError) and not isinstance(result, StoreRefusedError | StoreBusyError):
                self._away(result)  # not left to those who wait: their own time might be up a moment earlier
                break
        return results

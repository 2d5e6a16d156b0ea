"""The queues that a worker claims from: in which order, and which of them rest.

    accounts in turn ──▶ the handlers of each ──▶ live jobs and replays ──▶ claimed from
       ▲                                             │
       └── an account that was served goes to the    └── rests until T: its account lacks turns, money or a key
           end of the order

A queue is one handler's jobs for one account's events, live ones or replays. If a job comes back because its account
lacks something until T, the other jobs of that queue would come back too. So the queue is not claimed from before T.
The other handlers of the account go on: they might not need the provider. Live jobs do not rest with replays, because
live work has turns when work that can wait has none.

Calls that are paid for can take hours. So each account has room for only so many of them: a provider that hangs holds
up its own account alone.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from receiver.events import AccountId
from receiver.inbox import jobs
from receiver.inbox.jobs import Queue

LONGEST_SECONDS = 3600.0  # a provider can name any time; then the queue is tried again


class Queues:
    """The queues of one worker, in memory.

    Args:
        accounts: the accounts that the worker serves.
        handlers: the names of its handlers.
        each: how many jobs of one account the worker holds at most.
        clock: seconds that only grow.
    """

    def __init__(
        self, accounts: Iterable[AccountId], handlers: Sequence[str], *, each: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.handlers = handlers
        self._order = list(accounts)
        self._each = each
        self._held = Counter[AccountId]()
        self._clock = clock
        self._resting: dict[Queue, float] = {}

    @property
    def accounts(self) -> Sequence[AccountId]:
        """The accounts, the one that is served next first."""
        return self._order

    def open(self, handlers: Sequence[str]) -> list[Queue]:
        """Return the queues of some handlers that do not rest, of accounts with room, in the order of the accounts."""
        now = self._clock()
        self._resting = {queue: until for queue, until in self._resting.items() if until > now}
        with_room = [account for account in self._order if self.room(account) > 0]
        return [queue for queue in jobs.queues(with_room, handlers) if queue not in self._resting]

    def room(self, account: AccountId) -> int:
        """Return how many more jobs of an account can be held."""
        return self._each - self._held[account]

    def holds(self, account: AccountId, *, more: int) -> None:
        """Note that `more` jobs of an account are held now."""
        self._held[account] += more

    def served(self, accounts: Iterable[AccountId]) -> None:
        """Put accounts whose jobs were claimed at the end of the order."""
        those = set(accounts)
        self._order.sort(key=those.__contains__)  # stable: the others keep their order, and so do those

    def rest(self, queue: Queue, seconds: float) -> None:
        """Claim nothing from a queue for a time, at most an hour. If it rests already, the earlier end holds."""
        now, seconds = self._clock(), min(seconds, LONGEST_SECONDS)
        before = self._resting.get(queue, now)
        self._resting[queue] = min(now + seconds, before) if before > now else now + seconds

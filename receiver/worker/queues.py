"""The queues that a worker claims from: in which order, and which of them rest.

    accounts in turn ──▶ the handlers of each ──▶ live jobs and replays ──▶ claimed from
       ▲                                             │
       └── an account that was served goes to the    └── rests until T: its account lacks turns, money or a key
           end of the order

A queue is one handler's jobs for one account's events, live ones or replays. If a job comes back because its account
lacks something until T, the other jobs of that queue would come back too. So the queue is not claimed from before T.
The other handlers of the account go on: they might not need the provider. Live jobs do not rest with replays, because
live work has turns when work that can wait has none.

Replays hold at most three quarters of an account's room, and never all of it if it has more than one place. So live
jobs find a free lane while long replays run.

Calls that are paid for can take hours. So each account has room for only so many of them: a provider that hangs holds
up its own account alone.

A claim looks into each of a few dozen queues. If there are more, the worker looks once a second, or when it knows of
nothing to do, which of them have due jobs. A claim is then for the next few accounts of these, and each has an equal
share. With 300 accounts and 3 handlers that makes the worker five times as fast.

    all queues ──look──▶ with due jobs ──next accounts──▶ a claim ──fewer jobs than its share──▶ not until the next look

In each queue a claim begins behind its mark (`worker.marks`). The first jobs of all accounts come before their second
ones. So if a full claim lacks a job of an account whose turn came before the last job in it, that account had no other
due job.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from receiver.events import AccountId
from receiver.inbox import jobs
from receiver.inbox.jobs import Claim, Portion, Queue
from receiver.worker.marks import Marks, pause

LONGEST_SECONDS = 3600.0  # a provider can name any time; then the queue is tried again
LOOK_SECONDS = 1.0  # between two looks at all queues
FEW = 48  # queues; if there are more, a worker looks which of them have due jobs
PART = 4  # one in so many places of an account is for live jobs alone, and at least one of several
TOGETHER = 16  # accounts that one claim serves, if there are more queues than that


class Queues:
    """The queues of one worker, in memory.

    Args:
        accounts: the accounts that the worker serves.
        handlers: the names of its handlers.
        each: how many jobs of one account the worker holds at most.
        few: up to so many queues, each claim looks into all of them.
        clock: seconds that only grow.
    """

    def __init__(
        self, accounts: Iterable[AccountId], handlers: Sequence[str], *, each: int, few: int = FEW,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.handlers = handlers
        self._order = OrderedDict.fromkeys(accounts)
        self._each = each
        self._held = Counter[AccountId]()
        self._held_replays = Counter[AccountId]()
        self._clock = clock
        self._resting: dict[Queue, float] = {}
        self._marks = Marks(clock)
        self._are_many = len(self._order) * len(handlers) * 2 > few
        self._due = OrderedDict[AccountId, list[Queue]]()  # known from the last look, the account that is next first
        self._looked = clock()
        self._look_again = 0.0  # seconds after which it is done again at the earliest

    @property
    def accounts(self) -> Sequence[AccountId]:
        """The accounts, the one that is served next first."""
        return list(self._order)

    @property
    def must_look(self) -> bool:
        """Whether to look which queues have due jobs before the next claim: see `look`."""
        between = self._look_again if not self._due else max(LOOK_SECONDS, self._look_again)
        return self._are_many and self._clock() - self._looked >= between and self._has_room

    def look(self, due: Iterable[Queue], *, took: float) -> None:
        """Note which queues have due jobs, of all of them; to find that out took so many seconds."""
        self._looked, self._look_again = self._clock(), pause(took)
        found = dict[AccountId, list[Queue]]()
        for queue in due:
            found.setdefault(queue.account, []).append(queue)
        self._due = OrderedDict((account, found[account]) for account in self._order if account in found)

    def next(self, most: int) -> list[Portion]:
        """Return what to claim `most` jobs from. Marks that are old are forgotten now."""
        self._marks.forget_old()
        queues, share = self._next_of_many(most) if self._are_many else (self.open(self.handlers), most)
        rooms = ((queue, min(share, self._room_in(queue))) for queue in queues)
        return [Portion(queue, room, self._marks.of(queue)) for queue, room in rooms if room > 0]

    def _next_of_many(self, most: int) -> tuple[list[Queue], int]:
        """Return the queues of the next accounts with due jobs, and how many jobs of each account can be claimed."""
        self._wake()
        chosen = list[list[Queue]]()
        for account, due in self._due.items():
            awake = [queue for queue in due if queue not in self._resting] if self.room(account) > 0 else []
            if awake:
                chosen.append(awake)
            if len(chosen) == min(most, TOGETHER):
                break
        if not chosen:
            self._due.clear()  # a job of another account might have come
        return [queue for account in chosen for queue in account], -(-most // max(1, len(chosen)))

    def open(self, handlers: Sequence[str]) -> list[Queue]:
        """Return the queues of some handlers that do not rest, of accounts with room, in the order of the accounts."""
        self._wake()
        with_room = [account for account in self._order if self.room(account) > 0]
        return [queue for queue in jobs.queues(with_room, handlers) if queue not in self._resting]

    def whole(self, handlers: Sequence[str], most: int) -> list[Portion]:
        """Return what to claim `most` jobs of some handlers from, wherever they lie in their queues."""
        rooms = ((queue, min(most, self._room_in(queue))) for queue in self.open(handlers))
        return [Portion(queue, room) for queue, room in rooms if room > 0 or most == 0]

    def claimed(self, claims: Sequence[Claim], portions: Sequence[Portion], most: int, *, took: float) -> bool:
        """Note what a claim of `most` jobs has brought. Return whether another claim can bring more now."""
        served, queues = Counter(claim.account_id for claim in claims), [one.queue for one in portions]
        # Replays have less room: a claim that has brought so many might have brought more, if there had been more room.
        room = dict[AccountId, int]()
        for one in portions:
            room[one.queue.account] = min(one.room, room.get(one.queue.account, one.room))
        is_full = len(claims) >= most
        emptied = without_more(served, room, is_full=is_full)
        self._marks.note(claims, queues, emptied, took=took)
        self.served(served, queues)
        for account in emptied:
            self._due.pop(account, None)
        return not is_full and bool(self._due)

    def served(self, accounts: Collection[AccountId], queues: Sequence[Queue]) -> None:
        """Put accounts whose jobs were claimed at the end of the order; among themselves they keep that of `queues`."""
        for account in dict.fromkeys(queue.account for queue in queues):
            if account in accounts:
                self._order.move_to_end(account)
                if account in self._due:
                    self._due.move_to_end(account)

    @property
    def _has_room(self) -> bool:
        return any(self.room(account) > 0 for account in self._order)

    def room(self, account: AccountId) -> int:
        """Return how many more jobs of an account can be held."""
        return self._each - self._held[account]

    def _room_in(self, queue: Queue) -> int:
        """Return how many more jobs of a queue can be held."""
        room = self.room(queue.account)
        replays = self._each - for_live(self._each) - self._held_replays[queue.account]
        return max(0, min(room, replays)) if queue.is_replay else room

    def holds(self, queue: Queue, *, more: int) -> None:
        """Note that `more` jobs of a queue are held now."""
        self._held[queue.account] += more
        if queue.is_replay:
            self._held_replays[queue.account] += more

    def rest(self, queue: Queue, seconds: float) -> None:
        """Claim nothing from a queue for a time, at most an hour. If it rests already, the earlier end holds."""
        now, seconds = self._clock(), min(seconds, LONGEST_SECONDS)
        before = self._resting.get(queue, now)
        self._resting[queue] = min(now + seconds, before) if before > now else now + seconds

    def _wake(self) -> None:
        if self._resting:
            now = self._clock()
            self._resting = {queue: until for queue, until in self._resting.items() if until > now}


def without_more(served: Mapping[AccountId, int], room: Mapping[AccountId, int], *, is_full: bool) -> set[AccountId]:
    """Return the accounts of which a claim would have brought more jobs, if there had been any.

    Args:
        served: how many it has brought of each account.
        room: how many it could bring of each, in the order of their turns.
        is_full: whether it has brought as many as it could of all accounts together.
    """
    turns = {account: (served.get(account, 0), place) for place, account in enumerate(room)}  # the last of each
    end = max(turns.values()) if is_full and turns else None
    return {
        account
        for account, (times, place) in turns.items()
        if times < room[account] and (end is None or (times + 1, place) < end)
    }


def for_live(each: int) -> int:
    """Return how many of the places of an account are for live jobs alone: one of two places, none of a single one."""
    return max(each // PART, min(1, each - 1))

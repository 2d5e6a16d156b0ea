"""Where a claim begins in each queue: at a mark, behind the jobs that were found before.

    a queue's jobs, by due_at and id:   found before ──▶│ the mark ──── a claim looks here ────▶│ now    not due yet

The index keeps the places of jobs that are running or done for as long as a transaction might see them. Without a mark
each claim walks over these, and it does so in an idle queue too. What a claim tells about an account (`worker.queues`):

    it has no other due job in these queues ──▶ in each of them the mark is the claim's now
    it has more than were claimed           ──▶ in its live queues the mark is the last live job that was claimed, and
                                                in its replays the last replay: each kind has one order
    its turn has not come                   ──▶ nothing

But no mark lies in the last two seconds. A job is due from the moment at which the transaction that stores it begins,
and is seen when that ends. So of deliveries at one time a later one can be seen first. The claim of that one must not
hide the others. A web process ends a statement after one and a half seconds. A claim walks over the jobs of the last
two seconds again; that costs little.

A job can come to lie before a mark all the same: another worker had locked it, or its transaction took longer. So the
marks are forgotten after a second, and the next claim walks each queue from its beginning. A snapshot that somebody
holds for minutes keeps millions of places, and such a claim takes half a second. So what takes long is not repeated
before twenty times as long has passed, but at most ten seconds; the marks hold until then.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from receiver.events import AccountId
from receiver.inbox.jobs import START, Claim, Mark, Queue

HOLD_SECONDS = 1.0  # marks hold for this long
MARGIN = timedelta(seconds=2)  # before now: what was stored since then might not be seen yet
LONG_SECONDS = 0.01  # of a claim from the beginning, or of a look
PART = 20  # what takes longer is not repeated before so many times as long
LONGEST_PAUSE_SECONDS = 10.0  # nor is it put off for longer: a slow connection looks like a slow statement


class Marks:
    """The marks of one worker's queues, in memory.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._marks: dict[Queue, Mark] = {}
        self._forgotten = clock()
        self._pause = 0.0  # seconds for which they hold at least, up to the longest pause: walks have taken long
        self._told: tuple[datetime, float] | None = None  # what the database's clock has shown, and ours after that

    def of(self, queue: Queue) -> Mark:
        """Return where a claim begins in a queue."""
        return self._marks.get(queue, START)

    def forget_old(self) -> None:
        """Forget all marks if they have held for long enough: a job might have come to lie before one."""
        now = self._clock()
        if now - self._forgotten >= max(HOLD_SECONDS, min(self._pause, LONGEST_PAUSE_SECONDS)):
            self._marks.clear()
            self._forgotten, self._pause = now, 0.0

    def note(
        self, claims: Sequence[Claim], queues: Sequence[Queue], emptied: Collection[AccountId], *, took: float
    ) -> None:
        """Note what a claim from some queues has brought, and which accounts have no other due job in them."""
        if any(queue not in self._marks for queue in queues):
            self._pause += pause(took)
        now = self._now(claims, took)
        if now is None:
            return
        edge = Mark(now - MARGIN, 0)
        last = dict[tuple[AccountId, bool], Mark]()
        for claim in claims:
            mark, kind = Mark(claim.due_at, claim.job), (claim.account_id, claim.is_replay)
            last[kind] = max(mark, last.get(kind, START))
        for queue in queues:
            if queue.account in emptied:
                self._marks[queue] = edge
            elif (kind := (queue.account, queue.is_replay)) in last:
                self._marks[queue] = max(min(last[kind], edge), self._marks.get(queue, START))

    def _now(self, claims: Sequence[Claim], took: float) -> datetime | None:
        """Return a moment of the database's clock that is not after the claim; None if no claim has told any.

        A claim tells it with its jobs. Since then the database's clock has gone on as ours. If it was set back, jobs
        wait until the marks are forgotten.
        """
        if claims:
            self._told = claims[0].claimed_at, self._clock()
            return claims[0].claimed_at
        if self._told is None:
            return None
        shown, then = self._told
        return shown + timedelta(seconds=self._clock() - took - then)


def pause(took: float) -> float:
    """Return after how many seconds something may be done again that took so long."""
    return min(PART * took, LONGEST_PAUSE_SECONDS) if took >= LONG_SECONDS else 0.0

"""Claim, renew, settle and replay jobs: one event for one handler. PostgreSQL's clock is the only clock.

`due_at` says when a job can be claimed: a pending one at its time, a running one at the end of its lease. Every claim
counts `attempt`, which is the fence: a worker can finish a job only with the attempt that it claimed. So a worker that
lost its lease cannot write an outcome.

If the attempt were counted at the end, a handler that kills its process would be tried forever. If only the job's state
guarded a completion, a worker that lost its lease could finish the job of another worker.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, assert_never

from receiver.database import Connection, Database, query
from receiver.events import AccountId, columns
from receiver.inbox.attempts import this_process
from receiver.inbox.retry import Again, Dead, Done, Later, Outcome

State = Literal["pending", "running", "done", "dead", "dropped"]
Settled = Literal["written", "locked", "lost"]
CHANNEL = "receiver_jobs"
COUNTED = 10_000
SUBMISSIONS = "submissions"  # the handler of our own work: a user's handler cannot have this name
_AT_ONCE = timedelta(0)


class Queue(NamedTuple):
    """The jobs of one handler for the events of one account: live ones, or replays."""

    account: AccountId
    handler: str
    is_replay: bool


class Mark(NamedTuple):
    """A place in the order of a queue's jobs: just behind the job with this time and id."""

    due_at: datetime
    job: int


START = Mark(datetime.min.replace(tzinfo=UTC), 0)


class Portion(NamedTuple):
    """What a claim can take of a queue: the jobs behind `mark`, and at most `room` jobs of the account."""

    queue: Queue
    room: int
    mark: Mark = START


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that is ours until its lease ends, with the event as it was delivered.

    Attributes:
        kept_key: the idempotency key of a job that an older version stored; None for a newer job.
        due_at: when the job was due; of a lapsed one, when its lease ran out.
        claimed_at: when it was claimed.
        traceparent: names the span of the delivery; None if that was not traced.
    """

    job: int
    attempt: int
    uncounted: int
    is_replay: bool
    handler: str
    source: str
    api_url: str
    account: str
    event_id: str
    transcription_id: str | None
    origin: str
    raw: bytes
    kept_key: str | None
    due_at: datetime
    claimed_at: datetime
    traceparent: str | None = None

    @property
    def account_id(self) -> AccountId:
        """The account that the event is from."""
        return AccountId(self.source, self.api_url, self.account)

    @property
    def queue(self) -> Queue:
        """The queue that the job came from."""
        return Queue(self.account_id, self.handler, self.is_replay)

    @property
    def tries(self) -> int:
        """How many claims counted, this one included."""
        return self.attempt - self.uncounted

    @property
    def idempotency_key(self) -> str:
        """A short text for this event and this handler alone, across all sources, APIs and accounts."""
        return idempotency_key(self.account_id, self.event_id, self.transcription_id, self.handler, self.kept_key)


class Ended(NamedTuple):
    """An attempt that has ended; `claimed_at` is that of its claim."""

    job: int
    attempt: int
    outcome: Outcome
    claimed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many jobs of a handler are dead or unfinished for some accounts, and how many are unfinished for others.

    Each is counted up to `COUNTED` only, because a count reads what it counts.
    """

    handler: str
    dead: int
    unfinished: int
    elsewhere: int


def idempotency_key(
    account: AccountId, event_id: str, transcription_id: str | None, handler: str, kept: str | None
) -> str:
    """Return the idempotency key of a job; `kept` is the one that an older version has stored with it."""
    if kept is not None:
        return kept
    identity = (*account, event_id, transcription_id or "", handler)
    return f"rcv-{hashlib.sha256(chr(0).join(identity).encode()).hexdigest()[:40]}"


def counted(number: int) -> str:
    """Return in words a number that was counted up to `COUNTED`. Nobody knows how many there are beyond."""
    return f"{number} or more" if number >= COUNTED else f"{number}"


def queues(accounts: Iterable[AccountId], handlers: Sequence[str]) -> list[Queue]:
    """Return the queues of some handlers for some accounts, in the order of the accounts."""
    return [Queue(account, name, replay) for account in accounts for name in handlers for replay in (False, True)]


async def claim(
    db: Database,
    portions: Sequence[Portion],
    *,
    lease: timedelta,
    limit: int,
    only: int | None = None,
    aside: Collection[int] = (),
) -> list[Claim]:
    """Claim at most `limit` due jobs of some queues: of each account in turn, its live jobs first, then oldest first.

    The accounts are served in the order in which they stand in `portions`. With `only`, claim just that job. Jobs in
    `aside` are skipped.
    """
    rows = await db.fetch(
        query("inbox/claim_jobs"), *_of_queues([one.queue for one in portions]), lease, limit, only, list(aside),
        [one.room for one in portions], [one.mark.due_at for one in portions], [one.mark.job for one in portions],
    )  # fmt: skip
    return [Claim(**dict(row)) for row in rows]


async def claim_lapsed(
    db: Database,
    accounts: Sequence[AccountId],
    handlers: Sequence[str],
    *,
    lease: timedelta,
    limit: int,
    only: int | None = None,
    aside: Collection[int] = (),
) -> list[Claim]:
    """Claim at most `limit` running jobs whose lease ran out, oldest first. `only` and `aside` are those of `claim`."""
    rows = await db.fetch(
        query("inbox/claim_lapsed_jobs"), *columns(accounts), list(handlers), lease, limit, only, list(aside)
    )
    return [Claim(**dict(row)) for row in rows]


async def with_due(db: Database, accounts: Sequence[AccountId], handlers: Sequence[str]) -> list[Queue]:
    """Return the queues of some accounts and handlers that have a due job, in the order of the accounts."""
    rows = await db.fetch(query("inbox/queues_due"), *columns(accounts), list(handlers))
    return [Queue(accounts[row[0] - 1], handlers[row[1] - 1], row[2]) for row in rows]


async def due(db: Database, queues: Sequence[Queue], *, limit: int, aside: Collection[int] = ()) -> list[int]:
    """Return the jobs of some queues that could be claimed, oldest first, without those in `aside`."""
    rows = await db.fetch(query("inbox/due_jobs"), *_of_queues(queues), limit, list(aside))
    return [row["id"] for row in rows]


async def lapsed(
    db: Database, accounts: Sequence[AccountId], handlers: Sequence[str], *, limit: int, aside: Collection[int] = ()
) -> list[int]:
    """Return the running jobs whose lease ran out, oldest first, without those in `aside`."""
    rows = await db.fetch(query("inbox/lapsed_jobs"), *columns(accounts), list(handlers), limit, list(aside))
    return [row["id"] for row in rows]


async def bury(db: Database, job: int, reason: str) -> None:
    """Mark a due job dead, because it cannot be claimed."""
    await db.execute(query("inbox/bury_job"), job, reason)


async def any_lapsed(db: Database, accounts: Sequence[AccountId], handlers: Sequence[str]) -> bool:
    """Return whether there is a running job whose lease ran out."""
    return await db.fetchval(query("inbox/any_lapsed"), *columns(accounts), list(handlers)) is not None


def _of_queues(queues: Sequence[Queue]) -> tuple[Any, ...]:
    """Return the accounts, the handlers and the kinds of queues, as parameters."""
    handlers, replays = [queue.handler for queue in queues], [queue.is_replay for queue in queues]
    return *columns([queue.account for queue in queues]), handlers, replays


async def renew(db: Database, held: Sequence[tuple[int, int]], *, lease: timedelta) -> list[bool]:
    """Extend the leases of `held` (job, attempt) from now; return for each whether it is still ours."""
    jobs, attempts = [job for job, _ in held], [attempt for _, attempt in held]
    rows = await db.fetch(query("inbox/renew_leases"), jobs, attempts, lease)
    lost = {(row["job"], row["attempt"]) for row in rows}
    return [key not in lost for key in held]


async def lock(connection: Connection, job: int, attempt: int) -> bool:
    """Lock a job's row until the transaction ends; return False if the job is no longer ours."""
    return await connection.fetchval(query("inbox/lock_job"), job, attempt) is not None


async def settle(db: Database, ended: Sequence[Ended]) -> list[Settled]:
    """Write the outcomes of attempts, and what became of each; return for each whether it was written.

    It is not written if the job is no longer ours, or if another transaction has locked the job: the statement does
    not wait for that lock. What was written before, and the answer lost, counts as written.
    """
    rows = await db.fetch(
        query("inbox/settle_jobs"),
        [one.job for one in ended], [one.attempt for one in ended],
        *zip(*(_of_outcome(one.outcome) for one in ended), strict=True),
        [one.claimed_at for one in ended], this_process(),
    )  # fmt: skip
    results: dict[tuple[int, int], Settled] = {(row["job"], row["attempt"]): row["result"] for row in rows}
    return [results[one.job, one.attempt] for one in ended]


def _of_outcome(outcome: Outcome) -> tuple[State, timedelta, str | None, int, str]:
    """Return what an outcome makes of a job: its state, when it is due, its error, uncounted tries; and its name."""
    match outcome:
        case Done():
            return "done", _AT_ONCE, None, 0, "done"
        case Again(after=after, reason=reason):
            return "pending", after, reason, 0, "again"
        case Later(after=after, reason=reason):
            return "pending", after, reason, 1, "later"
        case Dead(reason=reason):
            return "dead", _AT_ONCE, reason, 0, "dead"
        case _:
            assert_never(outcome)


async def complete(connection: Connection, job: int, attempt: int, *, claimed_at: datetime | None) -> bool:
    """Mark a job done that the transaction has locked; return False if it is no longer ours.

    `settle` could do it too, but for a single job this statement is cheaper.
    """
    row = await connection.fetchval(query("inbox/complete_job"), job, attempt, claimed_at, this_process())
    return row is not None


async def release(db: Database, claims: Sequence[Claim]) -> list[bool]:
    """Give claims back unused and uncounted; return for each whether it was ours, and no transaction had locked it."""
    rows = await db.fetch(
        query("inbox/release_jobs"), [one.job for one in claims], [one.attempt for one in claims],
        [one.claimed_at for one in claims], this_process(),
    )  # fmt: skip
    released = {(row["job"], row["attempt"]) for row in rows}
    return [(one.job, one.attempt) in released for one in claims]


async def replay(db: Database, event: int, handlers: Sequence[str]) -> list[str]:
    """Make an event's jobs pending again with all their tries, and add missing ones; return their handlers.

    Running jobs are left alone. The attempt keeps growing, because it is the fence.
    """
    return [row["handler"] for row in await db.fetch(query("inbox/replay_jobs"), event, sorted(handlers))]


async def oldest_due(db: Database, queues: Sequence[Queue]) -> timedelta | None:
    """Return for how long the oldest due job of some queues has been due; None if no job is due."""
    age: timedelta | None = await db.fetchval(query("inbox/oldest_due"), *_of_queues(queues))
    return age


async def counts(db: Database, accounts: Sequence[AccountId], *, most: int = COUNTED) -> list[Count]:
    """Count the jobs that are not done, each time up to `most`, for each handler that has any; ordered by name."""
    return [Count(**dict(row)) for row in await db.fetch(query("inbox/count_jobs"), *columns(accounts), most)]


async def nudge(db: Database) -> None:
    """Make listening workers look for jobs now. This is only a nudge: workers poll too."""
    await db.execute(query("inbox/nudge"), CHANNEL)

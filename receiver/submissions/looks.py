"""What is to be looked at, what looks have shown, and how long the last works took."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from receiver.database import Connection, Database, query
from receiver.events import AccountId, columns
from receiver.submissions import timing
from receiver.submissions.records import Submission, from_row, storable
from receiver.submissions.timing import Times


@dataclass(frozen=True, slots=True)
class Look:
    """What a look has shown: the provider's word, its progress, whether it knows the work. And when the next one is.

    `is_known` is None if the provider was not asked about it.
    """

    submission: str
    said: str | None
    progress: float | None
    is_known: bool | None
    next_after: timedelta


async def take(db: Database, accounts: Sequence[AccountId], *, lease: timedelta, limit: int) -> list[Submission]:
    """Return at most `limit` submissions of each account that are to be looked at now; nobody else does for `lease`."""
    return [from_row(row) for row in await db.fetch(query("submissions/take_looks"), *columns(accounts), lease, limit)]


async def by_work(db: Database, account: AccountId, remote_ids: Sequence[str]) -> list[Submission]:
    """Return the accepted submissions of an account, by the provider's ids of their works."""
    return [from_row(row) for row in await db.fetch(query("submissions/accepted_works"), *account, list(remote_ids))]


async def saw(db: Database, looks: Sequence[Look]) -> None:
    """Note what looks have shown, and when the next ones are."""
    await db.execute(
        query("submissions/saw"), [look.submission for look in looks], [storable(look.said) for look in looks],
        [look.progress for look in looks], [look.is_known for look in looks], [look.next_after for look in looks],
    )  # fmt: skip


async def overdue(connection: Connection, submission: str) -> bool:
    """Note that a person is told now that a submission takes too long; return whether nobody was told before."""
    return await connection.fetchval(query("submissions/overdue"), submission) is not None


@dataclass(frozen=True, slots=True)
class Announced:
    """A submission whose end its provider has announced, the id of that event, and whether it says that it failed."""

    submission: str
    event_id: str
    has_failed: bool


async def announced(db: Database, sources: Sequence[str], *, limit: int) -> list[Announced]:
    """Return submissions to some sources whose end is announced, and that are not ended yet."""
    rows = await db.fetch(query("submissions/announced_ends"), sources, limit)
    return [Announced(row["submission"], row["event_id"], row["has_failed"]) for row in rows]


async def is_announced(connection: Connection, submission: Submission) -> bool:
    """Return whether the end of a submission will be announced by its provider: by callback or webhook."""
    if submission.callback_url is not None:
        return True
    whose = *submission.whose, submission.key_fingerprint
    found: bool = await connection.fetchval(query("submissions/is_announced"), *whose)
    return found


async def times(db: Database, account: AccountId, submissions: Iterable[Submission]) -> dict[str, Times]:
    """Return how long each submission of an account will take, by its id."""
    shares: dict[tuple[str, str], float | None] = {}
    found = {}
    for one in submissions:
        kind = one.operation, str(one.wishes.get("pipeline_code") or "")
        if kind not in shares:
            shares[kind] = await db.fetchval(query("submissions/usual_share"), *account, *kind)
        found[one.id] = timing.times(one.duration_seconds, shares[kind])
    return found

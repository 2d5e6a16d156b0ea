"""What is kept for reconciliation: the accounts, and what the provider said last of each transcription."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from receiver.database import Database, Pool, query
from receiver.errors import BusyError
from receiver.events import AccountId, columns
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.submissions.records import storable

LEASE = timedelta(minutes=2)
COUNTED = 10_000
WORDS = 255  # characters that are kept of a status, a title, a pipeline
FIRST = (0, 9)  # the first version that links a webhook that comes late
AT_ONCE = 4  # accounts that a process compares at the same time
SPACING = timedelta(minutes=1)  # a start compares at once, unless somebody has just done so


@dataclass(frozen=True, slots=True)
class Taken:
    """An account whose list this process alone compares, until `leased_until`.

    Attributes:
        reconcile_from: what ended before is not looked for.
        watermark: whatever was created before needs no look at the list.
        taken_at: the database's time.
    """

    account: AccountId
    reconcile_from: datetime
    watermark: datetime
    leased_until: datetime
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class Noted:
    """Since when a transcription is as it was noted, and when it was last started again."""

    since: datetime
    restarted_at: datetime | None


@dataclass(frozen=True, slots=True)
class UnderWay:
    """How many transcriptions are under way, how many of them take too long, and when the first of those was begun."""

    under_way: int = 0
    overdue: int = 0
    since: datetime | None = None


async def times(db: Database, account: AccountId) -> tuple[datetime, datetime]:
    """Return the database's time, and since when an account is reconciled."""
    row = await db.fetchrow(query("reconciling/times"), *account)
    assert row is not None, "it was begun before"
    return row["now"], row["reconcile_from"]


async def begin(db: Database, accounts: Sequence[AccountId]) -> None:
    """Begin to reconcile accounts that are seen for the first time. What ended before is not looked for.

    Raises:
        BusyError: a process of before was seen a moment ago. It would run a webhook that comes late once more.
    """
    await db.execute(query("reconciling/begin_accounts"), *columns(accounts))
    for row in await db.fetch(query("reconciling/versions")):
        parts = row["version"].split(".")
        if tuple(int(part) for part in parts[:2] if part.isdigit()) < FIRST:
            raise BusyError(f"a process of version {row['version']} is running: end it, and it is compared")


async def note_user(db: Database, account: AccountId, user_id: str | None) -> datetime | None:
    """Note whose key an account is. If it was another user's before, it begins now: return when."""
    begun_at: datetime | None = await db.fetchval(query("reconciling/note_user"), *account, storable(user_id))
    return begun_at


async def hurry(db: Database, accounts: Sequence[AccountId], *, within: timedelta = SPACING) -> None:
    """Let the lists of some accounts be compared now, unless that was done `within` a time."""
    await db.execute(query("reconciling/hurry_accounts"), *columns(accounts), within)


async def take(db: Database, accounts: Sequence[AccountId]) -> list[Taken]:
    """Take a few of those of some accounts whose list is to be compared now."""
    rows = await db.fetch(query("reconciling/take_accounts"), *columns(accounts), LEASE, AT_ONCE)
    return [
        Taken(
            AccountId(row["source"], row["api_url"], row["account"]), row["reconcile_from"], row["watermark"],
            row["leased_until"], row["taken_at"],
        )
        for row in rows
    ]  # fmt: skip


async def trouble(db: Database, account: AccountId) -> str | None:
    """Return why an account's list cannot be compared, if that has gone on for more than an hour."""
    why: str | None = await db.fetchval(query("reconciling/trouble"), *account)
    return why


async def keep(db: Database, account: AccountId, leased_until: datetime) -> datetime:
    """Keep an account while its list is read; return until when.

    Raises:
        BusyError: another process has it now.
    """
    until: datetime | None = await db.fetchval(query("reconciling/keep_account"), *account, leased_until, LEASE)
    if until is None:
        raise BusyError(f"another process compares the list of {account.source} ({account.account}) now")
    return until


async def finish(
    db: Database, account: AccountId, leased_until: datetime,
    *, watermark: datetime | None, found: int, trouble: str | None, after: timedelta,
) -> None:  # fmt: skip
    """Note what a comparison has come to. Without a watermark, it was broken off."""
    await db.execute(
        query("reconciling/finish_account"), *account, leased_until, watermark, found, storable(trouble), after
    )


async def note(
    db: Database, account: AccountId, items: Sequence[TranscriptionStatus], asked_at: Sequence[datetime]
) -> Mapping[int, Noted]:
    """Note what the provider says of an account's transcriptions, and when it was asked, by the database's clock."""
    if not items:
        return {}
    rows = await db.fetch(
        query("reconciling/note_transcriptions"), *account, [str(item.id) for item in items],
        [_short(item.status) for item in items], [_short(item.title) for item in items],
        [_short(item.pipeline_code) for item in items], [item.duration_seconds for item in items],
        [item.began for item in items], [item.ended for item in items], list(asked_at),
    )  # fmt: skip
    return {int(row["transcription_id"]): Noted(row["since"] or row["noted_at"], row["restarted_at"]) for row in rows}


async def under_way(db: Database, account: AccountId, ids: Sequence[int]) -> set[int]:
    """Return which of these transcriptions were seen, if nothing has told since then when they ended."""
    if not ids:
        return set()
    rows = await db.fetch(query("reconciling/known_under_way"), *account, [str(one) for one in ids])
    return {int(row["transcription_id"]) for row in rows}


async def questions(db: Pool, account: AccountId, before: datetime, *, limit: int) -> list[str]:
    """Take transcriptions under way that were created `before` a time, to ask about each by its id."""
    rows = await db.fetch(query("reconciling/take_questions"), *account, before, limit)
    return [row["transcription_id"] for row in rows]


async def forget(db: Database, account: AccountId, transcription_id: str) -> None:
    """Forget a transcription that the provider does not know any more."""
    await db.execute(query("reconciling/forget_transcription"), *account, transcription_id)


async def usual_share(db: Database, account: AccountId, pipeline_code: str) -> float | None:
    """Return how long transcriptions by a pipeline take, as a share of their length; None if nothing tells."""
    share: float | None = await db.fetchval(query("reconciling/usual_share"), *account, pipeline_code)
    return share


async def count_under_way(db: Database, account: AccountId) -> UnderWay:
    """Count an account's transcriptions under way, up to a limit."""
    row = await db.fetchrow(query("reconciling/count_under_way"), *account, COUNTED)
    return UnderWay(**dict(row or {}))


async def overdue(db: Database, account: AccountId, ids: Sequence[str]) -> list[str]:
    """Note that transcriptions take too long; return those of which nobody had noted it."""
    rows = await db.fetch(query("reconciling/overdue"), *account, list(ids)) if ids else []
    return [row["transcription_id"] for row in rows]


def _short(text: str | None) -> str | None:
    """Return a provider's words as text that the database takes, also in an index."""
    found = storable(text)
    return None if found is None else found[:WORDS]

"""Count the submissions that wait: for a provider, for a worker, for a person."""

from dataclasses import dataclass
from datetime import datetime

from receiver.database import Database, query
from receiver.events import AccountId


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many submissions of an account have not ended, and how many of these have lost their answer."""

    unfinished: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Unresolved:
    """What the providers may be working on.

    Attributes:
        unknown: how many submissions have lost their answer.
        unknown_since: when the first of them was sent.
        overdue: how many take too long.
        overdue_since: when the first of them was accepted.
        under_way: how many were sent or accepted, the overdue ones included.
    """

    unknown: int = 0
    unknown_since: datetime | None = None
    overdue: int = 0
    overdue_since: datetime | None = None
    under_way: int = 0


@dataclass(frozen=True, slots=True)
class Expired:
    """How many uploads a provider has thrown away before a worker could send them, and when the first was gone."""

    number: int = 0
    since: datetime | None = None


async def waiting(db: Database) -> dict[AccountId, Waiting]:
    """Return how many submissions wait, for each account that has any."""
    rows = await db.fetch(query("submissions/count_waiting"))
    return {
        AccountId(row["source"], row["api_url"], row["account"]): Waiting(row["unfinished"], row["unknown"])
        for row in rows
    }


async def unresolved(db: Database) -> Unresolved:
    """Return what the providers may be working on."""
    row = await db.fetchrow(query("submissions/count_unresolved"))
    assert row is not None, "an aggregate always returns a row"
    return Unresolved(**dict(row))


async def expired(db: Database) -> Expired:
    """Return what waits for the command that uploads it again."""
    row = await db.fetchrow(query("submissions/count_expired"))
    assert row is not None, "an aggregate always returns a row"
    return Expired(**dict(row))

"""Authentic deliveries that were refused for their time: each is looked up at the provider soon after.

    refused ──▶ web.doubting ──▶ note ──▶ receiver.doubts ──▶ take ──▶ the provider is asked ──▶ looked
                                 at most 60 an hour

So a retry that kept the `t` of its first attempt loses nothing: if its transcription has ended and nobody announced
that, the end is stored as an event. A replay gains nothing: it was refused, its event is known, and a thousand of it
are one row and one look-up.

An event that is stored here makes no doubt. A doubt is looked up once. If its transcription had not ended then, or if
another event id announces it later, it can be looked up again, an hour later at the earliest.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from receiver.database import Connection, Database, query
from receiver.events import AccountId, columns

Outcome = Literal["stored", "known", "running", "gone"]

MOST_AN_HOUR = 60  # look-ups for each account
LEASE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Doubt:
    """What refused deliveries announce.

    Attributes:
        account: whose secret has proved them.
        transcription_id: what they are about.
        type: of the event, such as `transcription.completed`.
        event_id: of the event.
        seconds_off: how far behind our time the time of the newest one's signature was.
        times: how many came.
    """

    account: AccountId
    transcription_id: str
    type: str
    event_id: str
    seconds_off: float
    times: int = 1


@dataclass(frozen=True, slots=True)
class Taken:
    """A doubt that is to be looked up now, as `id`."""

    id: int
    account: AccountId
    transcription_id: str
    type: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Count:
    """How many doubts came to this end, and how many deliveries they stand for; the outcome is None while they wait."""

    outcome: str | None
    doubts: int
    deliveries: int


async def note(connection: Connection, doubts: Sequence[Doubt], *, most: int = MOST_AN_HOUR) -> int | None:
    """Write doubts down, and return how many were too many: `most` new look-ups an hour are ordered for each account.

    Return None, and write nothing, if another process is writing doubts down at this moment.
    """
    given = zip(
        *((*one.account, one.transcription_id, one.type, one.event_id, one.seconds_off, one.times) for one in doubts),
        strict=True,
    )
    async with connection.transaction():
        if not await connection.fetchval(query("webhooks/lock_doubts")):
            return None
        beyond: int = await connection.fetchval(query("webhooks/note_doubts"), *given, most)
    return beyond


async def take(db: Database, accounts: Collection[AccountId], limit: int) -> list[Taken]:
    """Take doubts of some accounts that wait for a look-up, at most `limit`, the oldest first.

    Nobody else gets them until they are looked up, or until the lease has ended: after a crash they are taken again.
    """
    rows = await db.fetch(query("webhooks/take_doubts"), *columns(accounts), LEASE, limit)
    return [
        Taken(
            row["id"], AccountId(row["source"], row["api_url"], row["account"]), row["transcription_id"], row["type"],
            row["event_id"],
        )
        for row in sorted(rows, key=lambda row: row["id"])
    ]  # fmt: skip


async def looked(db: Database, doubt: Taken, outcome: Outcome) -> None:
    """Note what became of a doubt's look-up.

    Args:
        db: the database.
        doubt: what was taken.
        outcome: `stored`: nobody had announced the end, and it is an event now. `known`: it had been announced.
            `running`: the transcription has not ended. `gone`: the provider has no such transcription, or it ended so
            that nobody announces it.
    """
    await db.execute(query("webhooks/looked_up"), doubt.id, outcome)


async def forget(connection: Connection) -> None:
    """Remove the doubts of which nothing came in the last 30 days, at most a thousand of them."""
    await connection.execute(query("webhooks/forget_doubts"))


async def counts(db: Database, api_url: str) -> list[Count]:
    """Count the doubts of the last day by what became of them."""
    rows = await db.fetch(query("webhooks/count_doubts"), api_url)
    return [Count(row["outcome"], row["number"], row["times"]) for row in rows]

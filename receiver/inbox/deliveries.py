"""Store deliveries as events, with one job for each handler that wants one.

Handler names arrive by argument; nothing here knows what a handler is.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import asyncpg

from receiver.database import Connection, Database, query
from receiver.events import Event, Unreadable

Status = Literal["stored", "duplicate", "quarantined"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """An authentic delivery, read as far as it can be.

    Attributes:
        handlers: the names of the handlers that want it. They get no job if it cannot be read.
        account: the account whose key signed it.
        callback_for: the transcription whose callback received it; None if the webhook received it.
        own: how we know of an event that we wrote ourselves: it is about a submission, was never announced to us, or
            is a notice about the service itself.
        seconds_off: how far behind our time the time of its signature was when it came; None if that is not known.
        spooled_at: when it was put into the spool; None if it comes directly.
        traceparent: names its span; None if it is not traced.
    """

    content: Event | Unreadable
    api_url: str
    secret_fingerprint: str
    handlers: tuple[str, ...] = ()
    account: str = "default"
    callback_for: str | None = None
    own: Literal["submission", "reconciled", "notice"] | None = None
    seconds_off: float | None = None
    spooled_at: datetime | None = None
    traceparent: str | None = None

    @property
    def origin(self) -> str:
        """How we learned of the event."""
        if self.own is not None:
            return self.own
        return "webhook" if self.callback_for is None else "callback"

    @property
    def transcription_id(self) -> str | None:
        """The transcription that the event is about; None if the delivery cannot be read."""
        return self.content.transcription.id if isinstance(self.content, Event) else None

    @property
    def identity(self) -> tuple[str, str, str, str, str, bool]:
        """The values that distinguish the event from all others. An unreadable delivery's bytes distinguish it too."""
        content = self.content
        about = self.transcription_id or ""
        return content.source, self.api_url, self.account, content.id, about, isinstance(content, Event)


async def append(connection: Connection, deliveries: Sequence[Delivery]) -> list[Status]:
    """Store events, each with one job for every handler that wants it, or count repeats; return a status for each.

    When this returns, the deliveries are on disk. The call is idempotent: repeated after an ambiguous failure, it
    counts deliveries and changes nothing else. A delivery with the identity of an event but other bytes is quarantined
    beside that event. One statement stores all deliveries, unless some have the same identity and different bytes.
    Then several do, in one transaction: either all deliveries are stored and counted, or none is.
    """
    answers: list[Status] = ["duplicate"] * len(deliveries)
    rounds = list(_rounds(deliveries))
    async with connection.transaction() if len(rounds) > 1 else nullcontext():
        for groups in rounds:
            for row in await connection.fetch(query("inbox/append_events"), *_columns(groups), _traces(groups)):
                answers[groups[row["item"] - 1][0][0]] = row["status"]
    return answers


def _rounds(deliveries: Sequence[Delivery]) -> Iterator[list[list[tuple[int, Delivery]]]]:
    """Yield what each statement stores: equal deliveries in groups, each with its place, and no identity twice."""
    left = list(enumerate(deliveries))
    while left:
        now: dict[tuple[object, ...], list[tuple[int, Delivery]]] = {}
        later = []
        for place, delivery in left:
            same = now.setdefault(delivery.identity, [])
            if same and same[0][1].content.raw != delivery.content.raw:
                later.append((place, delivery))
            else:
                same.append((place, delivery))
        yield list(now.values())
        left = later


def _columns(groups: Sequence[Sequence[tuple[int, Delivery]]]) -> tuple[list[Any], ...]:
    """Return the statement's parameters: for each group of equal deliveries one of them, and their number."""
    firsts = [group[0][1] for group in groups]
    contents = [delivery.content for delivery in firsts]
    copies = [
        (item, place, delivery)
        for item, group in enumerate(groups, start=1)
        for place, (_, delivery) in enumerate(group[1:], start=2)
    ]
    wanted = [
        (item, name)
        for item, delivery in enumerate(firsts, start=1)
        if isinstance(delivery.content, Event)
        for name in delivery.handlers
    ]
    return (
        [content.source for content in contents],
        [delivery.api_url for delivery in firsts],
        [delivery.account for delivery in firsts],
        [content.id for content in contents],
        [delivery.transcription_id for delivery in firsts],
        [content.type if isinstance(content, Event) else None for content in contents],
        [content.reason if isinstance(content, Unreadable) else None for content in contents],
        [content.raw for content in contents],
        [delivery.secret_fingerprint for delivery in firsts],
        [delivery.callback_for for delivery in firsts],
        [len(group) for group in groups],
        [content.transcription.title if isinstance(content, Event) else None for content in contents],
        [item for item, _ in wanted],
        [name for _, name in wanted],
        [delivery.origin for delivery in firsts],
        [delivery.seconds_off for delivery in firsts],
        [delivery.spooled_at for delivery in firsts],
        [item for item, _, _ in copies],
        [place for _, place, _ in copies],
        [delivery.secret_fingerprint for _, _, delivery in copies],
        [delivery.seconds_off for _, _, delivery in copies],
        [delivery.spooled_at for _, _, delivery in copies],
        [content.transcription.ended_at if isinstance(content, Event) else None for content in contents],
    )


def _traces(groups: Sequence[Sequence[tuple[int, Delivery]]]) -> list[str | None] | None:
    """Return the statement's last parameter: what names the span of each group's first; None if no one has a span."""
    found = [group[0][1].traceparent for group in groups]
    return found if any(found) else None


async def accept_quarantined(db: Database, key: int, event: Event) -> int | None:
    """Turn a quarantined event into the event that we can now read, and return the key of the event with its jobs.

    That is another one if its end was found in the provider's list before. Return None if the event is stored already.
    """
    try:
        accepted: int | None = await db.fetchval(
            query("inbox/accept_quarantined"), key, event.id, event.type, event.transcription.id,
            event.transcription.title, event.transcription.ended_at,
        )  # fmt: skip
    except asyncpg.UniqueViolationError:
        return None
    return accepted

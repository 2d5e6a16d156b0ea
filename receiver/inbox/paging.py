"""Read lists of events page by page. However many are stored, a page takes no longer than it may.

a place in the URL ──▶ the next events behind it ──▶ as many as a page has, and the place where the next page begins
                              │
                              └─ each event must be looked at: stretch by stretch, until the page is full or the
                                 time is over; then the page says how far it has looked, and the next goes on there
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from receiver.database import Database, query
from receiver.inbox import filters, listing
from receiver.inbox.asked import Asked
from receiver.inbox.filters import Filter, Place, Row, Span
from receiver.inbox.listing import Stored

LIMIT = 50
SECONDS = 0.4
STRETCH, LONGEST = 10_000, 80_000  # keys that one statement looks at: at first, and at most
QUICK_SECONDS = 0.02  # a stretch that took less is followed by one twice as long
# So many jobs are read for each event of a page, because an event can have several of a queue's state.
JOBS_AN_EVENT = 2
_SINCE_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_WRITTEN = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,17}))?")


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list.

    Attributes:
        events: those on it.
        older: where the next page begins; None if nothing is left.
        looked_back_to: until when events were looked at, if the time was over before the page was full.
    """

    events: Sequence[Stored]
    older: Place | None
    looked_back_to: datetime | None = None


def written(place: Place) -> str:
    """Return a place as it stands in a URL."""
    return str(place.key) if place.at is None else f"{place.key}-{written_time(place.at)}"


def read_place(text: str) -> Place | None:
    """Return the place that a text names; None if it names none."""
    found = _WRITTEN.fullmatch(text)
    if found is None or found[2] is None:
        return None if found is None else Place(int(found[1]))
    at = read_time(found[2])
    return None if at is None else Place(int(found[1]), at)


def written_time(at: datetime) -> str:
    """Return the time of a place as it stands in a URL: in microseconds since 1970."""
    return str((at - _SINCE_1970) // timedelta(microseconds=1))


def read_time(digits: str) -> datetime | None:
    """Return the time that some digits in a URL mean; None if there is no such year."""
    try:
        return _SINCE_1970 + timedelta(microseconds=int(digits))
    except OverflowError:
        return None


async def page(
    db: Database, wanted: Filter, before: Place | None = None, *, limit: int = LIMIT, seconds: float = SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Page:  # fmt: skip
    """Return the next events of a list behind a place, at most `limit`.

    Args:
        db: the database.
        wanted: which events.
        before: the place; None: the list's beginning.
        limit: how many.
        seconds: for how long events are looked at, about.
        clock: monotonic seconds.
    """
    end = clock() + seconds
    span = Span(await filters.first_since(db, wanted.since))
    if before is not None:
        span = span._replace(before=Place(before.key, before.at or span.before.at))
    if wanted.is_queued:
        return await _of_queues(db, wanted, span, limit)
    if wanted.is_searched:
        return await _searched(db, wanted, span, limit, end=end, clock=clock)
    return await _full(db, await filters.rows(db, wanted, span, limit + 1), limit)


async def meaning(db: Database, asked: Asked) -> Filter:
    """Return what a line means: a text is an id if events are found by it; otherwise it is a part of the title."""
    for wanted in asked.as_ids:
        if await filters.keys(db, wanted, 1):
            return wanted
    return asked.as_title


async def _searched(
    db: Database, wanted: Filter, span: Span, limit: int, *, end: float, clock: Callable[[], float]
) -> Page:
    """Return a page for which each event must be looked at."""
    found, length = list[Row](), STRETCH
    while True:
        began = clock()
        stretch = await db.fetchrow(query("inbox/stretch"), span.before.key, length)
        begins = None if stretch is None or stretch["key"] <= span.first else Place(stretch["key"], stretch["at"])
        part = span if begins is None or begins.at is None else Span(begins.key, begins.at, span.before)
        found += await filters.rows(db, wanted, part, limit + 1 - len(found))
        if begins is None or len(found) > limit:
            return await _full(db, found, limit)
        span, now = span._replace(before=begins), clock()
        length = min(length * 2, LONGEST) if now - began < QUICK_SECONDS else length
        if now >= end:
            return Page(await listing.of_keys(db, [row.key for row in found]), begins, begins.at)


async def _of_queues(db: Database, wanted: Filter, span: Span, limit: int) -> Page:
    """Return a page of events that are found by their jobs. An event with two such jobs can stand on two pages."""
    most = limit * JOBS_AN_EVENT
    found = (await filters.rows(db, wanted, span, most))[:most]
    shown, older = dict[int, None](), None
    for row in found:
        if row.key not in shown and len(shown) == limit:
            break
        shown[row.key], older = None, row.place
    else:
        older = older if len(found) == most else None
    return Page(await listing.of_keys(db, list(shown)), older)


async def _full(db: Database, found: Sequence[Row], limit: int) -> Page:
    """Return a page of what was found. If that is more than it has, there is a next page."""
    older = found[limit - 1].place if len(found) > limit else None
    return Page(await listing.of_keys(db, [row.key for row in found[:limit]]), older)

"""`inbox.paging`: page after page shows all that is asked for, each once, and no page takes longer than it may."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from receiver.database import Pool
from receiver.inbox import listing, paging
from receiver.inbox.filters import Filter, Place
from receiver.inbox.listing import Stored
from receiver.inbox.paging import Page
from tests.inbox.dying import store
from tests.inbox.test_filters import EVENTS_OF_ALL_KINDS, JOBS_OF_ALL_STATES


@pytest_asyncio.fixture
async def everything(db: Pool) -> list[Stored]:
    """Store events of all kinds with jobs in all states, and return them, newest first."""
    await db.execute(EVENTS_OF_ALL_KINDS)
    await db.execute(JOBS_OF_ALL_STATES)
    return await listing.recent(db)


async def pages(db: Pool, wanted: Filter, *, limit: int = 2) -> list[Page]:
    """Return all pages; each begins where the URL of the last one says."""
    found, before = [await paging.page(db, wanted, limit=limit)], None
    while (older := found[-1].older) is not None:
        before = paging.read_place(paging.written(older))
        assert before is not None
        found.append(await paging.page(db, wanted, before, limit=limit))
    return found


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(), Filter(state="done"), Filter(state="dead"), Filter(state="pending"), Filter(state="quarantined"),
        Filter(title="lecture"), Filter(handler="a"), Filter(handler="bb", state="dead"), Filter(source="timbr"),
        Filter(source="timbr", title="2"), Filter(account="two", state="done", since=timedelta(hours=40)),
        Filter(about="7"), Filter(type="transcription.*", state="pending"), Filter(title="no such title"),
        Filter(since=timedelta(hours=9)), Filter(title="lecture", since=timedelta(hours=9)),
    ],
    ids=str,
)  # fmt: skip
async def test_page_after_page_shows_all_that_is_asked_for(db: Pool, everything: list[Stored], wanted: Filter) -> None:
    assert everything
    expected = [event.key for event in await listing.recent(db, wanted)]
    found = await pages(db, wanted)
    shown = [event.key for page in found for event in page.events]
    assert list(dict.fromkeys(shown)) == expected
    assert all(len(page.events) <= 2 for page in found)
    if not wanted.is_queued:  # there, an event with two such jobs can stand on two pages
        assert shown == expected
        assert len(found) == max(1, -(-len(expected) // 2))


async def test_jobs_that_were_added_to_old_events_hide_no_others(db: Pool) -> None:
    """A new handler's jobs have higher ids than those of newer events, in any order."""
    await store(db, "evt", 9)
    await db.execute(
        "insert into receiver.jobs (event, handler, source, api_url, account, state, is_replay)"
        " select id, 'new', source, api_url, account, 'dead', true from receiver.events order by id desc"
    )
    for wanted in (Filter(state="dead", handler="new"), Filter(state="dead")):
        found = await pages(db, wanted)
        assert {event.key for page in found for event in page.events} == set(range(1, 10)), found


async def test_events_of_the_same_moment_are_shown_once(db: Pool) -> None:
    await store(db, "evt", 7)
    await db.execute("update receiver.events set received_at = now()")
    for wanted in (Filter(source="transcribe.so"), Filter(source="transcribe.so", title="e")):
        shown = [event.key for page in await pages(db, wanted) for event in page.events]
        assert shown == sorted(shown, reverse=True)
        assert len(shown) == 7


async def test_a_page_ends_when_its_time_is_over_and_the_next_goes_on_there(db: Pool) -> None:
    """The first event stands in a stretch of its own."""
    await store(db, "evt", 1)
    await db.execute("select setval(pg_get_serial_sequence('receiver.events', 'id'), 1000000)")
    await store(db, "new", 2)
    ticks: Iterator[float] = iter(range(100))
    wanted = Filter(title="episode", account="default")
    await db.execute("update receiver.events set title = 'another' where event_id like 'new%'")
    first = await paging.page(db, wanted, seconds=1, clock=lambda: next(ticks))
    assert (list(first.events), first.looked_back_to is not None) == ([], True)
    second = await paging.page(db, wanted, first.older, seconds=9, clock=lambda: next(ticks))
    assert ([event.id for event in second.events], second.older, second.looked_back_to) == (["evt1"], None, None)


@pytest.mark.parametrize(("step", "looked_at"), [(0.0, 10_000 + 20_000 + 40_000), (0.5, 3 * 10_000)])
async def test_stretches_grow_only_while_they_are_quick(db: Pool, step: float, looked_at: int) -> None:
    for key in range(0, 110_000, 10_000):
        await db.execute("select setval(pg_get_serial_sequence('receiver.events', 'id'), $1)", max(1, key))
        await store(db, f"evt{key}", 1)
    ticks = iter([0.0, *[step * n for n in range(5)], 99.0])  # the third stretch ends when the time is over
    found = await paging.page(db, Filter(title="no such title"), seconds=9, clock=lambda: next(ticks))
    assert found.older is not None
    assert found.older.key == 100_002 - looked_at


@pytest.mark.parametrize("text", ["", "x", "-1", "1-", "1-x", "9" * 19, "1-" + "9" * 18, "1 "])
def test_what_is_no_place_is_told_apart(text: str) -> None:
    assert paging.read_place(text) is None


@pytest.mark.parametrize("place", [Place(7), Place(10**17, datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC))])
def test_a_place_is_read_as_it_was_written(place: Place) -> None:
    assert paging.read_place(paging.written(place)) == place

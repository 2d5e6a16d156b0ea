"""`inbox.commit`: deliveries share statements and commits, and nothing else: each has its own end, in its own time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from receiver import database
from receiver.database import Connection, Connections, Pool
from receiver.errors import StoreBusyError, StoreRefusedError, StoreUnavailableError
from receiver.inbox import commit, listing
from receiver.inbox.commit import Commits
from receiver.inbox.deliveries import Delivery
from receiver.providers.transcribe_so import payload
from tests.processes import completed, unreachable

T = TypeVar("T")
API, SOURCE = "https://api.test", "transcribe.so"
NEVER = 60.0  # seconds that pass in no test that is well
CONNECTIONS = 4  # of one process
WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


NOT_TOGETHER_AND_DIES_OF_ONE = """
    create function dies() returns trigger language plpgsql as $$
    begin
        if (select count(*) from added) > 1 then raise exception 'not together'; end if;
        if exists (select from added where event_id = 'evt_2') then
            perform pg_terminate_backend(pg_backend_pid());
        end if;
        return null;
    end $$;
    create trigger dies after insert on receiver.events
        referencing new table as added for each statement execute function dies();
"""


def delivery(event_id: str, *, body: bytes | None = None, handlers: tuple[str, ...] = ("a",)) -> Delivery:
    return Delivery(payload.read(SOURCE, body or completed(event_id)), API, "abcdef", handlers)


class Counted(Connections):
    """Counts how often it is asked, and how often the work begins; tells when the first work has ended."""

    asked = tried = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.has_ended = asyncio.Event()

    async def run(self, work: Callable[[Connection], Awaitable[T]], *, seconds: float) -> T:
        async def counted(connection: Connection) -> T:
            self.tried += 1
            return await work(connection)

        self.asked += 1
        try:
            return await super().run(counted, seconds=seconds)
        finally:
            self.has_ended.set()


class Place:
    """The group commit on a database, and what it has told."""

    def __init__(self, url: str, *, seconds: float = NEVER, statement_seconds: float | None = None) -> None:
        self.connections = Counted(url, statement_seconds=statement_seconds)
        self.stored = 0
        self.away: list[StoreUnavailableError] = []
        self.commits = Commits(self.connections, seconds=seconds, stored=self._tell, away=self.away.append)

    def _tell(self) -> None:
        self.stored += 1

    async def begin(self) -> "list[asyncio.Future[Any]]":
        """Begin as many statements as can be under way; the next deliveries wait together."""
        begun = []
        for number in range(commit.AT_ONCE):
            begun.append(self.commits.add(delivery(f"evt_begun_{number}")))
            await asyncio.sleep(0)
        return begun


@asynccontextmanager
async def placed(url: str, **options: Any) -> AsyncIterator[Place]:
    place = Place(url, **options)
    try:
        yield place
    finally:
        place.connections.close()


@asynccontextmanager
async def locked(url: str, statement: str = "lock table receiver.events") -> AsyncIterator[None]:
    """Hold what a statement locks."""
    connection = await database.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(statement)
            yield
    finally:
        await connection.close()


async def ends(futures: "Sequence[asyncio.Future[Any]]") -> list[Any]:
    """Return what came of each: a status, or a kind of error."""
    results = await asyncio.gather(*futures, return_exceptions=True)
    return [type(one) if isinstance(one, BaseException) else one for one in results]


async def ids(db: Pool) -> set[str]:
    return {event.id for event in await listing.recent(db)}


async def test_a_lone_delivery_is_stored_at_once(receiver_database: str, db: Pool) -> None:
    async with placed(receiver_database) as place:
        assert await place.commits.add(delivery("evt_1")) == "stored"
        assert (place.connections.asked, place.stored, place.away) == (1, 1, [])
    assert await ids(db) == {"evt_1"}


async def test_what_waits_while_statements_are_under_way_shares_one_statement_and_one_hint(
    receiver_database: str, db: Pool
) -> None:
    async with placed(receiver_database) as place:
        async with locked(receiver_database):
            begun = await place.begin()
            waiting = [place.commits.add(delivery(f"evt_{number}")) for number in range(commit.MOST)]
        assert await ends([*begun, *waiting]) == ["stored"] * (commit.AT_ONCE + commit.MOST)
        assert place.connections.asked == place.stored == commit.AT_ONCE + 1
    assert len(await ids(db)) == commit.AT_ONCE + commit.MOST


async def test_nobody_is_told_of_deliveries_that_bring_no_job(receiver_database: str) -> None:
    async with placed(receiver_database) as place:
        given = [delivery("evt_1", handlers=()), delivery("", body=b"no event"), delivery("evt_2")]
        assert [await place.commits.add(one) for one in given[:2]] == ["stored", "quarantined"]
        assert place.stored == 0
        assert [await place.commits.add(given[2]) for _ in range(2)] == ["stored", "duplicate"]
        assert place.stored == 1


async def test_repeats_and_other_bytes_within_a_batch_each_have_their_answer(receiver_database: str, db: Pool) -> None:
    other = completed("evt_1", event_type="transcription.failed")
    async with placed(receiver_database) as place:
        async with locked(receiver_database):
            begun = await place.begin()
            bodies = (None, None, other, None, other)
            waiting = [place.commits.add(delivery("evt_1", body=body)) for body in bodies]
        assert await ends(waiting) == ["stored", "duplicate", "quarantined", "duplicate", "duplicate"]
        await ends(begun)
        assert place.connections.asked == commit.AT_ONCE + 1
    (event,) = await listing.find(db, "evt_1")
    (variant,) = await listing.variants(db, event)
    assert (event.deliveries, len(event.jobs), variant.deliveries) == (3, 1, 2)


async def test_a_bad_one_never_spoils_its_neighbours(receiver_database: str, db: Pool) -> None:
    await db.execute("alter table receiver.events add check (event_id <> 'evt_bad')")
    async with placed(receiver_database) as place:
        async with locked(receiver_database):
            begun = await place.begin()
            waiting = [place.commits.add(delivery(name)) for name in ("evt_1", "evt_bad", "evt_2")]
        assert await ends(waiting) == ["stored", StoreRefusedError, "stored"]
        await ends(begun)
        assert (place.stored, place.away) == (commit.AT_ONCE + 1, [])
    assert {"evt_1", "evt_2"} < await ids(db)


async def test_a_locked_row_costs_only_its_own_delivery(receiver_database: str, db: Pool) -> None:
    async with placed(receiver_database, statement_seconds=0.2) as place:
        await place.commits.add(delivery("evt_locked"))
        row = "select from receiver.events where event_id = 'evt_locked' for update"
        async with locked(receiver_database, row):
            tried = [place.commits.add(delivery(name)) for name in ("evt_1", "evt_locked", "evt_2")]
            assert await ends(tried) == ["stored", StoreRefusedError, "stored"]
            assert await place.commits.add(delivery("evt_3")) == "stored"
        assert await place.commits.add(delivery("evt_locked")) == "duplicate"
        assert place.away == []
    assert {"evt_1", "evt_2", "evt_3"} < await ids(db)


async def test_while_the_database_hangs_each_has_its_answer_and_it_is_told_once_for_each_statement(
    receiver_database: str, db: Pool
) -> None:
    async with placed(receiver_database, seconds=0.5) as place:
        await ends(await place.begin())  # the connections are open
        before = place.connections.asked
        async with locked(receiver_database):
            begun = await place.begin()
            waiting = [place.commits.add(delivery(f"evt_{number}")) for number in range(5)]
            assert set(await ends(begun)) <= {StoreUnavailableError, StoreBusyError}
            assert set(await ends(waiting)) == {StoreBusyError}
            async with asyncio.timeout(NEVER):
                while len(place.away) < place.connections.asked - before:
                    await db.fetch("select")
        assert len(place.away) == place.connections.asked - before
        assert await place.commits.add(delivery("evt_after")) == "stored"
    assert "evt_after" in await ids(db)


async def test_a_database_that_is_away_is_told_of(receiver_database: str) -> None:
    async with placed(unreachable(receiver_database)) as place:
        with pytest.raises(StoreUnavailableError):
            await place.commits.add(delivery("evt_1"))
        assert [type(one) for one in place.away] == [StoreUnavailableError]


async def test_what_was_stored_before_the_database_went_away_is_stored(receiver_database: str, db: Pool) -> None:
    await db.execute(NOT_TOGETHER_AND_DIES_OF_ONE)
    async with placed(receiver_database) as place:
        begun = await place.begin()
        given = [place.commits.add(delivery(f"evt_{number}")) for number in range(4)]
        assert await ends([*begun, *given]) == ["stored"] * (commit.AT_ONCE + 2) + [StoreUnavailableError] * 2
        assert place.stored == commit.AT_ONCE + 1, "the workers hear of those two"
        assert [type(one) for one in place.away] == [StoreUnavailableError]
    assert {name for name in await ids(db) if "begun" not in name} == {"evt_0", "evt_1"}


async def test_a_crowd_is_no_outage(receiver_database: str) -> None:
    async with placed(receiver_database, seconds=0.3) as place:
        all_held, busy = asyncio.Barrier(CONNECTIONS + 1), asyncio.Event()

        async def hold(_: Connection) -> None:
            await all_held.wait()
            await busy.wait()

        holding = [asyncio.create_task(place.connections.run(hold, seconds=NEVER)) for _ in range(CONNECTIONS)]
        await asyncio.wait_for(all_held.wait(), NEVER)
        assert await ends([place.commits.add(delivery("evt_1"))]) == [StoreBusyError]
        await asyncio.wait_for(place.connections.has_ended.wait(), NEVER)  # and whoever heard of it was told by then
        assert place.away == []
        busy.set()
        await asyncio.gather(*holding)


async def test_who_gives_up_harms_nobody(receiver_database: str, db: Pool) -> None:
    async with placed(receiver_database) as place:
        async with locked(receiver_database):
            begun = await place.begin()
            waiting = [place.commits.add(delivery(f"evt_{number}")) for number in range(3)]
            begun[0].cancel()
            waiting[1].cancel()
        assert await ends([*begun[1:], waiting[0], waiting[2]]) == ["stored"] * (commit.AT_ONCE + 1)
        async with asyncio.timeout(NEVER):
            while "evt_begun_0" not in await ids(db):  # its statement was under way
                pass
    assert "evt_1" not in await ids(db)


async def test_two_processes_that_store_the_same_events_in_any_order_do_not_wait_for_each_other_for_ever(
    receiver_database: str, db: Pool
) -> None:
    """In the middle both wait for a third one: each has written what comes before that in its own order."""
    names = ["evt_1", "evt_middle", "evt_9"]
    async with placed(receiver_database) as one, placed(receiver_database) as two:
        await one.commits.add(delivery("evt_middle"))
        async with locked(receiver_database, "select from receiver.events for update"):
            given = [
                asyncio.create_task(place.commits.together([delivery(name) for name in order]))
                for place, order in ((one, names), (two, names[::-1]))
            ]
            async with asyncio.timeout(NEVER):
                while await db.fetchval(WAITING) < len(given):
                    pass
        results = await asyncio.gather(*given)
        assert Counter(status for result in results for status in result) == {"duplicate": 4, "stored": 2}
        assert (one.connections.tried, two.connections.tried) == (2, 1), "no batch was broken off"
    assert {event.id: event.deliveries for event in await listing.recent(db)} == dict(
        zip(names, (2, 3, 2), strict=True)
    )


async def test_what_a_statement_did_before_its_answer_was_lost_is_only_counted_again(
    receiver_database: str, db: Pool
) -> None:
    async with placed(receiver_database) as place:
        assert await place.commits.together([delivery("evt_1"), delivery("evt_2")]) == ["stored"] * 2
        assert await place.commits.together([delivery("evt_1"), delivery("evt_2")]) == ["duplicate"] * 2
    assert [(event.deliveries, len(event.jobs)) for event in await listing.recent(db)] == [(2, 1)] * 2

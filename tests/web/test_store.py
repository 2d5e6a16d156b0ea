"""`receiver.web.store`: a delivery is on disk before it is answered, wherever there is a disk."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from receiver import Context, Event, database, events, handler
from receiver.database import Connection, Connections, Pool
from receiver.errors import SpoolFullError, StoreUnavailableError
from receiver.events import AccountId, Unreadable
from receiver.handling import Handler
from receiver.health import Finding
from receiver.inbox import listing
from receiver.inbox.spool import Fate, Spool
from receiver.providers.transcribe_so import payload
from receiver.testing import Server
from receiver.web.store import SERVICE, Deadlines, Store
from receiver.webhooks import keyring
from receiver.webhooks.keyring import Proven
from tests.processes import completed, free_port

T = TypeVar("T")
API, SOURCE = "http://api.test", "transcribe.so"
PROVEN = Proven(b"whsec", AccountId(SOURCE, API, "default"))
PATIENT = Deadlines(database=60, spool=60, question=60)  # however busy the machine is
NOWHERE = f"postgresql://u@127.0.0.1:{free_port()}/d"


@handler("transcription.completed")
async def announce(event: Event, ctx: Context) -> None:
    """Want completed events."""


# The database answers and can be read, as on a full disk.
TAKES_NOTHING = """
    create function refuse() returns trigger language plpgsql as $$ begin
        raise 'cannot execute INSERT in a read-only transaction' using errcode = 'read_only_sql_transaction';
    end $$;
    create trigger refuse before insert on receiver.events for each statement execute function refuse()
"""
TAKES_AGAIN = "drop trigger refuse on receiver.events"


class Counted(Connections):
    """Counts how often it is asked."""

    asked = 0
    bug: Exception | None = None

    async def run(self, work: Callable[[Connection], Awaitable[T]], *, seconds: float) -> T:
        self.asked += 1
        if self.bug is not None:
            raise self.bug
        return await super().run(work, seconds=seconds)


class Place:
    """A store on a database and a folder. It counts how often workers would be nudged."""

    def __init__(
        self, url: str, folder: Path, *, room: int = 10**6, statement_seconds: float | None = None, **options: Any
    ) -> None:
        self.connections = Counted(url, statement_seconds=statement_seconds)
        self.spool = Spool(folder, limit_bytes=room)
        self.told = 0
        handlers: dict[str, Handler] = {"announce": announce}
        self.store = Store(
            connections=self.connections, spool=self.spool, stored=self._tell,
            **{"deadlines": PATIENT, "database": None, "handlers": handlers, **options},
        )  # fmt: skip

    def _tell(self) -> None:
        self.told += 1

    async def deliver(self, name: str, body: bytes | None = None) -> str:
        return await self.append(payload.read(SOURCE, body or completed(name)), PROVEN)

    async def append(self, content: Event | Unreadable, proven: Proven) -> str:
        delivery = self.store.delivery(content, proven)
        return await self.store.save(delivery, self.store.commit(delivery))

    @property
    def is_empty(self) -> bool:
        return self.spool.look().is_empty


@asynccontextmanager
async def placed(url: str, folder: Path, **options: Any) -> AsyncIterator[Place]:
    place = Place(url, folder, **options)
    try:
        yield place
    finally:
        await place.store.close()
        place.connections.close()


async def do(url: str, statement: str) -> None:
    connection = await database.connect(url)
    await connection.execute(statement)
    await connection.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_only_handlers_of_the_deliverys_source_get_a_job(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    only = handler("transcription.completed", name="only", sources=(SOURCE,))(announce.function)
    async with placed(receiver_database, tmp_path, handlers={"announce": announce, "only": only}) as place:
        for source in (SOURCE, "other.example"):
            await place.append(payload.read(source, completed("evt_1")), PROVEN)
    rows = await db.fetch(
        "select e.source, j.handler from receiver.jobs j join receiver.events e on e.id = j.event order by 1, 2"
    )
    assert [tuple(row) for row in rows] == [
        ("other.example", "announce"), (SOURCE, "announce"), (SOURCE, "only"),
    ]  # fmt: skip


async def test_with_the_database_there_nothing_is_spooled(db: Pool, receiver_database: str, tmp_path: Path) -> None:
    async with placed(receiver_database, tmp_path) as place:
        assert [await place.deliver("evt_1"), await place.deliver("evt_1")] == ["stored", "duplicate"]
        assert await place.deliver("", b"not json") == "quarantined"
        assert (place.is_empty, place.told) == (True, 1)
    assert len(await listing.recent(db)) == 2


async def test_what_the_database_refuses_for_its_own_sake_sends_no_other_to_the_spool(
    db: Pool, receiver_database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await db.execute("alter table receiver.events add check (event_id <> 'evt_bad')")
    async with placed(receiver_database, tmp_path) as place:
        assert [await place.deliver(name) for name in ("evt_bad", "evt_1")] == ["spooled", "stored"]
        assert not place.is_empty
        lines = len(caplog.messages)
        assert await place.deliver("evt_bad") == "spooled"
        assert len(caplog.messages) == lines, "one line in a while, however many are refused"
        assert [event.id for event in await listing.recent(db)] == ["evt_1"]
        await place.store.drain()
        found = await place.store.check()
    assert (found.holds, found.seen, ".refused files: 1" in found.todo) == (False, "empty", True)
    assert "deliveries went to the spool: 1 x " in caplog.text
    assert "until the database is back" not in caplog.text


async def test_when_the_spool_is_full_the_database_is_asked_again(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    """The database might be back, unnoticed."""
    away = "alter table receiver.events rename to elsewhere"
    async with placed(receiver_database, tmp_path, room=1) as place:
        await db.execute(away)
        with pytest.raises(SpoolFullError):
            await place.deliver("evt_1")
        with pytest.raises(StoreUnavailableError):
            await place.deliver("evt_1")
        await db.execute("alter table receiver.elsewhere rename to events")
        assert await place.deliver("evt_1") == "stored"
    assert [event.id for event in await listing.recent(db)] == ["evt_1"]


async def test_what_was_spooled_lies_in_the_inbox_as_if_it_had_been_stored(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    async with placed(NOWHERE, tmp_path) as away:
        assert [await away.deliver("evt_1"), await away.deliver("", b"\xff\nnot json\n")] == ["spooled", "spooled"]
        await away.store.drain()
        assert not away.is_empty
        assert away.told == 0
    async with placed(receiver_database, tmp_path) as back:
        await back.store.drain()
        assert (back.is_empty, back.told) == (True, 1)
    event, unreadable = sorted(await listing.recent(db), key=lambda one: one.state)
    assert (event.id, event.state, [job.handler for job in event.jobs]) == ("evt_1", "pending", ["announce"])
    assert await listing.raw(db, event.key) == completed("evt_1")
    assert (unreadable.state, await listing.raw(db, unreadable.key)) == ("quarantined", b"\xff\nnot json\n")
    assert await db.fetchval("select distinct api_url from receiver.events") == API


async def test_what_was_judged_unreadable_for_where_it_came_to_stays_so(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    async with placed(NOWHERE, tmp_path) as away:
        foreign = events.about(payload.read(SOURCE, completed("evt_1", 7)), "8")
        await away.append(foreign, PROVEN)
    async with placed(receiver_database, tmp_path) as back:
        await back.store.drain()
    (found,) = await listing.recent(db)
    assert found.state == "quarantined"
    assert found.id != "evt_1"


def test_database_and_spool_together_have_less_time_than_is_promised() -> None:
    """These are the real deadlines. Other tests use longer ones, for a busy machine."""
    assert SERVICE.database > 0
    assert SERVICE.spool > 0
    assert SERVICE.database + SERVICE.spool < 3
    assert keyring.SERVICE.between + SERVICE.question < 3


async def test_an_outage_costs_only_the_first_deliveries_a_wait(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    """The second delivery does not wait for the database: the first one has given it up."""
    deadlines = replace(PATIENT, database=0.2)
    async with placed(receiver_database, tmp_path, deadlines=deadlines) as place:
        async with db.acquire() as connection, connection.transaction():
            await connection.execute("lock table receiver.events")
            assert await asyncio.wait_for(place.deliver("evt_0"), 60) == "spooled"
            asked = place.connections.asked
            names = [f"evt_{number}" for number in range(1, 21)]
            answers = await asyncio.wait_for(asyncio.gather(*map(place.deliver, names)), 60)
            assert set(answers) == {"spooled"}
            assert place.connections.asked == asked
            await place.store.drain()
            assert not place.is_empty
        await place.store.drain()
        assert place.is_empty
        assert await place.deliver("evt_21") == "stored"
        assert place.is_empty, "it went to the database again"
    assert {event.id for event in await listing.recent(db)} == {f"evt_{number}" for number in range(22)}


async def test_it_drains_by_itself(db: Pool, receiver_database: str, tmp_path: Path) -> None:
    async with placed(NOWHERE, tmp_path) as away:
        await away.deliver("evt_1")
    async with placed(receiver_database, tmp_path) as back:
        await back.append(payload.read(SOURCE, completed("evt_2")), PROVEN)
        keeping = asyncio.create_task(back.store.keep_drained())
        await until(lambda: back.is_empty)
        keeping.cancel()
    assert {event.id for event in await listing.recent(db)} == {"evt_1", "evt_2"}


async def test_what_is_spooled_while_the_last_drain_ends_does_not_wait_for_a_later_look(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    deadlines = replace(PATIENT, between_drains=0.01, look=3600)
    async with placed(receiver_database, tmp_path, deadlines=deadlines) as place:
        place.store.leave(StoreUnavailableError("away"))
        late = place.store.delivery(payload.read(SOURCE, completed("evt_1")), PROVEN)
        assert place.store.commit(late) is None
        keeping = asyncio.create_task(place.store.keep_drained())
        await until(lambda: place.store.commit(place.store.delivery(late.content, PROVEN)) is not None)
        assert await place.store.save(replace(late, account="late"), None) == "spooled"
        async with asyncio.timeout(60):
            while not await db.fetchval("select count(*) from receiver.events where account = 'late'"):
                pass
        keeping.cancel()


@pytest.mark.parametrize("statement", [TAKES_NOTHING, "drop schema receiver cascade"])
async def test_a_database_that_cannot_be_written_to_is_away(
    db: Pool, receiver_database: str, tmp_path: Path, statement: str
) -> None:
    await db.execute(statement)
    async with placed(receiver_database, tmp_path) as place:
        assert await place.deliver("evt_1") == "spooled"
        await place.store.drain()
        assert not place.is_empty


async def test_without_database_and_room_it_says_so(tmp_path: Path) -> None:
    async with placed(NOWHERE, tmp_path, room=10) as place:
        with pytest.raises(SpoolFullError):
            await place.deliver("evt_1")


async def test_a_bug_on_the_way_to_the_database_costs_no_delivery(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    async with placed(receiver_database, tmp_path) as place:
        place.connections.bug = TypeError("nobody foresaw it")
        assert await place.deliver("evt_1") == "spooled"
        place.connections.bug = None
        assert await place.deliver("evt_2") == "stored"
        assert [event.id for event in await listing.recent(db)] == ["evt_2"], "it was not taken for an outage"
        await place.store.drain()
    assert {event.id for event in await listing.recent(db)} == {"evt_1", "evt_2"}


async def test_a_folder_that_cannot_be_made_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with placed(NOWHERE, tmp_path / "file" / "spool") as place:
        with pytest.raises(StoreUnavailableError, match="Not a directory"):
            await place.deliver("evt_1")


HEAD: dict[str, object] = {
    "source": SOURCE, "api_url": API, "account": "default", "secret": "fp", "callback_for": None, "unreadable": None,
    "database": None,
}  # fmt: skip
WRONG: list[dict[str, object]] = [
    {"account": ["a"]}, {"account": 5}, {"account": None}, {"source": None}, {"source": {}}, {"api_url": True},
    {"account": "\ud800"}, {"account": "a\0"}, {"secret": 1.5}, {"unreadable": 7}, {"callback_for": 12},
    {"database": []}, {"address": 1},
]  # fmt: skip


@pytest.mark.parametrize("record", [
    b"{}", b"[1, 2]\n{}", b"", b"not json\n{}", b"\xff\n{}", b"[1, 2, 3, 4]\n{}",
    *(json.dumps(HEAD | wrong).encode() + b"\n" + completed("evt_odd") for wrong in WRONG),
])  # fmt: skip
async def test_a_record_of_another_version_is_kept_aside_and_holds_up_no_other(
    db: Pool, receiver_database: str, tmp_path: Path, record: bytes
) -> None:
    async with placed(NOWHERE, tmp_path) as away:
        await away.spool.append(record, seconds=20)
        await away.deliver("evt_1")
    async with placed(receiver_database, tmp_path) as back:
        await back.store.drain()
    assert [event.id for event in await listing.recent(db)] == ["evt_1"]
    assert [path.suffix for path in tmp_path.iterdir()] == [".refused"]


# --- one bad item holds up no other ----------------------------------------------------------------------------------


async def test_one_delivery_that_the_database_never_takes_is_put_aside_and_the_others_go_on(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    """A user's own index refuses a value that is too long for it, with an error that is not on any list."""
    await db.execute("create index on receiver.events (raw)")
    long = json.dumps({"id": "evt_long", "event": "webhook.test", "data": {"x": secrets.token_hex(20_000)}}).encode()
    async with placed(receiver_database, tmp_path) as place:
        answers = [await place.deliver("evt_1"), await place.deliver("", long), await place.deliver("evt_2")]
        assert answers == ["stored", "spooled", "stored"]
        assert {event.id for event in await listing.recent(db)} == {"evt_1", "evt_2"}, "they did not take the long way"
        await place.store.drain()
        found = await place.store.check()
        assert (place.is_empty, found.holds, ".refused files: 1" in found.todo) == (True, False, True)


async def test_a_database_that_answers_and_takes_nothing_is_named_while_deliveries_wait(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    """The database is like one on a full disk: it can be read, but takes nothing."""
    async with placed(receiver_database, tmp_path) as place:
        await db.execute(TAKES_NOTHING)
        assert await place.deliver("evt_1") == "spooled"
        found = await place.store.check()
        assert (found.holds, "deliveries have waited here for" in found.todo, "read-only" in found.todo) == (
            False,
            True,
            True,
        )
        await db.execute(TAKES_AGAIN)
        await place.store.drain()
        assert await place.store.check() == Finding("spool", holds=True, seen="empty")


async def test_spooled_deliveries_behind_one_that_is_never_taken_are_stored(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    async with placed(NOWHERE, tmp_path) as away:
        for number in range(5):
            await away.deliver(f"evt_{number}")
    await db.execute("alter table receiver.events add check (event_id <> 'evt_2')")
    async with placed(receiver_database, tmp_path) as back:
        await back.store.drain()
        assert back.is_empty
    assert {event.id for event in await listing.recent(db)} == {"evt_0", "evt_1", "evt_3", "evt_4"}
    assert [path.suffix for path in tmp_path.iterdir()] == [".refused"]


async def test_a_policy_that_takes_nothing_is_not_the_deliveries_own_trouble(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    """All deliveries wait until a person changes the policy."""
    await db.execute(
        "create function no() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$;"
        "create trigger no before insert on receiver.events execute function no()"
    )
    async with placed(receiver_database, tmp_path) as place:
        assert [await place.deliver(name) for name in ("evt_1", "evt_2")] == ["spooled", "spooled"]
        await place.store.drain()
        assert not place.is_empty
        await db.execute("drop trigger no on receiver.events")
        await place.store.drain()
        assert place.is_empty
    assert {event.id for event in await listing.recent(db)} == {"evt_1", "evt_2"}
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".refused"]


async def test_trouble_with_the_jobs_alone_puts_no_delivery_aside(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    await db.execute("alter table receiver.jobs rename to elsewhere")
    async with placed(receiver_database, tmp_path) as place:
        assert [await place.deliver(name) for name in ("evt_1", "evt_2")] == ["spooled", "spooled"]
        await place.store.drain()
        assert not [path for path in tmp_path.iterdir() if path.suffix == ".refused"]
        await db.execute("alter table receiver.elsewhere rename to jobs")
        await place.store.drain()
        assert place.is_empty
    assert {event.id: len(event.jobs) for event in await listing.recent(db)} == {"evt_1": 1, "evt_2": 1}


async def test_a_database_that_takes_one_is_back_whatever_becomes_of_the_spool(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    async with placed(receiver_database, tmp_path, room=1) as place:
        await db.execute(TAKES_NOTHING)
        with pytest.raises(SpoolFullError):
            await place.deliver("evt_1")
        await db.execute(TAKES_AGAIN)
        assert await place.deliver("evt_1") == "stored"
        asked = place.connections.asked
        assert await place.deliver("evt_2") == "stored"
        assert place.connections.asked == asked + 1, "it was asked first, and the spool not at all"


async def test_a_locked_row_delays_its_own_repeats_alone(db: Pool, receiver_database: str, tmp_path: Path) -> None:
    async with placed(receiver_database, tmp_path, statement_seconds=0.5) as place:
        await place.deliver("evt_1")
        async with db.acquire() as other, other.transaction():
            await other.execute("select * from receiver.events for update")
            assert await place.deliver("evt_1") == "spooled", "it waits in the spool"
            assert await place.deliver("evt_2") == "stored"
            await place.store.drain()
            assert not place.is_empty
            assert {event.id for event in await listing.recent(db)} == {"evt_1", "evt_2"}
        await place.store.drain()
        assert place.is_empty
    assert {event.id: event.deliveries for event in await listing.recent(db)} == {"evt_1": 2, "evt_2": 1}


async def test_however_many_rows_are_locked_what_lies_behind_their_repeats_is_stored(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    """The store waits for one lock, but not for all locks one after the other, even if a statement can take long."""
    names = [f"evt_{number}" for number in range(6)]
    async with placed(receiver_database, tmp_path, statement_seconds=15) as place:
        for name in names:
            await place.deliver(name)
        async with placed(NOWHERE, tmp_path) as away:
            for name in (*names, "evt_new"):
                await away.deliver(name)
        async with db.acquire() as other, other.transaction():
            await other.execute("select * from receiver.events for update")
            await asyncio.wait_for(place.store.drain(), 60)
            assert "evt_new" in {event.id for event in await listing.recent(db)}
        await place.store.drain()
        assert place.is_empty
    assert {event.id: event.deliveries for event in await listing.recent(db)} == dict.fromkeys(names, 2) | {
        "evt_new": 1
    }


async def test_a_crowd_on_our_connections_is_no_outage(
    db: Pool, receiver_database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    deadlines = replace(PATIENT, database=2)
    async with placed(receiver_database, tmp_path, deadlines=deadlines) as place:
        over, inside = asyncio.Event(), asyncio.Barrier(5)

        async def hold(_: Connection) -> None:
            await inside.wait()
            await over.wait()

        holding = [asyncio.create_task(place.connections.run(hold, seconds=60)) for _ in range(4)]
        await asyncio.wait_for(inside.wait(), 60)
        assert await place.deliver("evt_1") == "spooled", "it waits in the spool"
        over.set()
        await asyncio.gather(*holding)
        assert await place.deliver("evt_2") == "stored"
        assert [event.id for event in await listing.recent(db)] == ["evt_2"]
        await place.store.drain()
        assert place.is_empty
    assert {event.id for event in await listing.recent(db)} == {"evt_1", "evt_2"}
    assert "until the database is back" not in caplog.text


async def test_new_deliveries_do_not_wait_for_the_old_ones(db: Pool, receiver_database: str, tmp_path: Path) -> None:
    """New deliveries go to the database again when it has taken the first batch."""
    async with placed(NOWHERE, tmp_path) as away:
        await asyncio.gather(*(away.deliver(f"evt_{number}") for number in range(250)))
    found: list[bool] = []
    async with placed(receiver_database, tmp_path) as back:
        await db.execute(TAKES_NOTHING)
        assert await back.deliver("evt_away") == "spooled"
        await db.execute(TAKES_AGAIN)
        take = back.store._take  # noqa: SLF001 - where one batch ends and the next begins

        async def taking(records: Sequence[bytes]) -> list[Fate]:
            fates = await take(records)
            await back.deliver(f"evt_new_{len(found)}")
            stored = "select count(*) = 1 from receiver.events where event_id = $1"
            found.append(await db.fetchval(stored, f"evt_new_{len(found)}"))
            return fates

        back.store._take = taking  # type: ignore[method-assign]  # noqa: SLF001 - the same
        await back.store.drain()
    assert len(found) >= 3
    assert set(found) == {True}


# --- a spool belongs to one database ---------------------------------------------------------------------------------


async def test_what_was_spooled_for_another_database_stays_until_it_is_taken_over(
    db: Pool, receiver_server: Server, receiver_database: str, tmp_path: Path
) -> None:
    """Two receivers of one working directory share a spool's folder."""
    receiver_server.create("other", "--template", "receiver_template")
    try:
        theirs = receiver_server.url.replace("/postgres", "/other")
        await do(theirs, "update receiver.identity set id = gen_random_uuid()")  # a copy is called like its template
        async with placed(theirs, tmp_path) as other:
            await other.store.drain()  # which makes it known
            await do(theirs, "alter table receiver.events rename to elsewhere")
            assert await other.deliver("evt_theirs") == "spooled"
    finally:
        receiver_server.drop("other")
    async with placed(receiver_database, tmp_path) as ours:
        await ours.store.drain()
        found = await ours.store.check()
        assert not found.holds
        assert "deliveries for another database: 1" in found.todo
        assert await ours.deliver("evt_ours") == "stored"
    assert [event.id for event in await listing.recent(db)] == ["evt_ours"]
    async with placed(receiver_database, tmp_path, takes_over=True) as heir:
        assert await heir.store.bring_in() == 1
    assert {event.id for event in await listing.recent(db)} == {"evt_ours", "evt_theirs"}


async def test_a_database_is_known_by_itself_and_not_by_its_address(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    """A failover changes the address. A record without a database's id goes to the database at the address it names."""
    own = await db.fetchval("select id::text from receiver.identity")
    for name, address, taken in (
        (own, "there", True), ("another", "here", False), (None, "here", True), (None, "there", False),
        (None, None, True),
    ):  # fmt: skip
        folder = tmp_path / f"{name}-{address}"
        folder.mkdir(mode=0o700)
        async with placed(NOWHERE, folder, database=name, address=address) as away:
            await away.deliver("evt_1")
        async with placed(receiver_database, folder, address="here") as back:
            await back.store.drain()
            assert back.is_empty is taken
            assert (await back.store.check()).holds is taken


async def test_the_account_that_was_proven_is_stored_also_by_way_of_the_spool(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    other = Proven(b"whsec", AccountId(SOURCE, "http://other.test", "big-show"))
    await db.execute(TAKES_NOTHING)
    async with placed(receiver_database, tmp_path) as place:
        await place.append(payload.read(SOURCE, completed("evt_1")), other)
        await db.execute(TAKES_AGAIN)
        await place.store.drain()
        await place.append(payload.read(SOURCE, completed("evt_2")), other)
    found = await listing.recent(db)
    assert [(one.id, one.source, one.api_url, one.account) for one in found] == [
        ("evt_2", SOURCE, "http://other.test", "big-show"), ("evt_1", SOURCE, "http://other.test", "big-show"),
    ]  # fmt: skip

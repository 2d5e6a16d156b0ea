"""`receiver.web.store`: a delivery is on disk before it is answered, wherever there is a disk."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from receiver import Context, Event, events, handler, inbox
from receiver.database import Connections, Pool
from receiver.errors import SpoolFullError, StoreUnavailableError
from receiver.handling import Handler
from receiver.spool import Spool
from receiver.web import store as web_store
from receiver.web.store import DATABASE_SECONDS, SPOOL_SECONDS, Store
from tests.processes import completed, free_port

API, SOURCE, SECRET = "http://api.test", "transcribe.so", b"whsec"
NOWHERE = f"postgresql://u@127.0.0.1:{free_port()}/d"


@handler("transcription.completed")
async def announce(event: Event, ctx: Context) -> None:
    """Want completed events."""


class Place:
    """A store on a database and a folder; counts how often workers would be told."""

    def __init__(self, url: str, folder: Path, *, room: int = 10**6) -> None:
        self.connections = Connections(url)
        self.spool = Spool(folder, limit_bytes=room)
        self.told = 0
        handlers: dict[str, Handler] = {"announce": announce}
        self.store = Store(
            connections=self.connections, spool=self.spool, handlers=handlers, api_url=API, stored=self._tell
        )

    def _tell(self) -> None:
        self.told += 1

    async def deliver(self, name: str, body: bytes | None = None) -> str:
        return await self.store.append(events.read(SOURCE, body or completed(name)), SECRET)

    @property
    def is_empty(self) -> bool:
        return self.spool.fill().since is None


@asynccontextmanager
async def placed(url: str, folder: Path, *, room: int = 10**6) -> AsyncIterator[Place]:
    place = Place(url, folder, room=room)
    yield place
    place.connections.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_with_the_database_there_nothing_is_spooled(db: Pool, receiver_database: str, tmp_path: Path) -> None:
    async with placed(receiver_database, tmp_path) as place:
        assert [await place.deliver("evt_1"), await place.deliver("evt_1")] == ["stored", "duplicate"]
        assert await place.deliver("", b"not json") == "quarantined"
        assert (place.is_empty, place.told) == (True, 1)
    assert len(await inbox.recent(db)) == 2


async def test_what_the_database_refuses_for_its_own_sake_sends_no_other_to_the_spool(
    db: Pool, receiver_database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await db.execute("alter table receiver.events add check (event_id <> 'evt_bad')")
    async with placed(receiver_database, tmp_path) as place:
        assert [await place.deliver(name) for name in ("evt_bad", "evt_1")] == ["stored", "stored"]
        assert not place.is_empty
        assert [event.id for event in await inbox.recent(db)] == ["evt_1"]
        await place.store.drain()
    assert place.spool.check() == (False, "empty; 1 .refused files hold what the database refuses")
    assert "the database refuses it: CheckViolationError; it is kept aside in the spool" in caplog.text
    assert "until it is back" not in caplog.text


async def test_when_the_spool_is_full_the_database_is_asked_again(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    """It may be back, though nobody has noticed yet."""
    away = "alter table receiver.events rename to elsewhere"
    async with placed(receiver_database, tmp_path, room=1) as place:
        await db.execute(away)
        with pytest.raises(SpoolFullError):
            await place.deliver("evt_1")
        with pytest.raises(StoreUnavailableError):
            await place.deliver("evt_1")
        await db.execute("alter table receiver.elsewhere rename to events")
        assert await place.deliver("evt_1") == "stored"
    assert [event.id for event in await inbox.recent(db)] == ["evt_1"]


async def test_what_was_spooled_lies_in_the_inbox_as_if_it_had_been_stored(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    async with placed(NOWHERE, tmp_path) as away:
        assert [await away.deliver("evt_1"), await away.deliver("", b"\xff\nnot json\n")] == ["stored", "stored"]
        await away.store.drain()
        assert not away.is_empty
        assert away.told == 0
        away.spool.let_go()
    async with placed(receiver_database, tmp_path) as back:
        await back.store.drain()
        assert (back.is_empty, back.told) == (True, 1)
    unreadable, event = await inbox.recent(db)
    assert (event.id, event.state, [job.handler for job in event.jobs]) == ("evt_1", "pending", ["announce"])
    assert await inbox.raw(db, event.key) == completed("evt_1")
    assert (unreadable.state, await inbox.raw(db, unreadable.key)) == ("quarantined", b"\xff\nnot json\n")
    assert await db.fetchval("select distinct api_url from receiver.events") == API


async def test_what_was_judged_unreadable_for_where_it_came_to_stays_so(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    async with placed(NOWHERE, tmp_path) as away:
        foreign = events.about(events.read(SOURCE, completed("evt_1", 7)), "8")
        await away.store.append(foreign, SECRET)
        away.spool.let_go()
    async with placed(receiver_database, tmp_path) as back:
        await back.store.drain()
    (found,) = await inbox.recent(db)
    assert found.state == "quarantined"
    assert found.id != "evt_1"


def test_database_and_spool_together_have_less_time_than_is_promised() -> None:
    """As they are in service: elsewhere in these tests a busy machine is given more."""
    assert DATABASE_SECONDS > 0
    assert SPOOL_SECONDS > 0
    assert DATABASE_SECONDS + SPOOL_SECONDS < 3


async def test_an_outage_costs_only_the_first_deliveries_a_wait(
    db: Pool, receiver_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_store, "DATABASE_SECONDS", 0.2)
    async with placed(receiver_database, tmp_path) as place:
        async with db.acquire() as connection, connection.transaction():
            await connection.execute("lock table receiver.events")
            assert await asyncio.wait_for(place.deliver("evt_0"), 60) == "stored"
            monkeypatch.setattr(web_store, "DATABASE_SECONDS", 1000)  # who asks the database now does not come back
            names = [f"evt_{number}" for number in range(1, 21)]
            answers = await asyncio.wait_for(asyncio.gather(*map(place.deliver, names)), 60)
            assert set(answers) == {"stored"}
            monkeypatch.setattr(web_store, "DATABASE_SECONDS", 0.2)
            await place.store.drain()
        assert not place.is_empty
        monkeypatch.setattr(web_store, "DATABASE_SECONDS", 60)
        await place.store.drain()
        assert place.is_empty
        assert await place.deliver("evt_21") == "stored"
        assert place.is_empty, "it went to the database again"
    assert [event.id for event in reversed(await inbox.recent(db))] == [f"evt_{number}" for number in range(22)]


async def test_it_drains_by_itself(db: Pool, receiver_database: str, tmp_path: Path) -> None:
    async with placed(NOWHERE, tmp_path) as away:
        await away.deliver("evt_1")
        away.spool.let_go()
    async with placed(receiver_database, tmp_path) as back:
        await back.store.append(events.read(SOURCE, completed("evt_2")), SECRET)
        keeping = asyncio.create_task(back.store.keep_drained())
        await until(lambda: back.is_empty)
        keeping.cancel()
    assert {event.id for event in await inbox.recent(db)} == {"evt_1", "evt_2"}


@pytest.mark.parametrize(
    "statement",
    ["alter database {name} set default_transaction_read_only = on", "drop schema receiver cascade"],
)
async def test_a_database_that_cannot_be_written_to_is_away(
    db: Pool, receiver_database: str, tmp_path: Path, statement: str
) -> None:
    await db.execute(statement.format(name=await db.fetchval("select current_database()")))
    async with placed(receiver_database, tmp_path) as place:
        assert await place.deliver("evt_1") == "stored"
        await place.store.drain()
        assert not place.is_empty


async def test_without_database_and_room_it_says_so(tmp_path: Path) -> None:
    async with placed(NOWHERE, tmp_path, room=10) as place:
        with pytest.raises(SpoolFullError):
            await place.deliver("evt_1")


async def test_a_folder_that_cannot_be_made_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with placed(NOWHERE, tmp_path / "file" / "spool") as place:
        with pytest.raises(StoreUnavailableError, match="the spool: Not a directory"):
            await place.deliver("evt_1")


@pytest.mark.parametrize("record", [b"{}", b"[1, 2]\n{}", b"", b"not json\n{}"])
async def test_a_record_of_another_version_is_kept_aside_and_holds_up_no_other(
    db: Pool, receiver_database: str, tmp_path: Path, record: bytes
) -> None:
    async with placed(NOWHERE, tmp_path) as away:
        await away.spool.append(record, seconds=20)
        await away.deliver("evt_1")
        away.spool.let_go()
    async with placed(receiver_database, tmp_path) as back:
        await back.store.drain()
    assert [event.id for event in await inbox.recent(db)] == ["evt_1"]
    assert [path.suffix for path in tmp_path.iterdir()] == [".refused"]

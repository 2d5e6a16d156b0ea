"""`web.doubting`: what is refused for its time is written down soon after, and refusing it costs nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from receiver.database import Connection, Connections, Pool
from receiver.web.doubting import MOST, MOST_BYTES, Doubting
from receiver.webhooks import doubts
from receiver.webhooks.keyring import Stale
from tests.processes import completed
from tests.web.test_app import NOWHERE, Web, account, receiving, said
from tests.webhooks.test_doubts import stored
from tests.worker.working import until

OLD = 1_777_472_458
HERE = account().id


class Counted(Connections):
    """Connections that count how often they are used."""

    times = 0

    async def run(self, work: Callable[[Connection], Awaitable[Any]], *, seconds: float) -> Any:
        self.times += 1
        return await super().run(work, seconds=seconds)


def stale(raw: bytes, *, callback_for: str | None = None, mac: bytes | None = None) -> Stale:
    return Stale(HERE, callback_for, raw, raw if mac is None else mac, 400.0)


@pytest.fixture
async def web(receiver_database: str) -> AsyncIterator[Web]:
    async with receiving(receiver_database) as receiver:
        yield receiver


@pytest.fixture
async def connections(receiver_database: str) -> AsyncIterator[Counted]:
    found = Counted(receiver_database)
    yield found
    found.close()


async def test_what_is_refused_is_answered_as_ever_and_written_down_by_an_organ(web: Web, db: Pool) -> None:
    forged = await web.deliver(completed("evt_1", 7), secret=b"another", at=OLD)
    old = [await web.deliver(completed("evt_1", 7), at=OLD) for _ in range(2)]
    assert [said(answer) for answer in (forged, *old)] == [(401, "invalid_signature")] * 3
    assert len({answer.content for answer in (forged, *old)}) == 1
    assert len({tuple(answer.headers.items()) for answer in (forged, *old)}) == 1
    assert await stored(db) == []
    async with web.receiver.organs:
        await until(lambda: stored(db))
    assert await stored(db) == [("7", "evt_1", 2)]
    (taken,) = await doubts.take(db, [HERE], 9)
    assert taken.account == HERE
    assert await db.fetchval("select count(*) from receiver.events") == 0


async def test_where_old_signatures_are_accepted_the_delivery_is_stored_once(receiver_database: str) -> None:
    async with receiving(receiver_database, accepts_old=True) as web:
        answers = [await web.deliver(completed("evt_1", 7), at=OLD) for _ in range(2)]
        ahead = await web.deliver(completed("evt_2", 7), at=4 * OLD)
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [
        (200, "stored"), (200, "duplicate"),
    ]  # fmt: skip
    assert said(ahead) == (401, "invalid_signature")


async def test_what_no_secret_proves_is_not_written_down(web: Web, db: Pool) -> None:
    web.receiver.keyring.hurry()
    for number in range(5):
        assert said(await web.deliver(completed(f"evt_{number}", 7), secret=b"another", at=OLD))[0] == 401
        web.receiver.keyring.hurry()  # a bad signature waits for a reading
    await web.deliver(completed("evt_old", 7), at=OLD)
    async with web.receiver.organs:
        await until(lambda: stored(db))
    assert await stored(db) == [("7", "evt_old", 1)]


async def test_a_thousand_equal_ones_are_kept_once_and_written_in_one_transaction(
    connections: Counted, db: Pool
) -> None:
    doubting = Doubting(connections, seconds=60)
    for _ in range(1000):
        doubting.doubt(stale(completed("evt_1", 7)))
    await doubting.write()
    await doubting.write()
    assert (connections.times, await stored(db)) == (1, [("7", "evt_1", 1000)])


async def test_a_flood_of_different_ones_is_bounded_and_what_is_dropped_is_said(
    connections: Counted, db: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    doubting = Doubting(connections, seconds=60)
    for number in range(10_000):
        doubting.doubt(stale(completed(f"evt_{number}", number + 1)))
    with caplog.at_level(logging.WARNING):
        await doubting.write()
    assert f"{10_000 - MOST} x too many at once" in caplog.text
    doubting.close()
    assert f"{MOST - doubts.MOST_AN_HOUR} x more than 60 new ones in an hour" in caplog.text
    assert connections.times == 1
    assert len(await stored(db)) == doubts.MOST_AN_HOUR
    doubting.doubt(stale(completed("evt_20000", 20_000)))  # and there is room again
    await db.execute("update receiver.doubts set asked_at = asked_at - interval '2 h'")
    await doubting.write()
    assert len(await stored(db)) == doubts.MOST_AN_HOUR + 1


async def test_large_bodies_fill_it_sooner_and_small_ones_find_the_rest(connections: Counted, db: Pool) -> None:
    doubting = Doubting(connections, seconds=60)
    large = [completed(f"evt_{number}", 7)[:-1] + b" " * (MOST_BYTES // 4 - 200) + b"}" for number in range(6)]
    for raw in large:
        doubting.doubt(stale(raw))
    doubting.doubt(stale(completed("evt_small", 8)))
    await doubting.write()
    assert await stored(db) == [("7", "evt_3", 4), ("8", "evt_small", 1)]


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff", b"[" * 100_000, b'{"id": "evt_1", "event": "webhook.test", "data": {}}']
)
async def test_what_announces_nothing_about_a_transcription_is_left_out(
    raw: bytes, connections: Counted, db: Pool
) -> None:
    doubting = Doubting(connections, seconds=60)
    doubting.doubt(stale(raw))
    await doubting.write()
    assert connections.times == 0
    doubting.doubt(stale(raw))
    doubting.doubt(stale(completed("evt_2", 7)))
    await doubting.write()
    assert await stored(db) == [("7", "evt_2", 1)]


async def test_a_callback_raises_doubts_about_its_own_transcription_only(connections: Counted, db: Pool) -> None:
    doubting = Doubting(connections, seconds=60)
    doubting.doubt(stale(completed("evt_1", 7), callback_for="7"))
    doubting.doubt(stale(completed("evt_1", 8), callback_for="7"))
    await doubting.write()
    assert await stored(db) == [("7", "evt_1", 1)]


async def test_what_another_process_is_in_the_way_of_is_written_the_next_time(connections: Counted, db: Pool) -> None:
    doubting = Doubting(connections, seconds=60)
    doubting.doubt(stale(completed("evt_1", 7)), times=3)
    async with db.acquire() as other, other.transaction():
        await other.execute("select pg_advisory_xact_lock(hashtextextended('receiver.doubts', 0))")
        await doubting.write()
    assert await stored(db) == []
    doubting.doubt(stale(completed("evt_1", 7)))
    await doubting.write()
    assert await stored(db) == [("7", "evt_1", 4)]


async def test_nothing_is_kept_while_the_database_is_away(caplog: pytest.LogCaptureFixture) -> None:
    away = Counted(NOWHERE)
    doubting = Doubting(away, seconds=60)
    doubting.doubt(stale(completed("evt_1", 7)))
    with caplog.at_level(logging.WARNING):
        await doubting.write()
    assert "1 x not written down" in caplog.text
    await doubting.write()
    assert away.times == 1
    away.close()


async def test_the_organ_writes_what_comes_together_at_once_and_removes_what_is_old(
    connections: Counted, db: Pool
) -> None:
    doubting = Doubting(connections, seconds=60, between=3600)
    doubting.doubt(stale(completed("evt_1", 7)))
    await doubting.write()
    await db.execute("update receiver.doubts set last_seen_at = now() - interval '31 days'")
    for number in range(8, 12):
        doubting.doubt(stale(completed(f"evt_{number}", number)))
    keeping = asyncio.create_task(doubting.keep())

    async def four() -> bool:
        return len(await stored(db)) == 4

    await until(four)
    keeping.cancel()
    assert connections.times == 3  # the first one, the removal, and the four

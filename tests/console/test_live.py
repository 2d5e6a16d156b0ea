"""Open pages are told that something has changed: soon, not too often, and never more than they read."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from receiver.console.live import CHANGED, RETRY, Changes
from receiver.database import Pool
from receiver.inbox import jobs

NEVER = 3600.0


async def begun(changes: Changes) -> AsyncIterator[bytes]:
    stream = changes.stream("x")
    assert await anext(stream) == RETRY
    return stream


async def test_a_stored_delivery_tells_every_page(db: Pool, receiver_database: str) -> None:
    changes = Changes(receiver_database, between=0.0, every=NEVER)
    watching = asyncio.create_task(changes.watch())
    streams = [await begun(changes) for _ in range(3)]
    assert [await anext(stream) for stream in streams] == [CHANGED] * 3, "listening has begun"
    told = [asyncio.ensure_future(anext(stream)) for stream in streams]
    await jobs.nudge(db)
    assert [await one for one in told] == [CHANGED] * 3
    watching.cancel()
    await asyncio.wait({watching})


async def test_what_is_not_notified_is_told_after_a_while() -> None:
    changes = Changes("postgresql://127.0.0.1:1/nobody", between=0.0, every=0.01)
    watching = asyncio.create_task(changes.watch())
    stream = await begun(changes)
    assert [await anext(stream) for _ in range(3)] == [CHANGED] * 3
    watching.cancel()
    await asyncio.wait({watching})


async def test_a_page_that_does_not_read_misses_nothing_and_keeps_nothing() -> None:
    changes = Changes("", every=NEVER)
    stream, slow = await begun(changes), await begun(changes)
    for _ in range(1000):
        changes._tell()  # noqa: SLF001 - what `watch` does
        assert await anext(stream) == CHANGED
    assert await anext(slow) == CHANGED
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(slow), timeout=0.01)


async def test_streams_end_with_the_console_and_with_their_time() -> None:
    changes = Changes("", every=NEVER, longest=0.0, most=2)
    old = await begun(changes)
    with pytest.raises(StopAsyncIteration):
        await anext(old)
    changes = Changes("", every=NEVER, most=2)
    streams = [await begun(changes), await begun(changes)]
    assert changes.is_full("x")
    assert changes.is_full("y")
    waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
    await asyncio.sleep(0)
    changes.end()
    assert [type(one) for one in await asyncio.gather(*waiting, return_exceptions=True)] == [StopAsyncIteration] * 2
    assert not changes.is_full("x")


async def test_one_person_cannot_take_every_stream() -> None:
    changes = Changes("", every=NEVER, most=10, each=2)
    streams = [await begun(changes), await begun(changes)]
    assert changes.is_full("x")
    assert not changes.is_full("y")
    await streams[0].aclose()  # type: ignore[attr-defined]  # it is a generator
    assert not changes.is_full("x")

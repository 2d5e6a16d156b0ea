"""What pages do at once is bounded: the database has few connections, and deliveries need theirs."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from receiver.console.state import ACTS, STREAMS, UPLOADS, Console, NotBegunError
from receiver.database import Connection, Pool
from receiver.errors import StoreBusyError
from tests.console.asked import Asked


async def endless(db: Connection) -> AsyncIterator[int]:
    while True:
        yield await db.fetchval("select 1")


@pytest.fixture
def console(asked: Asked) -> Console:
    return Console(asked.configured, asked.console.url, {}, port=1, seconds=0.5)


async def test_who_reads_slowly_uses_up_no_connections(console: Console) -> None:
    slow = [console.stream(endless) for _ in range(STREAMS)]
    assert [await anext(one) for one in slow] == [1] * STREAMS
    with pytest.raises(StoreBusyError):
        await anext(console.stream(endless))
    await slow[0].aclose()  # type: ignore[attr-defined]  # it is a generator
    again = console.stream(endless)
    assert await anext(again) == 1
    for one in (*slow[1:], again):
        await one.aclose()  # type: ignore[attr-defined]  # it is a generator
    console.close()


async def one(_: Pool) -> int:
    return 1


async def test_an_upload_waits_for_its_turn_and_keeps_nobody_from_acting(console: Console) -> None:
    let = asyncio.Event()

    async def work(_: Pool) -> int:
        await let.wait()
        return 1

    uploading = [asyncio.create_task(console.upload(work)) for _ in range(UPLOADS)]
    await asyncio.sleep(0)
    waiting = asyncio.create_task(console.upload(one))
    assert await console.act(one) == 1
    await asyncio.wait({waiting}, timeout=0.6)  # longer than an act waits
    assert not waiting.done()
    let.set()
    assert await asyncio.gather(*uploading, waiting) == [1] * (UPLOADS + 1)
    console.close()


async def test_so_much_is_done_at_once_and_no_more(console: Console) -> None:
    let = asyncio.Event()

    async def work(_: Pool) -> int:
        await let.wait()
        return 1

    doing = [asyncio.create_task(console.act(work)) for _ in range(ACTS)]
    await asyncio.sleep(0)
    with pytest.raises(NotBegunError, match="Nothing was done; try again"):
        await console.act(work)
    assert await console.upload(one) == 1, "uploads have turns of their own"
    let.set()
    assert await asyncio.gather(*doing) == [1] * ACTS
    assert await console.act(work) == 1
    console.close()

"""Work in batches: who waits goes into the next statement, and nobody's end is another's."""

import asyncio
from collections.abc import Sequence

import pytest

from receiver.database.batches import Batches
from receiver.errors import StoreBusyError, StoreRefusedError


class Statements:
    """What a batch was done with; each statement ends when it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.ends: list[asyncio.Future[None]] = []

    async def do(self, items: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(items))
        self.ends.append(asyncio.get_running_loop().create_future())
        await self.ends[-1]
        return [StoreRefusedError(str(item)) if item < 0 else item * 10 for item in items]


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_lone_item_waits_for_nobody() -> None:
    statements = Statements()
    result = Batches(statements.do, most=32, at_once=2).add(1)
    await settled()
    assert statements.batches == [[1]]
    statements.ends[0].set_result(None)
    assert await result == 10


async def test_what_waits_while_statements_are_under_way_goes_into_the_next_one() -> None:
    statements = Statements()
    batches = Batches(statements.do, most=3, at_once=2)
    results = []
    for item in range(9):
        results.append(batches.add(item))
        if item < 2:
            await settled()
    await settled()
    assert statements.batches == [[0], [1]], "two statements are under way, and no third"
    for number in range(5):
        if number < len(statements.ends):
            statements.ends[number].set_result(None)
            await settled()
    assert statements.batches == [[0], [1], [2, 3, 4], [5, 6, 7], [8]]
    assert [await result for result in results] == [item * 10 for item in range(9)]


async def test_each_item_has_its_own_result_or_refusal() -> None:
    statements = Statements()
    batches = Batches(statements.do, most=32, at_once=1)
    good, bad = batches.add(1), batches.add(-1)
    await settled()
    statements.ends[0].set_result(None)
    with pytest.raises(StoreRefusedError):
        await bad
    assert await good == 10


async def test_a_statement_that_fails_fails_all_its_items_and_the_next_one_goes_on() -> None:
    async def do(items: Sequence[int]) -> list[int]:
        if 1 in items:
            raise ConnectionError("gone")
        return list(items)

    batches = Batches(do, most=2, at_once=1)
    results = [batches.add(item) for item in (1, 2, 3)]
    assert [type(one) for one in await asyncio.gather(*results, return_exceptions=True)] == [
        ConnectionError, ConnectionError, int,
    ]  # fmt: skip


async def test_an_item_that_is_cancelled_while_it_waits_is_left_out_and_harms_no_other() -> None:
    statements = Statements()
    batches = Batches(statements.do, most=32, at_once=1)
    first = batches.add(0)
    await settled()
    gone, stays = batches.add(1), batches.add(2)
    gone.cancel()
    statements.ends[0].set_result(None)
    await settled()
    assert statements.batches[1] == [2]
    statements.ends[1].set_result(None)
    assert (await first, await stays) == (0, 20)


async def test_an_item_that_is_cancelled_while_its_statement_runs_harms_no_other() -> None:
    statements = Statements()
    batches = Batches(statements.do, most=32, at_once=1)
    gone, stays = batches.add(1), batches.add(2)
    await settled()
    gone.cancel()
    statements.ends[0].set_result(None)
    assert await stays == 20
    after = batches.add(3)
    await settled()
    statements.ends[1].set_result(None)
    assert await after == 30


async def test_the_deadline_of_an_item_holds_while_statements_hang() -> None:
    statements = Statements()
    batches = Batches(statements.do, most=32, at_once=1)
    running = batches.add(1, seconds=0.01)
    await settled()
    waiting = batches.add(2, seconds=0.01)
    for result in (running, waiting):
        with pytest.raises(StoreBusyError):
            await result
    statements.ends[0].set_result(None)
    after = batches.add(3)
    await settled()
    assert statements.batches == [[1], [3]], "who has given up is not sent"
    statements.ends[1].set_result(None)
    assert await after == 30

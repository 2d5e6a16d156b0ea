"""`receiver.server.turns`: a few turns in each round of the loop, known clients first, and no client is starved."""

import asyncio
from functools import partial

import pytest

from receiver.server.bounds import SERVICE
from receiver.server.turns import EACH, Rank, Turns

AT_ONCE = SERVICE.turns


def stand(line: Turns, went: list[str], rank: Rank, count: int) -> None:
    for number in range(count):
        line.take(partial(went.append, f"{rank.name} {number}"), rank)


async def rounds(went: list[str], count: int) -> list[list[str]]:
    """Return which turns were called in each of the loop's next rounds."""
    seen = []
    for _ in range(count):
        before = len(went)
        await asyncio.sleep(0)
        seen.append(went[before:])
    return seen


async def test_who_finds_nobody_goes_at_once() -> None:
    line, went = Turns(at_once=AT_ONCE), list[str]()
    for _ in range(3):
        stand(line, went, Rank.OTHER, AT_ONCE)
        assert len(went) == AT_ONCE
        went.clear()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_a_crowd_goes_in_the_order_in_which_it_came_a_few_at_each_round() -> None:
    line, went = Turns(at_once=AT_ONCE), list[str]()
    stand(line, went, Rank.NEW, 5 * AT_ONCE)
    assert len(went) == AT_ONCE
    assert max(map(len, await rounds(went, 8))) == AT_ONCE
    assert went == [f"NEW {number}" for number in range(5 * AT_ONCE)]


async def test_the_known_go_before_the_new_and_the_new_before_the_others() -> None:
    line, went = Turns(at_once=AT_ONCE), list[str]()
    stand(line, [], Rank.KNOWN, AT_ONCE)  # this round is full
    for rank in reversed(Rank):
        stand(line, went, rank, 2 * AT_ONCE)
    await rounds(went, 20)
    last = {rank: max(at for at, who in enumerate(went) if who.startswith(rank.name)) for rank in Rank}
    assert len(went) == 6 * AT_ONCE
    assert last[Rank.KNOWN] < last[Rank.NEW] < last[Rank.OTHER]


async def test_a_crowd_that_does_not_end_keeps_no_rank_out() -> None:
    line, went = Turns(at_once=AT_ONCE), list[str]()

    def again() -> None:
        line.take(again, Rank.KNOWN)

    for _ in range(3 * AT_ONCE):
        again()
    stand(line, went, Rank.OTHER, 10 * EACH)
    await rounds(went, 13)
    assert len(went) == 10 * EACH


@pytest.mark.parametrize("failing", [1, AT_ONCE * 3])
async def test_a_turn_that_fails_takes_nobody_elses(failing: int) -> None:
    line, went, failed = Turns(at_once=AT_ONCE), list[str](), list[object]()

    def fail() -> None:
        raise ArithmeticError

    asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context.get("exception")))
    stand(line, [], Rank.NEW, AT_ONCE)
    for _ in range(failing):
        line.take(fail, Rank.NEW)
    stand(line, went, Rank.NEW, 2 * AT_ONCE)
    await rounds(went, 20)
    assert len(went) == 2 * AT_ONCE
    assert [type(one) for one in failed] == [ArithmeticError] * failing

"""A dear value is made once for all who ask, and an old one is shown only as long as it may be."""

import asyncio

import pytest

from receiver.console.latest import Latest


class Maker:
    """Makes 1, 2, 3 and so on, each when it is let."""

    def __init__(self) -> None:
        self.made, self.now, self.let = 0, 0.0, asyncio.Event()
        self.let.set()

    def clock(self) -> float:
        return self.now

    async def make(self) -> int:
        await self.let.wait()
        self.made += 1
        return self.made


def latest(maker: Maker) -> Latest[int]:
    return Latest(maker.make, fresh=2.0, usable=8.0, clock=maker.clock)


async def test_all_who_ask_at_once_get_the_same() -> None:
    maker = Maker()
    value = latest(maker)
    assert {one.value for one in await asyncio.gather(*(value.get() for _ in range(10)))} == {1}
    maker.now = 1.9
    assert await value.get() == (1, 1.9)
    assert maker.made == 1


async def test_one_that_is_not_fresh_is_returned_while_the_next_is_made() -> None:
    maker = Maker()
    value = latest(maker)
    await value.get()
    maker.now = 3.0
    maker.let.clear()
    assert await value.get() == (1, 3.0)
    maker.let.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (await value.get()).value == 2


async def test_one_that_is_too_old_is_not_returned() -> None:
    maker = Maker()
    value = latest(maker)
    await value.get()
    maker.now = 8.0
    assert await value.get() == (2, 0.0)


async def test_an_error_is_for_who_waits_and_is_not_kept() -> None:
    fails = True

    async def make() -> int:
        if fails:
            raise ValueError("no")
        return 1

    value = Latest(make)
    with pytest.raises(ValueError, match="no"):
        await value.get()
    fails = False
    assert (await value.get()).value == 1

"""`receiver.database.hint`: a hint wakes the waiting task, which waits no longer than its limit."""

import asyncio

import pytest

from receiver.database.hint import Hint


async def test_what_was_given_before_is_not_waited_for_until_it_is_taken() -> None:
    hint = Hint()
    hint.give()
    hint.give()
    async with asyncio.timeout(10):
        for _ in range(2):
            await hint.within(3600)
        hint.take()
        await hint.within(0.01)
        waiting = asyncio.create_task(hint.within(3600))
        await asyncio.wait({waiting}, timeout=0.01)
        assert not waiting.done()
        hint.give()
        await waiting


@pytest.mark.parametrize("seconds", [0.01, 0, -1, float("-inf")])
async def test_nobody_waits_longer_than_it_has_said(seconds: float) -> None:
    async with asyncio.timeout(10):
        await Hint().within(seconds)


async def test_a_cancellation_at_the_moment_of_the_hint_is_heard() -> None:
    hint = Hint()
    waiting = asyncio.create_task(hint.within(3600))
    await asyncio.sleep(0)
    hint.give()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

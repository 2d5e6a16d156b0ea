"""What a handler gets from its context and never awaits is work that is not done, and no other try would do it."""

import asyncio
import re

import pytest

from receiver import Context, Event, Handler, handler
from receiver.errors import ImpossibleError
from receiver.handling.handed import MANY
from receiver.testing import Scratch


async def forgetful(_: Event, ctx: Context) -> None:
    ctx.transcript()  # type: ignore[unused-coroutine]


def plain(_: Event, ctx: Context) -> None:
    ctx.artifacts()  # type: ignore[unused-coroutine]


async def not_begun(_: Event, ctx: Context) -> None:
    asyncio.create_task(ctx.timestamps("youtube"))  # noqa: RUF006 - that is the mistake


async def forgetful_before_many(_: Event, ctx: Context) -> None:
    ctx.transcript()  # type: ignore[unused-coroutine]
    for _number in range(2 * MANY):
        await ctx.artifacts()


async def diligent(_: Event, ctx: Context) -> None:
    assert await ctx.artifacts() == []
    assert (await asyncio.gather(ctx.transcript(), ctx.artifacts()))[1] == []


def diligent_in_a_thread(_: Event, ctx: Context) -> None:
    assert ctx.wait(ctx.artifacts()) == []


async def failing(_: Event, ctx: Context) -> None:
    ctx.transcript().close()
    raise ValueError("its own error")


def made(function: object) -> Handler:
    return handler("transcription.completed", name="mine")(function)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "called"),
    [(forgetful, "transcript"), (plain, "artifacts"), (not_begun, "timestamps"), (forgetful_before_many, "transcript")],
)
async def test_what_is_not_awaited_is_refused_with_what_to_write(
    receiver_scratch: Scratch, function: object, called: str
) -> None:
    mine = made(function)
    event, ctx = await receiver_scratch.claim(mine)
    said = f"mine called ctx.{called}() and did not await it: write `await ctx.{called}(…)`, or `ctx.wait("
    with pytest.raises(ImpossibleError, match=f"^{re.escape(said)}"):
        await mine(event, ctx)


@pytest.mark.parametrize("function", [diligent, diligent_in_a_thread])
async def test_what_is_awaited_is_well(receiver_scratch: Scratch, function: object) -> None:
    mine = made(function)
    await mine(*await receiver_scratch.claim(mine))


async def test_an_error_of_the_handler_itself_decides(receiver_scratch: Scratch) -> None:
    mine = made(failing)
    with pytest.raises(ValueError, match="its own error"):
        await mine(*await receiver_scratch.claim(mine))

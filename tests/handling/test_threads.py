"""Plain `def` handlers: they run beside the event loop, use it through `ctx.wait`, and delay nothing."""

import asyncio
import functools
import threading
from typing import Any

import pytest

from receiver import Context, Event, LeaseLostError, RetryPolicy, handler
from receiver.testing import Scratch
from receiver.worker import attempt
from receiver.worker.attempt import LeftBehind
from tests.processes import until
from tests.worker.working import deliver, made, stored, until_ended, working


async def test_a_plain_function_runs_in_a_thread_of_its_own_and_may_block(receiver_scratch: Scratch) -> None:
    """The two wait for each other, so in one thread they would never end; the event loop goes on meanwhile."""
    meeting = threading.Barrier(2, timeout=20)

    def meets(_: Event, __: Context) -> None:
        assert threading.current_thread() is not threading.main_thread()
        meeting.wait()

    one, other = made("one", meets), made("other", meets)
    await deliver(receiver_scratch, "evt_1", one, other)
    async with working(receiver_scratch, one, other):
        await until_ended(receiver_scratch)
    assert {job.attempt for job in (await stored(receiver_scratch)).values()} == {1}


async def test_a_plain_function_waits_for_what_is_asynchronous(receiver_scratch: Scratch) -> None:
    await receiver_scratch.db.execute("create table effects (title text)")

    @handler("transcription.completed")
    def keeping(_: Event, ctx: Context) -> None:
        transcript = ctx.wait(ctx.transcript())
        ctx.wait(keep(ctx, transcript.segments[0].text))

    async def keep(ctx: Context, text: str) -> None:
        async with ctx.completing() as tx:
            await tx.execute("insert into effects values ($1)", text)

    event, ctx = await receiver_scratch.claim(keeping)
    assert await attempt.run(keeping, event, ctx, left_behind=LeftBehind()) is None
    assert await receiver_scratch.state(event) == "done"
    (kept,) = await receiver_scratch.db.fetch("select * from effects")
    assert kept["title"] == (await ctx.transcript()).segments[0].text


async def test_what_a_plain_function_raises_decides(receiver_scratch: Scratch) -> None:
    raised: list[BaseException] = [ValueError("no"), SystemExit(3), KeyboardInterrupt(), StopAsyncIteration()]

    def raising(_: Event, __: Context) -> None:
        raise raised[0]

    made_of_it = handler("webhook.test")(raising)
    while raised:
        event, ctx = await receiver_scratch.claim(made_of_it)
        assert await attempt.run(made_of_it, event, ctx, left_behind=LeftBehind()) is raised[0]
        raised.pop(0)


async def test_what_a_plain_function_returns_to_be_awaited_is_awaited_on_the_loop(receiver_scratch: Scratch) -> None:
    """A plain decorator of an `async def` returns such; otherwise the job would be done without its work."""
    loop, ran, error = asyncio.get_running_loop(), [], ValueError("its own")

    async def works(_: Event, __: Context) -> None:
        ran.append(asyncio.get_running_loop())
        raise error

    @functools.wraps(works)
    def wrapper(*given: Any) -> Any:
        return works(*given)

    wrapped = handler("webhook.test")(wrapper)
    event, ctx = await receiver_scratch.claim(wrapped)
    assert await attempt.run(wrapped, event, ctx, left_behind=LeftBehind()) is error
    assert ran == [loop]


async def test_an_async_function_is_told_to_await(receiver_scratch: Scratch) -> None:
    """Waiting there would stop the loop that it waits for."""

    @handler("webhook.test")
    async def waiting(_: Event, ctx: Context) -> None:
        ctx.wait(ctx.transcript())

    event, ctx = await receiver_scratch.claim(waiting)
    error = await attempt.run(waiting, event, ctx, left_behind=LeftBehind())
    assert isinstance(error, TypeError)


async def test_a_plain_function_whose_time_is_over_gets_no_further(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    """A function that waits on the loop is stopped at once; any other goes on until it next waits."""
    go_on, told = threading.Event(), []

    def waits(_: Event, ctx: Context) -> None:
        try:
            ctx.wait(asyncio.sleep(100))
        except LeaseLostError as exc:
            told.append(str(exc))

    def blocks(_: Event, ctx: Context) -> None:
        go_on.wait(60)
        try:
            ctx.wait(asyncio.sleep(100))
        except LeaseLostError as exc:
            told.append(str(exc))

    for function, left_behind in ((waits, False), (blocks, True)):
        caplog.clear()
        slow = handler("webhook.test", timeout=0.1)(function)
        event, ctx = await receiver_scratch.claim(slow)
        error = await attempt.run(slow, event, ctx, grace=0.05 if left_behind else 60, left_behind=LeftBehind())
        assert isinstance(error, TimeoutError)
        assert ("the worker goes on without it" in caplog.text) == left_behind
    go_on.set()
    await asyncio.to_thread(until, lambda: len(told) == 2, "both are told")
    assert told == ["this attempt is over"] * 2


async def test_a_plain_function_that_is_left_behind_holds_up_neither_its_retry_nor_others(
    receiver_scratch: Scratch,
) -> None:
    go_on = threading.Event()

    def blocks_at_first(_: Event, ctx: Context) -> None:
        if ctx.attempt == 1:
            go_on.wait(60)

    # Many tries: on a busy machine a try can exceed the timeout.
    at_once = RetryPolicy(attempts=1000, first=RetryPolicy().first * 0)
    blocking = handler("*", name="blocking", timeout=0.1, retry=at_once)(blocks_at_first)
    quick = made("quick", lambda _event, _ctx: None)
    await deliver(receiver_scratch, "evt_1", blocking, quick)
    async with working(receiver_scratch, blocking, quick, count=1, grace=0.05):
        await until_ended(receiver_scratch)
        assert not go_on.is_set()
        go_on.set()
    found = await stored(receiver_scratch)
    assert (found["blocking"].attempt > 1, found["quick"].attempt) == (True, 1)

"""`handling.returned`: a handler returns nothing, and any other result is not taken for done work."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from receiver import Context, Event, GiveUp, Handler, Retry, RetryPolicy, handler
from receiver.inbox.retry import Dead, Outcome, decide
from receiver.testing import Scratch
from receiver.worker import attempt
from receiver.worker.attempt import LeftBehind


async def other(_event: Event, _ctx: Context) -> None:
    """Do the work."""
    raise AssertionError("nobody awaits this")


class Lazy:
    """Do work that begins when it is awaited."""

    def __await__(self) -> Iterator[None]:
        raise AssertionError("nobody awaits this")


def numbers() -> Iterator[int]:
    yield 1


async def numbers_later() -> AsyncIterator[int]:
    yield 1


async def outcome(scratch: Scratch, name: str, returns: Callable[[Event, Context], Any]) -> Outcome:
    async def function(event: Event, ctx: Context) -> None:
        return returns(event, ctx)  # type: ignore[no-any-return] # which is the mistake

    made: Handler = handler("webhook.test", name=name)(function)
    event, ctx = await scratch.claim(made)
    return decide(RetryPolicy(), 1, await attempt.run(made, event, ctx, left_behind=LeftBehind()), jitter=0)


AWAIT = "that was not awaited: write `await` in front of the call that returns it"
YIELDED = "h returned a generator, so the generator did not run: a handler does not yield"
LOST: dict[str, tuple[Callable[[Event, Context], Any], str]] = {
    "a coroutine": (other, f"h returned a coroutine {AWAIT}"),
    "an awaitable": (lambda *_: Lazy(), f"h returned a Lazy {AWAIT}"),
    "a generator": (lambda *_: numbers(), YIELDED),
    "an asynchronous generator": (lambda *_: numbers_later(), YIELDED),
    "an error": (lambda *_: ValueError("no"), "h returned an error instead of raising it: ValueError: no"),
    "a verdict": (lambda *_: GiveUp("no account"), "h returned an error instead of raising it: no account"),
    "another verdict": (
        lambda *_: Retry("later", after=timedelta(minutes=1)), "h returned an error instead of raising it: later",
    ),
    "a kind of error": (lambda *_: GiveUp, "h returned an error instead of raising it: GiveUp"),
}  # fmt: skip


@pytest.mark.parametrize("what", LOST)
async def test_a_handler_that_returns_it_is_dead_and_says_why(receiver_scratch: Scratch, what: str) -> None:
    """Otherwise its job would count as done without its work."""
    returns, said = LOST[what]
    assert await outcome(receiver_scratch, "h", returns) == Dead(said)


async def test_a_task_that_is_returned_does_not_go_on(receiver_scratch: Scratch) -> None:
    tasks = []

    def begins(*_: object) -> object:
        tasks.append(asyncio.create_task(asyncio.sleep(100)))
        return tasks[0]

    assert await outcome(receiver_scratch, "h", begins) == Dead(f"h returned a Task {AWAIT}")
    await asyncio.wait(tasks)
    assert tasks[0].cancelled()


async def test_any_other_result_is_done_and_said_once_without_showing_it(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    async def answers(_event: Event, _ctx: Context) -> Any:
        return {"password": "sesame"}

    made = handler("webhook.test", name="answers_something")(answers)
    event, ctx = await receiver_scratch.claim(made)
    with caplog.at_level(logging.WARNING):
        assert [await attempt.run(made, event, ctx, left_behind=LeftBehind()) for _ in range(2)] == [None, None]
    said = [record.getMessage() for record in caplog.records]
    assert said == ["answers_something returned a dict, which is ignored: a handler should return None"]

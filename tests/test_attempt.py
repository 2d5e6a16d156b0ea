"""`receiver.worker.attempt`: whatever a stranger's function does, the attempt ends and says how."""

import asyncio
import io
import logging
from dataclasses import replace

import pytest

from receiver import Context, Event, GiveUp, handler
from receiver.logs import TextFormatter
from receiver.testing import Scratch
from receiver.worker import attempt


@handler("webhook.test", timeout=20)
async def example(event: Event, ctx: Context) -> None:
    """Do nothing."""


class Strange(BaseException):
    """Not even an Exception."""


async def test_an_attempt_returns_what_the_handler_raised_and_none_where_it_returned(receiver_scratch: Scratch) -> None:
    """A SystemExit that got out would end the loop and with it every other job."""
    event, ctx = await receiver_scratch.claim(example)
    assert await attempt.run(example, event, ctx) is None
    for error in (
        ValueError("no"), GiveUp("no"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit(),
        StopAsyncIteration(), Strange("no"), TimeoutError("its own"), ExceptionGroup("two", [ValueError(), OSError()]),
    ):  # fmt: skip

        async def raising(_event: Event, _ctx: Context, error: BaseException = error) -> None:
            await asyncio.sleep(0)
            raise error

        assert await attempt.run(replace(example, function=raising), event, ctx) is error


async def test_a_handler_gets_the_event_and_the_context(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(example)
    got: list[object] = []

    async def noting(*given: object) -> None:
        got.extend(given)

    await attempt.run(replace(example, function=noting), event, ctx)
    assert got == [event, ctx]


async def test_a_handler_that_does_not_end_in_time_is_stopped_and_that_is_its_error(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(example)
    stopped = asyncio.Event()

    async def slow(_event: Event, _ctx: Context) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            stopped.set()

    async with asyncio.timeout(10):
        error = await attempt.run(replace(example, function=slow, timeout=0.05), event, ctx)
    assert isinstance(error, TimeoutError)
    assert str(error) == "it did not end within 0.05 s"
    assert stopped.is_set()


async def test_a_handler_may_clean_up_when_it_is_stopped(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "GRACE_SECONDS", 60)
    event, ctx = await receiver_scratch.claim(example)
    cleaned = []

    async def careful(_event: Event, _ctx: Context) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append("up")

    async with asyncio.timeout(10):
        error = await attempt.run(replace(example, function=careful, timeout=0.05), event, ctx)
    assert isinstance(error, TimeoutError)
    assert cleaned == ["up"]
    assert "left behind" not in caplog.text


async def test_a_handler_that_cannot_be_stopped_is_left_behind_and_reported(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "GRACE_SECONDS", 0.05)
    event, ctx = await receiver_scratch.claim(example)
    let_go, ended = asyncio.Event(), asyncio.Event()

    async def stubborn(_event: Event, _ctx: Context) -> None:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        ended.set()

    try:
        async with asyncio.timeout(10):
            with caplog.at_level(logging.ERROR):
                error = await attempt.run(replace(example, function=stubborn, timeout=0.05), event, ctx)
        assert isinstance(error, TimeoutError)
        assert "example goes on although it was cancelled; it is left behind" in caplog.text
        assert not ended.is_set()
    finally:
        let_go.set()
    await asyncio.wait_for(ended.wait(), 10)


async def test_cancelling_an_attempt_stops_its_handler_and_waits_for_it(
    receiver_scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "GRACE_SECONDS", 60)
    event, ctx = await receiver_scratch.claim(example)
    begun, cleaned = asyncio.Event(), []

    async def slow(_event: Event, _ctx: Context) -> None:
        begun.set()
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append("up")

    running = asyncio.create_task(attempt.run(replace(example, function=slow), event, ctx))
    async with asyncio.timeout(10):
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert cleaned == ["up"]


def test_a_handlers_log_lines_name_the_event_whatever_it_is_called() -> None:
    """An id may hold what formatting would read as an order, such as a field of 700 MB."""
    written = io.StringIO()
    output = logging.StreamHandler(written)
    output.setFormatter(TextFormatter())
    logger = logging.getLogger("handlers.example")
    logger.addHandler(output)
    logger.setLevel(logging.INFO)
    try:
        attempt.EventLog(logger, {"event": "transcribe.so/evt_%700000000s_%d"}).info("stored %d", 3)
    finally:
        logger.removeHandler(output)
    assert written.getvalue().endswith("info handlers.example: transcribe.so/evt_%700000000s_%d: stored 3\n")

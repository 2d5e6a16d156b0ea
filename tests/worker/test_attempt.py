"""`receiver.worker.attempt`: an attempt ends and reports its outcome, whatever the user's function does."""

import asyncio
import io
import logging
import time
from dataclasses import replace
from typing import Any

import pytest

from receiver import Context, Event, GiveUp, handler
from receiver.logs import FIELDS, SHOWN
from receiver.logs.lines import TextFormatter
from receiver.testing import Scratch
from receiver.worker import attempt
from receiver.worker.attempt import LeftBehind


@handler("webhook.test", timeout=20)
async def example(event: Event, ctx: Context) -> None:
    """Do nothing."""


class Strange(BaseException):
    """Not even an Exception."""


async def test_an_attempt_returns_what_the_handler_raised_and_none_where_it_returned(receiver_scratch: Scratch) -> None:
    """A SystemExit that got out would end the loop and with it every other job."""
    event, ctx = await receiver_scratch.claim(example)
    assert await attempt.run(example, event, ctx, left_behind=LeftBehind()) is None
    for error in (
        ValueError("no"), GiveUp("no"), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit(),
        StopAsyncIteration(), Strange("no"), TimeoutError("its own"), ExceptionGroup("two", [ValueError(), OSError()]),
    ):  # fmt: skip

        async def raising(_event: Event, _ctx: Context, error: BaseException = error) -> None:
            await asyncio.sleep(0)
            raise error

        assert await attempt.run(replace(example, function=raising), event, ctx, left_behind=LeftBehind()) is error


async def test_a_handler_gets_the_event_and_the_context(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(example)
    got: list[object] = []

    async def noting(*given: object) -> None:
        got.extend(given)

    await attempt.run(replace(example, function=noting), event, ctx, left_behind=LeftBehind())
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
        error = await attempt.run(replace(example, function=slow, timeout=0.05), event, ctx, left_behind=LeftBehind())
    assert isinstance(error, TimeoutError)
    assert str(error) == "it did not end within 0.05 s"
    assert stopped.is_set()


async def test_a_handler_may_clean_up_when_it_is_stopped(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    event, ctx = await receiver_scratch.claim(example)
    cleaned = []

    async def careful(_event: Event, _ctx: Context) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append("up")

    async with asyncio.timeout(10):
        error = await attempt.run(
            replace(example, function=careful, timeout=0.05), event, ctx, grace=60, left_behind=LeftBehind()
        )
    assert isinstance(error, TimeoutError)
    assert cleaned == ["up"]
    assert "goes on without it" not in caplog.text


async def test_a_handler_that_cannot_be_stopped_is_left_behind_and_reported(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    event, ctx = await receiver_scratch.claim(example)
    let_go, ended, left_behind = asyncio.Event(), asyncio.Event(), LeftBehind(most=1)

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
                slow = replace(example, function=stubborn, timeout=0.05)
                error = await attempt.run(slow, event, ctx, left_behind=left_behind, grace=0.05)
        assert isinstance(error, TimeoutError)
        assert "example keeps running after it was cancelled; the worker goes on without it" in caplog.text
        assert not ended.is_set()
        assert left_behind.are_too_many
    finally:
        let_go.set()
    async with asyncio.timeout(10):
        await ended.wait()
        while left_behind.are_too_many:  # noqa: ASYNC110 - its task ends a round of the loop after its function
            await asyncio.sleep(0)


@pytest.mark.parametrize("ending", ["returns", "raises", "goes on"])
async def test_an_async_handler_that_blocks_past_its_timeout_is_told(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture, ending: str
) -> None:
    """The timeout could not stop the handler, and other jobs waited. The handler's own outcome still counts."""
    event, ctx = await receiver_scratch.claim(example)

    async def blocks(_event: Event, _ctx: Context) -> None:
        await asyncio.sleep(0)
        time.sleep(0.1)  # noqa: ASYNC251 - the mistake
        if ending == "raises":
            raise ValueError("no")
        if ending == "goes on":
            await asyncio.sleep(100)

    async with asyncio.timeout(60):
        error = await attempt.run(replace(example, function=blocks, timeout=0.02), event, ctx, left_behind=LeftBehind())
    assert type(error) is {"returns": type(None), "raises": ValueError, "goes on": TimeoutError}[ending]
    said = [record.getMessage() for record in caplog.records if "blocked its worker" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("example blocked its worker for ")
    assert said[0].endswith(" s, longer than its timeout of 0.02 s: an `async def` must not block; write a plain `def`")


async def test_who_waits_for_a_neighbour_that_blocks_is_not_blamed(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    event, ctx = await receiver_scratch.claim(example)
    begun, blocked = asyncio.Event(), asyncio.Event()

    async def waits(_event: Event, _ctx: Context) -> None:
        begun.set()
        await blocked.wait()

    patient = replace(example, function=waits, timeout=0.05)
    running = asyncio.create_task(attempt.run(patient, event, ctx, left_behind=LeftBehind()))
    await begun.wait()
    blocked.set()
    time.sleep(0.1)  # noqa: ASYNC251 - the neighbour
    await asyncio.wait_for(running, 60)
    assert "blocked its worker" not in caplog.text


async def test_cancelling_an_attempt_stops_its_handler_and_waits_for_it(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(example)
    begun, cleaned = asyncio.Event(), []

    async def slow(_event: Event, _ctx: Context) -> None:
        begun.set()
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append("up")

    running = asyncio.create_task(
        attempt.run(replace(example, function=slow), event, ctx, grace=60, left_behind=LeftBehind())
    )
    async with asyncio.timeout(10):
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert cleaned == ["up"]


def test_a_handlers_log_lines_name_the_event_whatever_it_is_called() -> None:
    """An id can contain formatting characters, for example those of a field of 700 MB."""
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


LINES: dict[str, tuple[dict[str, Any], dict[str, object]]] = {
    **{name: ({"extra": {name: "mine"}}, {f"extra_{name}": "mine"}) for name in sorted(FIELDS | SHOWN)},
    "the event's": ({"extra": {"event": "mine"}}, {"extra_event": "mine", "event": "e"}),
    "its own": ({"extra": {"mine": 1}}, {"mine": 1, "event": "e"}),
    "nothing": ({"extra": None}, {"event": "e"}),
    "no names": ({"extra": ["mine"]}, {"event": "e"}),
    "what logging does not know": ({"count": 3}, {"event": "e"}),
}


@pytest.mark.parametrize("what", LINES)
def test_no_line_of_a_handlers_raises_whatever_stands_beside_it(caplog: pytest.LogCaptureFixture, what: str) -> None:
    given, fields = LINES[what]
    attempt.EventLog(logging.getLogger("handlers.example"), {"event": "e"}).warning("said", **given)
    (record,) = caplog.records
    assert vars(record).items() >= fields.items()

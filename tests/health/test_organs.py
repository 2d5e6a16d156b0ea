"""`receiver.health.organs`: no error ends an organ for good, and readiness shows those that are down."""

import asyncio
import logging
import re
from collections.abc import Callable

import pytest

from receiver.health.organs import Organs, Pauses
from tests.worker.working import until

QUICK = Pauses(first=0, longest=0)
LONG = Pauses(first=600, longest=600)


async def holds(condition: bool) -> bool:  # noqa: FBT001 - what `until` asks for
    return condition


def failing(times: int, error: Callable[[], BaseException], begun: list[int]) -> Callable[[], asyncio.Future[None]]:
    async def organ() -> None:
        begun.append(len(begun))
        if len(begun) <= times:
            raise error()
        await asyncio.Event().wait()

    return lambda: asyncio.ensure_future(organ())


@pytest.mark.parametrize(
    "error", [RuntimeError("can't start new thread"), MemoryError(), asyncio.CancelledError(), KeyError("x")], ids=repr
)
async def test_an_organ_that_fails_for_whatever_reason_starts_again(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    begun: list[int] = []
    async with Organs({"drain": failing(3, lambda: error, begun)}, pauses=QUICK) as organs:
        await until(lambda: holds(len(begun) == 4))
        assert organs.finding().holds
    assert caplog.text.count("drain ended unexpectedly; it starts again in 0 s") == 3
    assert f'File "{__file__}", line ' in caplog.text


async def test_the_finding_says_what_is_down_while_it_is() -> None:
    begun: list[int] = []
    organs = Organs({"drain": failing(1, lambda: RuntimeError("no"), begun)}, pauses=LONG)
    organs.add("keyring", failing(0, RuntimeError, []))
    async with organs:
        await until(lambda: holds(not organs.finding().holds))
        finding = organs.finding()
    assert finding.name == "organs"
    assert re.fullmatch(r"drain ended with RuntimeError \d+ s ago; it starts again", finding.seen)


async def test_a_log_that_fails_ends_no_organ(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError(28, record.name)

    monkeypatch.setattr(logging.getLogger(), "handlers", [Full()])
    begun: list[int] = []
    async with Organs({"drain": failing(1, lambda: RuntimeError("no"), begun)}, pauses=QUICK):
        await until(lambda: holds(len(begun) == 2))


async def test_pauses_grow_and_begin_anew_when_it_has_run_well(caplog: pytest.LogCaptureFixture) -> None:
    begun: list[int] = []
    growing, well = Pauses(first=0.001, longest=0.004), Pauses(first=0.001, longest=0.004, well=0)
    for pauses, last in ((growing, "0.004"), (well, "0.001")):
        caplog.clear()
        begun.clear()
        async with Organs({"drain": failing(4, lambda: RuntimeError("no"), begun)}, pauses=pauses):
            await until(lambda: holds(len(begun) == 5))
        said = [record.getMessage().split()[-2] for record in caplog.records]
        assert (said[0], said[-1]) == ("0.001", last)


async def test_what_returns_is_over_and_what_stays_is_stopped_at_the_end() -> None:
    begun, stopped = [], []

    async def once() -> None:
        begun.append("once")

    async def stays() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append("stays")

    async with Organs({"once": once, "stays": stays}, pauses=QUICK) as organs:
        await until(lambda: holds(begun == ["once"]))
        for _ in range(5):
            await asyncio.sleep(0)
        assert organs.finding().holds
    assert (begun, stopped) == (["once"], ["stays"])

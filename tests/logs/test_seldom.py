"""`receiver.logs.seldom`: a frequent line is logged at most once in a while, and every occurrence is counted."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from receiver.logs.seldom import Heard, Seldom

Said = list[list[tuple[str, int, str | None]]]


def saying(said: Said, *, seconds: float) -> Seldom:
    def say(heard: Sequence[Heard]) -> None:
        said.append([(one.what, one.count, one.by) for one in heard])

    return Seldom(say, seconds=seconds)


async def test_the_first_is_said_at_once_and_the_others_are_not() -> None:
    said: Said = []
    seldom = saying(said, seconds=3600)
    for _ in range(3):
        seldom.note("a", by="x")
    assert said == [[("a", 1, "x")]]


async def test_the_others_are_said_when_the_pause_is_over_although_no_more_come() -> None:
    said: Said = []
    seldom = saying(said, seconds=0.05)
    for what, by in (("a", "x"), ("b", "x"), ("a", "y"), ("a", "z")):
        seldom.note(what, by=by)
    async with asyncio.timeout(60):
        while len(said) < 2:  # noqa: ASYNC110 - it calls nobody but `say`
            await asyncio.sleep(0.01)
    assert said == [[("a", 1, "x")], [("a", 2, "z"), ("b", 1, "x")]]


async def test_what_comes_after_a_pause_without_any_is_said_at_once() -> None:
    said: Said = []
    seldom = saying(said, seconds=0)
    seldom.note("a")
    await asyncio.sleep(0.01)
    seldom.note("a")
    assert said == [[("a", 1, None)], [("a", 1, None)]]


async def test_at_the_end_the_rest_is_said_once() -> None:
    said: Said = []
    seldom = saying(said, seconds=3600)
    seldom.note("a")
    seldom.note("a", count=2)
    seldom.close()
    seldom.close()
    assert said == [[("a", 1, None)], [("a", 2, None)]]


async def test_a_warning_has_a_line_for_each_cause(caplog: pytest.LogCaptureFixture) -> None:
    seldom = Seldom.warning(logging.getLogger("receiver.test"), "it does not work")
    for what in ("50 % full", "away", "away"):
        seldom.note(what)
    assert caplog.messages == ["it does not work: 50 % full"]
    seldom.close()
    assert caplog.messages == ["it does not work: 50 % full", "it does not work: away"]

"""`receiver.cli.up.line`: a process that stops beating is silent; a process that sleeps while we sleep is not."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace

import pytest

from receiver.cli.process import run, stop_event
from receiver.cli.up.line import BEAT, READY, Line, beat
from tests.processes import WAIT_SECONDS
from tests.worker.working import until


@asynccontextmanager
async def lined(*, silence: float) -> AsyncIterator[tuple[Line, socket.socket]]:
    ours, theirs = socket.socketpair()
    line = Line(ours, silence=silence, between=0.02)
    with theirs:
        yield line, theirs
    await line.close()


async def test_who_has_beaten_and_beats_no_more_is_silent() -> None:
    async with lined(silence=0.1) as (line, theirs):
        theirs.send(READY + BEAT)
        await asyncio.wait_for(line.ready, WAIT_SECONDS)
        await asyncio.wait_for(line.silent, WAIT_SECONDS)


async def test_who_has_not_beaten_yet_may_take_its_time() -> None:
    """Loading its handlers may take long, and a process of an older version never beats."""
    async with lined(silence=0.1) as (line, theirs), lined(silence=0.4) as (other, others):
        theirs.send(READY)
        others.send(BEAT)
        await asyncio.wait_for(line.ready, WAIT_SECONDS)
        await asyncio.wait_for(other.silent, WAIT_SECONDS)
        assert not line.silent.done()


async def test_who_sleeps_while_we_do_is_not_silent() -> None:
    async with lined(silence=0.2) as (line, theirs):
        for _ in range(3):
            theirs.send(BEAT)
            await asyncio.sleep(0)
            time.sleep(0.5)  # noqa: ASYNC251 - the case: a machine that sleeps, a container that is stopped
            await asyncio.sleep(0)
        theirs.send(BEAT)
        assert not line.silent.done()


async def test_a_process_whose_up_reads_nothing_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(fileno=theirs.fileno))
        with suppress(BlockingIOError):
            while True:
                theirs.send(BEAT, socket.MSG_DONTWAIT)
        beating = asyncio.create_task(beat(between=0.001))
        turns = iter(range(100))

        async def turned() -> bool:
            return next(turns) == 20

        await until(turned)
        assert not beating.done()
        os.read(ours.fileno(), 10**7)
        ours.setblocking(False)  # noqa: FBT003 - its only argument
        assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(ours, 1), WAIT_SECONDS) == BEAT
        beating.cancel()


@pytest.mark.parametrize("heard", [True, False])
def test_a_process_ends_with_its_line_also_where_its_words_were_not_heard(
    heard: bool,  # noqa: FBT001 - the case
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tested on uvloop, which our processes use: it reads only once, asyncio's own loop would read again."""
    ours, theirs = socket.socketpair()

    async def main() -> None:
        stop = stop_event(with_stdin=True)
        theirs.send(BEAT)
        if heard:
            ours.recv(1)
        ours.close()
        await asyncio.wait_for(stop.wait(), WAIT_SECONDS)

    with theirs:
        monkeypatch.setattr(sys, "stdin", theirs)
        run(main())

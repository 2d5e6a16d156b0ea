"""`receiver.worker.leases`: a lease holds while its worker lives; a worker that lost its lease cannot write."""

import asyncio
import logging
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from receiver import Context, Event, handler
from receiver.database import pool
from receiver.testing import Scratch
from receiver.worker import Leases, attempt, note_lent
from receiver.worker.attempt import LeftBehind
from tests.faults.leases import blocked_among, zombies
from tests.processes import WAIT_SECONDS, Processes, completed, linux, until
from tests.worker.working import deliver, made, stored, until_ended, working
from tests.worker.working import until as until_holds


async def test_a_handler_that_blocks_the_loop_costs_nobody_the_lease_and_is_told_of(receiver_scratch: Scratch) -> None:
    stuck: list[str] = []
    begun, over = asyncio.Event(), asyncio.Event()
    ends: list[datetime] = []

    async def end_of_leases() -> datetime:
        connection = await asyncpg.connect(receiver_scratch.url)
        end: datetime = await connection.fetchval("select min(due_at) from receiver.jobs")
        await connection.close()
        return end

    async def blocks(_: Event, __: Context) -> None:
        await begun.wait()
        ends.append(await end_of_leases())
        longest = time.monotonic() + WAIT_SECONDS
        while not stuck and time.monotonic() < longest:  # it is when a whole lease has gone by
            time.sleep(0.02)  # noqa: ASYNC251 - the case
        with ThreadPoolExecutor() as beside:  # the loop is blocked until it has been asked
            ends.append(beside.submit(asyncio.run, end_of_leases()).result())
        over.set()

    async def waits(_: Event, __: Context) -> None:
        begun.set()
        await over.wait()

    blocking, waiting = made("blocking", blocks), made("waiting", waits)
    await deliver(receiver_scratch, "evt_1", blocking, waiting)
    async with working(receiver_scratch, blocking, waiting, lease=1, stuck=stuck):
        await until_ended(receiver_scratch)
    assert {job.attempt for job in (await stored(receiver_scratch)).values()} == {1}
    assert stuck
    assert ends[1] - ends[0] > timedelta(seconds=0.5)
    assert "blocked this worker for a whole lease: blocking transcribe.so/evt_1 (" in stuck[0]
    assert f"{Path(__file__)} line " in stuck[0]


async def test_a_worker_whose_loop_answers_is_never_stuck_however_long_its_handlers_take(
    receiver_scratch: Scratch,
) -> None:
    async def sleeps(_: Event, __: Context) -> None:
        await asyncio.sleep(2)

    sleeping = made("sleeping", sleeps)
    await deliver(receiver_scratch, "evt_1", sleeping)
    async with working(receiver_scratch, sleeping, lease=1):  # `working` asserts that the loop was never stuck
        await until_ended(receiver_scratch)


async def test_what_a_handler_keeps_of_the_database_is_taken_back(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each attempt keeps a connection with an open transaction, and the pool has only one connection."""
    await receiver_scratch.db.execute("create table effects ()")

    @handler("webhook.test")
    async def keeping(_: Event, ctx: Context) -> None:
        connection = await ctx.db.acquire()
        await connection.transaction().start()
        await connection.execute("insert into effects default values")

    @handler("webhook.test")
    def keeping_in_a_thread(_: Event, ctx: Context) -> None:
        connection = ctx.wait(acquire(ctx))
        ctx.wait(connection.execute("begin; insert into effects default values"))

    async def acquire(ctx: Context) -> "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]":
        return await ctx.db.acquire()

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # asyncpg tells it of the transaction
    async with pool(receiver_scratch.url, size=1, lent=note_lent) as db:
        scratch = Scratch(
            receiver_scratch.url, db, receiver_scratch.sandbox, receiver_scratch.provider,
            receiver_scratch._http,  # noqa: SLF001
        )  # fmt: skip
        for kept in (keeping, keeping_in_a_thread, keeping):
            event, ctx = await asyncio.wait_for(scratch.claim(kept), 60)
            assert await attempt.run(kept, event, ctx, left_behind=LeftBehind()) is None
        assert await db.fetchval("select count(*) from effects") == 0
    assert caplog.text.count("did not return 1 connections; its uncommitted changes are rolled back") == 3


async def test_a_handler_that_gives_back_what_it_borrowed_is_not_accused(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    @handler("webhook.test")
    async def tidy(_: Event, ctx: Context) -> None:
        for _number in range(20):
            async with ctx.db.acquire() as connection:
                await connection.fetchval("select 1")

    async with pool(receiver_scratch.url, size=2, lent=note_lent) as db:
        scratch = Scratch(
            receiver_scratch.url, db, receiver_scratch.sandbox, receiver_scratch.provider,
            receiver_scratch._http,  # noqa: SLF001
        )  # fmt: skip
        event, ctx = await scratch.claim(tidy)
        assert await attempt.run(tidy, event, ctx, left_behind=LeftBehind()) is None
    assert "kept" not in caplog.text


async def test_a_handler_that_lost_its_lease_is_stopped_once_and_may_clean_up(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    """Cleaning up takes longer than the time between two renewals. Its connections are still taken back."""
    begun = asyncio.Event()

    async def keeps(_: Event, ctx: Context) -> None:
        connection = await ctx.db.acquire()
        await connection.transaction().start()
        begun.set()
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(1)

    keeping = made("keeping", keeps)
    await deliver(receiver_scratch, "evt_1", keeping)
    async with pool(receiver_scratch.url, size=1, lent=note_lent) as db:
        scratch = Scratch(
            receiver_scratch.url, db, receiver_scratch.sandbox, receiver_scratch.provider,
            receiver_scratch._http,  # noqa: SLF001
        )  # fmt: skip
        async with working(scratch, keeping, lease=1):
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # asyncpg tells it of the transaction
            await asyncio.wait_for(begun.wait(), 60)
            await receiver_scratch.db.execute(
                "update receiver.jobs set attempt = 2, due_at = now() + interval '1 hour'"
            )
            assert await db.fetchval("select 1", timeout=60) == 1
    assert caplog.text.count("was lost; stopping its handler") == 1


async def test_a_lease_that_cannot_be_renewed_or_given_back_costs_no_other_its_own(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    """A person's trigger refuses both statements for one job."""
    await receiver_scratch.db.execute(
        "create function mine() returns trigger language plpgsql as $$ begin raise exception 'mine'; end $$;"
        "create trigger mine before update on receiver.jobs for each row when (new.handler = 'bad' and "
        "old.state = 'running' and new.attempt = old.attempt and new.state <> 'done') execute function mine()"
    )
    begun = set[str]()

    async def waits(_: Event, ctx: Context) -> None:
        begun.add(ctx.handler)
        await asyncio.sleep(100)

    both = [made(name, waits) for name in ("bad", "good")]
    await deliver(receiver_scratch, "evt_1", *both)
    ends = "select due_at from receiver.jobs where handler = 'good'"
    async with working(receiver_scratch, *both, lease=3):

        async def both_began() -> bool:
            return begun == {"bad", "good"}

        await until_holds(both_began)
        first = await receiver_scratch.db.fetchval(ends)

        async def renewed() -> bool:
            return bool(await receiver_scratch.db.fetchval(ends) > first)

        await until_holds(renewed)
    found = {name: (job.state, job.attempt) for name, job in (await stored(receiver_scratch)).items()}
    assert found == {"bad": ("running", 1), "good": ("pending", 1)}
    assert "was not renewed: the database refuses it: mine" in caplog.text
    assert "was not given back; its lease must run out first" in caplog.text


async def test_leases_that_can_be_renewed_no_longer_end_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    """Otherwise every job that outlasts its lease would run twice, unnoticed."""
    stuck: list[str] = []
    url = "postgresql://u@127.0.0.1:nowhere/d"  # what no reconnecting can mend
    async with Leases(url, lease=timedelta(seconds=0.1), held=lambda: [(1, 1)], lost=print, stuck=stuck.append):
        await asyncio.to_thread(until, lambda: stuck, "the end")
    assert stuck == ["leases can no longer be renewed"]
    assert caplog.text.count("leases were not renewed; retrying in") == 3


async def test_leases_that_once_fail_for_want_of_anything_are_renewed_the_next_time(
    receiver_scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice in a row there is no memory to list the held jobs, and the log is full. That happens more than once."""
    stuck: list[str] = []
    asked: list[int] = []

    class Full(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError(28, record.name)

    def held() -> list[tuple[int, int]]:
        asked.append(1)
        if len(asked) % 3:
            raise MemoryError
        return []

    monkeypatch.setattr(logging.getLogger(), "handlers", [Full()])
    short = timedelta(seconds=0.05)
    async with Leases(receiver_scratch.url, lease=short, held=held, lost=print, stuck=stuck.append):
        await asyncio.to_thread(until, lambda: len(asked) >= 7, "it goes on")
    assert stuck == []


def test_a_worker_that_a_handler_blocks_is_replaced_and_its_neighbours_are_done_once(processes: Processes) -> None:
    outcome = blocked_among(processes, 20)
    assert (outcome.done_once, outcome.latest_attempt <= 2, outcome.culprit) == (20, True, "dead")
    assert outcome.replaced >= 1


@linux
def test_a_worker_that_slept_through_its_leases_can_write_nothing_and_goes_on(processes: Processes) -> None:
    """A worker that was suspended with its jobs wakes after another worker has done them."""
    outcome = zombies(processes, workers=1, lanes=10)
    assert (outcome.refused, outcome.completed, outcome.effects) == (10, 0, 10)
    (worker,) = outcome.woken
    web = processes.serve()
    web.deliver(completed("evt_after"))
    until(lambda: "fenced transcribe.so/evt_after done" in worker.log, "the woken worker works on")
    os.kill(worker.popen.pid, signal.SIGTERM)
    assert worker.popen.wait(WAIT_SECONDS) == 0

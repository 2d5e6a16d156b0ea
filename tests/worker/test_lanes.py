"""`receiver.worker.lanes`: every job ends, whatever its handler, its worker or the database does."""

import asyncio
import contextlib
import io
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Self
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from receiver import (
    Context,
    Event,
    GiveUp,
    Handler,
    InsufficientFunds,
    Postpone,
    Retry,
    RetryPolicy,
    Unauthenticated,
    settings,
)
from receiver.database import Connections
from receiver.logs.lines import JsonFormatter, TextFormatter
from receiver.providers import TranscribeSo
from receiver.testing import ACCOUNT, SANDBOX_URL, Scratch, Server
from receiver.worker import Worker
from receiver.worker.lanes import Deadlines
from tests.hostile_values import AnswersNothing
from tests.worker.working import (
    another,
    deliver,
    lapse,
    made,
    stored,
    taking_lapsed,
    until,
    until_ended,
    worker_of,
    working,
)

END_OTHERS = (
    "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()"
)


async def test_every_end_of_a_handler_has_its_outcome(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    async def returns(_: Event, __: Context) -> None: ...

    async def completes_and_raises(_: Event, ctx: Context) -> None:
        async with ctx.completing():
            pass
        raise ValueError("too late to matter")

    def raising(error: BaseException) -> Any:
        async def function(_: Event, __: Context) -> None:
            raise error

        return function

    slow = RetryPolicy(attempts=3, first=timedelta(seconds=300), limit=timedelta(seconds=300))
    once = RetryPolicy(attempts=1)
    key = Unauthenticated("no", code="unauthenticated", status=401)
    # handler, state, part of the error, seconds until it is due, whether the try counted
    cases: list[tuple[Handler, str, str | None, float, bool]] = [
        (made("returns", returns), "done", None, 0, True),
        (made("completes_and_raises", completes_and_raises), "done", None, 0, True),
        (made("raises", raising(ValueError("no")), policy=slow), "pending", "ValueError: no", 300, True),
        (made("says_retry", raising(Retry("soon", after=900)), policy=slow), "pending", "soon", 900, True),
        (made("says_postpone", raising(Postpone("not now", after=900))), "pending", "not now", 900, False),
        (made("says_give_up", raising(GiveUp("never"))), "dead", "never", 0, True),
        (
            made("has_one_try", raising(ValueError("no")), policy=once),
            "dead",
            "ValueError: no (tests/worker/test_lanes.py line ",
            0,
            True,
        ),
        (made("exits", raising(SystemExit(3)), policy=slow), "pending", "SystemExit: 3", 300, True),
        (made("interrupts", raising(KeyboardInterrupt()), policy=slow), "pending", "KeyboardInterrupt", 300, True),
        (made("cancels", raising(asyncio.CancelledError()), policy=slow), "pending", "CancelledError", 300, True),
        (made("has_a_wrong_key", raising(key)), "pending", "401 unauthenticated", 300, False),
    ]
    handlers = [case[0] for case in cases]
    await deliver(receiver_scratch, "evt_1", *handlers)

    async def all_ran() -> bool:
        ran = (await stored(receiver_scratch)).values()
        return all(job.attempt == 1 and job.state != "running" for job in ran)

    async with working(receiver_scratch, *handlers):
        await until(all_ran)
    found = await stored(receiver_scratch)
    for h, state, error, waits, _ in cases:
        job = found[h.name]
        assert job.state == state, h.name
        assert job.error == error or (error is not None and error in (job.error or "")), h.name
        assert waits - 120 < job.waits_seconds <= waits * 1.5, h.name
    assert "was lost; stopping its handler" not in caplog.text
    late = "completes_and_raises transcribe.so/evt_1 failed after completing(), but the job is done: "
    assert f"{late}ValueError: too late to matter (tests/worker/test_lanes.py line " in caplog.text
    uncounted = await receiver_scratch.db.fetch("select handler from receiver.jobs where uncounted = 1 order by 1")
    assert [row["handler"] for row in uncounted] == sorted(case[0].name for case in cases if not case[4])


async def test_an_exception_that_can_be_asked_for_nothing_has_its_outcome_too(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    class NothingToAsk(AnswersNothing, Exception): ...  # noqa: N818 - it is none of ours

    async def fails(_: Event, __: Context) -> None:
        raise NothingToAsk

    failing = made("failing", fails)
    await deliver(receiver_scratch, "evt_1", failing)
    async with working(receiver_scratch, failing):
        await until_ended(receiver_scratch, "dead")
    assert (await stored(receiver_scratch))["failing"].error == "NothingToAsk (tried 3 times)"
    assert "lease" not in caplog.text


async def test_what_fails_around_a_handler_costs_a_try_and_not_the_lane(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug of ours ends as an outcome, like one of the handler's."""
    caplog.set_level(logging.DEBUG, "receiver")

    async def works(_: Event, __: Context) -> None:
        raise AssertionError("it is not reached")

    class Broken(TranscribeSo):
        def low_priority(self) -> Self:
            raise ZeroDivisionError("a bug of ours")

    working_one = made("working_one", works)
    await deliver(receiver_scratch, "evt_1", working_one)
    await receiver_scratch.db.execute("update receiver.jobs set is_replay = true")  # so that it is asked for
    async with Broken(SANDBOX_URL, None) as provider:
        broken = Scratch(
            receiver_scratch.url, receiver_scratch.db, receiver_scratch.sandbox, provider,
            receiver_scratch._http,  # noqa: SLF001 - as tests.worker.working does
        )  # fmt: skip
        async with working(broken, working_one):
            await until_ended(receiver_scratch, "dead")
    job = (await stored(receiver_scratch))["working_one"]
    assert job.attempt == 3
    assert str(job.error).startswith("ZeroDivisionError: a bug of ours")
    assert str(job.error).endswith("(tried 3 times)")
    assert "working_one transcribe.so/evt_1 raised ZeroDivisionError" in caplog.text


async def test_a_handlers_error_is_one_line_and_its_traceback_for_who_asks(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "receiver")

    async def fails(_: Event, __: Context) -> None:
        raise KeyError("title")

    failing = made("failing", fails)
    await deliver(receiver_scratch, "evt_1", failing)
    async with working(receiver_scratch, failing):
        await until_ended(receiver_scratch, "dead")
    told = [record for record in caplog.records if "failing" in record.getMessage()]
    loud = [record for record in told if record.levelno >= logging.WARNING]
    assert [record.exc_info for record in loud] == [None] * 3
    assert all("KeyError: 'title' (tests/worker/test_lanes.py line " in record.getMessage() for record in loud)
    assert [record.levelname for record in told if record.exc_info] == ["DEBUG"] * 3


async def test_a_secret_address_is_in_no_log_line_and_not_stored(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    """A line of code that holds it stands in the traceback too."""
    caplog.set_level(logging.DEBUG, "receiver")

    async def posts(_: Event, __: Context) -> None:
        answer = httpx.Response(403, text="invalid_token", request=httpx.Request("POST", "https://h.example/s3cret"))
        answer.raise_for_status()

    posting = made("posting", posts)
    await deliver(receiver_scratch, "evt_1", posting)
    written, root = io.StringIO(), logging.getLogger()
    outputs = [logging.StreamHandler(written) for _ in range(2)]
    for output, formatter in zip(outputs, (TextFormatter(), JsonFormatter()), strict=True):
        output.setFormatter(formatter)
        root.addHandler(output)
    try:
        async with working(receiver_scratch, posting):
            await until_ended(receiver_scratch, "dead")
    finally:
        for output in outputs:
            root.removeHandler(output)
    said = "HTTPStatusError: POST https://h.example/… answered 403: invalid_token (tests/worker/test_lanes.py line "
    assert str((await stored(receiver_scratch))["posting"].error).startswith(said)
    assert said in written.getvalue()
    assert "Traceback" in written.getvalue()
    assert "s3cret" not in written.getvalue()


async def test_a_job_is_tried_as_often_as_its_policy_says_and_is_dead_then(receiver_scratch: Scratch) -> None:
    attempts = []

    async def fails(_: Event, ctx: Context) -> None:
        attempts.append(ctx.attempt)
        raise ValueError("no")

    failing = made("failing", fails)
    await deliver(receiver_scratch, "evt_1", failing)
    async with working(receiver_scratch, failing):
        await until_ended(receiver_scratch, "dead")
    assert attempts == [1, 2, 3]
    line = fails.__code__.co_firstlineno + 2
    assert (await stored(receiver_scratch))["failing"].error == (
        f"ValueError: no (tests/worker/test_lanes.py line {line}) (tried 3 times)"
    )


async def test_postponing_uses_up_no_try(receiver_scratch: Scratch) -> None:
    async def waits(_: Event, ctx: Context) -> None:
        if ctx.attempt <= 6:
            raise Postpone("not now", after=0)
        if ctx.attempt <= 8:
            raise ValueError("no")

    waiting = made("waiting", waits)
    await deliver(receiver_scratch, "evt_1", waiting)
    async with working(receiver_scratch, waiting):
        await until_ended(receiver_scratch)
    assert (await stored(receiver_scratch))["waiting"].attempt == 9


async def test_no_more_jobs_run_at_once_than_there_are_lanes(receiver_scratch: Scratch) -> None:
    now, most = 0, 0

    async def notes(event: Event, _: Context) -> None:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.03 * (1 + int(event.id[-1]) % 3))  # so that lanes become free one by one
        now -= 1

    noting = made("noting", notes)
    for number in range(9):
        await deliver(receiver_scratch, f"evt_{number}", noting)
    async with working(receiver_scratch, noting, count=3):
        await until_ended(receiver_scratch)
    assert most == 3


@pytest.mark.parametrize("lapsed", [False, True])
async def test_while_outcomes_are_written_as_many_others_run_as_there_are_lanes_but_no_lapsed_one(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture, *, lapsed: bool
) -> None:
    """A lapsed job might kill the process, and the outcome with it. The worker does not wait for its next look."""
    ran: list[str] = []
    other = await asyncpg.connect(receiver_scratch.url)

    async def locks(event: Event, ctx: Context) -> None:
        if not other.is_in_transaction():
            return
        await other.execute("select from receiver.jobs where id = $1 for update", ctx.job)
        ran.append(event.id)

    locking = made("locking", locks)
    for number in range(3):
        await deliver(receiver_scratch, f"evt_{number}", locking)
    if lapsed:
        await lapse(receiver_scratch, locking, limit=3)
    connections = Connections(receiver_scratch.url, statement_seconds=Deadlines().server)
    worker = worker_of(receiver_scratch, connections, locking, count=1, lapsed=lapsed, poll=600)
    running = asyncio.create_task(worker.run())
    async with other.transaction():
        await until(lambda: _said(caplog, "is not written yet"))  # the lock is waited for, but not for ever
        assert ran == (["evt_0"] if lapsed else ["evt_0", "evt_1"])
        assert worker.free() == 0
    await until_ended(receiver_scratch)
    worker.leave()
    await running
    await other.close()
    connections.close()


async def test_a_worker_that_is_woken_does_not_wait_for_its_next_look(receiver_scratch: Scratch) -> None:
    async def works(_: Event, __: Context) -> None: ...

    quick = made("quick", works)
    await deliver(receiver_scratch, "evt_1", quick)
    async with working(receiver_scratch, quick, poll=600) as worker:
        await until_ended(receiver_scratch)
        await deliver(receiver_scratch, "evt_2", quick)
        worker.wake()
        await until_ended(receiver_scratch)


async def test_a_worker_for_lapsed_jobs_runs_each_alone_and_ends_when_there_are_none(
    receiver_scratch: Scratch,
) -> None:
    """Each of the jobs might have killed its worker, and must not harm another job a second time."""
    now: set[str] = set()
    beside: dict[str, set[str]] = {}

    async def notes(event: Event, _: Context) -> None:
        now.add(event.id)
        for other in now:
            beside.setdefault(other, set()).update(now)
        await asyncio.sleep(0.05)
        now.discard(event.id)

    noting = made("noting", notes)
    lapsed, fresh = [f"evt_lapsed_{n}" for n in range(3)], [f"evt_fresh_{n}" for n in range(2)]
    for name in lapsed:
        await deliver(receiver_scratch, name, noting)
    await lapse(receiver_scratch, noting, limit=3)
    for name in fresh:
        await deliver(receiver_scratch, name, noting)
    connections = Connections(receiver_scratch.url)
    async with asyncio.timeout(60):
        await worker_of(receiver_scratch, connections, noting, count=1, lapsed=True).run()
    connections.close()
    assert beside == {name: {name} for name in lapsed}
    found = {name.split()[0]: (job.state, job.attempt) for name, job in (await stored(receiver_scratch)).items()}
    assert found == dict.fromkeys(lapsed, ("done", 2)) | dict.fromkeys(fresh, ("pending", 0))


async def test_neither_a_lapsed_job_nor_a_new_one_waits_for_a_long_one(
    receiver_scratch: Scratch, receiver_database: str
) -> None:
    """A long job holds one of the worker's lanes. Both lapsed jobs take long too."""
    let_go = asyncio.Event()
    begun: list[str] = []

    async def notes(event: Event, _: Context) -> None:
        begun.append(event.id)
        if event.id != "evt_new":
            await let_go.wait()

    noting = made("noting", notes)
    for name in ("evt_lapsed_1", "evt_lapsed_2"):
        await deliver(receiver_scratch, name, noting)
    await lapse(receiver_scratch, noting, limit=2)
    await receiver_scratch.db.execute("update receiver.jobs set due_at = now() + interval '1 hour'")
    await deliver(receiver_scratch, "evt_long", noting)
    async with working(receiver_scratch, noting), taking_lapsed(receiver_scratch, receiver_database, noting):
        await until(lambda: _true(begun == ["evt_long"]))
        await receiver_scratch.db.execute("update receiver.jobs set due_at = now() where event <= 2")
        await until(lambda: _true(len(begun) == 3))
        await deliver(receiver_scratch, "evt_new", noting)
        await until(lambda: _true("evt_new" in begun))
        let_go.set()
        await until_ended(receiver_scratch)
    assert sorted(begun) == ["evt_lapsed_1", "evt_lapsed_2", "evt_long", "evt_new"]


async def test_nobody_takes_a_job_whose_worker_lives_and_renews_it_after_all(
    receiver_scratch: Scratch, receiver_database: str
) -> None:
    """Every lease has run out, as after an outage that was longer than a lease."""
    begun, let_go = [], asyncio.Event()

    async def waits(_: Event, ctx: Context) -> None:
        begun.append(ctx.attempt)
        await let_go.wait()

    waiting = made("waiting", waits)
    await deliver(receiver_scratch, "evt_1", waiting)
    async with (
        working(receiver_scratch, waiting, lease=1.5),
        taking_lapsed(receiver_scratch, receiver_database, waiting, lease=3),
    ):
        await until(lambda: _true(begun == [1]))
        for _ in range(2):
            await receiver_scratch.db.execute("update receiver.jobs set due_at = now() - interval '1 second'")
            await until_renewed(receiver_scratch, "waiting", by=1)
        let_go.set()
        await until_ended(receiver_scratch)
    assert begun == [1]


async def test_a_job_that_lapsed_in_its_last_try_is_dead_without_being_run(receiver_scratch: Scratch) -> None:
    ran = []

    async def kills(_: Event, ctx: Context) -> None:
        ran.append(ctx.attempt)

    killing = made("killing", kills, policy=RetryPolicy(attempts=2))
    for number in range(2):
        await deliver(receiver_scratch, f"evt_{number}", killing)
    await lapse(receiver_scratch, killing, limit=2)
    await receiver_scratch.db.execute("update receiver.jobs set attempt = 2 where event = 1")
    async with taking_lapsed(receiver_scratch, receiver_scratch.url, killing):

        async def ended() -> bool:
            return {job.state for job in (await stored(receiver_scratch)).values()} == {"dead", "done"}

        await until(ended)
    found = await stored(receiver_scratch)
    assert (found["evt_0 killing"].state, found["evt_1 killing"].state) == ("dead", "done")
    assert found["evt_0 killing"].error == "its worker died or hung, and its 2 tries are used up"
    assert ran == [2]


async def test_a_lease_is_renewed_for_as_long_as_its_handler_runs(
    receiver_scratch: Scratch, receiver_database: str
) -> None:
    """It runs for two leases. The other job is being completed, so its lease lapses, but no worker can claim it."""
    ran, let_go = [], asyncio.Event()

    async def waits(_: Event, __: Context) -> None:
        ran.append("waits")
        await let_go.wait()

    async def completes(_: Event, ctx: Context) -> None:
        async with ctx.completing():
            ran.append("completes")
            await let_go.wait()

    completing, waiting = made("completing", completes), made("waiting", waits)  # in this order a renewal comes to them
    await deliver(receiver_scratch, "evt_1", completing, waiting)
    async with (
        another(receiver_scratch, receiver_database) as second,
        working(receiver_scratch, completing, waiting, lease=1),
    ):
        await until(lambda: _true(len(ran) == 2))
        async with taking_lapsed(second, receiver_database, completing):
            await until_renewed(receiver_scratch, "waiting", by=2)
            let_go.set()
            await until_ended(receiver_scratch)
    assert sorted(ran) == ["completes", "waits"]
    assert {job.attempt for job in (await stored(receiver_scratch)).values()} == {1}


async def until_renewed(scratch: Scratch, handler: str, *, by: float) -> None:
    """Wait until the lease of a job ends `by` seconds later than it does now."""
    ends = "select extract(epoch from due_at)::float8 from receiver.jobs where handler = $1"
    enough = await scratch.db.fetchval(ends, handler) + by

    async def renewed() -> bool:
        found: bool = await scratch.db.fetchval(ends, handler) >= enough
        return found

    await until(renewed)


async def test_renewal_survives_a_row_that_someone_else_has_locked(
    receiver_scratch: Scratch, receiver_database: str
) -> None:
    """Hosted databases have a `lock_timeout`, so a renewal can fail; the next one can succeed."""
    name = urlsplit(receiver_database).path[1:]
    begun, let_go, ran = asyncio.Event(), asyncio.Event(), []

    async def waits(_: Event, ctx: Context) -> None:
        ran.append(ctx.attempt)
        begun.set()
        await let_go.wait()

    waiting = made("waiting", waits)
    await deliver(receiver_scratch, "evt_1", waiting)
    await receiver_scratch.db.execute(f"alter database \"{name}\" set lock_timeout = '20ms'")
    await receiver_scratch.db.expire_connections()
    other = await asyncpg.connect(receiver_database, server_settings={"lock_timeout": "0"})
    async with working(receiver_scratch, waiting, lease=1):
        await asyncio.wait_for(begun.wait(), 60)
        async with other.transaction():
            await other.fetch("select from receiver.jobs for update")
            await asyncio.sleep(0.5)
        await other.close()
        await until_renewed(receiver_scratch, "waiting", by=0.5)
        let_go.set()
        await until_ended(receiver_scratch)
    assert ran == [1]
    assert (await stored(receiver_scratch))["waiting"].attempt == 1


async def test_a_lost_lease_stops_the_handler_and_nothing_is_written(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    """One handler is stopped by a renewal. The other ends before a renewal notices its lost lease."""
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def waits(_: Event, __: Context) -> None:
        begun.set()
        try:
            await asyncio.sleep(100)
        finally:
            stopped.set()

    async def loses_and_returns(_: Event, ctx: Context) -> None:
        await ctx.db.execute("update receiver.jobs set attempt = attempt + 1 where id = $1", ctx.job)

    waiting, losing = made("waiting", waits), made("losing", loses_and_returns)
    await deliver(receiver_scratch, "evt_1", waiting, losing)
    async with working(receiver_scratch, losing):
        await until(lambda: _said(caplog, "losing transcribe.so/evt_1: the job was no longer ours"))
    async with working(receiver_scratch, waiting, lease=1.5):
        await asyncio.wait_for(begun.wait(), 60)
        await receiver_scratch.db.execute(
            "update receiver.jobs set attempt = 2, due_at = now() + interval '1 hour' where handler = 'waiting'"
        )
        await asyncio.wait_for(stopped.wait(), 60)
    found = await stored(receiver_scratch)
    assert {(job.state, job.attempt, job.error) for job in found.values()} == {("running", 2, None)}
    assert "the lease of waiting transcribe.so/evt_1 was lost; stopping its handler" in caplog.text


async def _said(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    return text in caplog.text


async def _begun(begun: set[str], handlers: list[Handler]) -> bool:
    return begun >= {h.name for h in handlers}


async def _true(holds: bool) -> bool:  # noqa: FBT001 - what `until` asks for
    return holds


async def test_stopping_waits_then_gives_back_what_is_left_uncounted(receiver_scratch: Scratch) -> None:
    let_go, over = asyncio.Event(), asyncio.Event()
    begun: set[str] = set()

    async def ends(_: Event, __: Context) -> None:
        begun.add("ending")
        await let_go.wait()

    async def waits(_: Event, __: Context) -> None:
        begun.add("waiting")
        await asyncio.sleep(100)

    async def stays(_: Event, __: Context) -> None:
        begun.add("staying")
        while not over.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await over.wait()

    async def completes(_: Event, ctx: Context) -> None:
        async with ctx.completing():
            begun.add("completing")
            await asyncio.sleep(100)

    stopped = [made("ending", ends), made("waiting", waits), made("completing", completes)]
    left_behind = [made("staying", stays)]
    handlers = [*stopped, *left_behind]
    await deliver(receiver_scratch, "evt_1", *handlers)
    try:
        # A handler that can be stopped gets time; waiting for one that cannot is in vain.
        for some, grace in ((stopped, 60), (left_behind, 0.05)):
            async with working(receiver_scratch, *some, grace=grace):
                await until(partial(_begun, begun, some))
        # `working` has ended `run` and stopped it with no time to wait
        found = await receiver_scratch.db.fetch(
            "select handler, state, attempt, uncounted, due_at <= now() from receiver.jobs"
        )
        assert {tuple(row) for row in found} == {(h.name, "pending", 1, 1, True) for h in handlers}
    finally:
        over.set()


async def test_stopping_lets_end_what_ends_in_time(receiver_scratch: Scratch) -> None:
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def ends(_: Event, __: Context) -> None:
        begun.set()
        await let_go.wait()

    ending = made("ending", ends)
    await deliver(receiver_scratch, "evt_1", ending)
    connections = Connections(receiver_scratch.url)
    worker = Worker(
        connections=connections, db=receiver_scratch.db, handlers={"ending": ending},
        providers={ACCOUNT: receiver_scratch.provider},
        http=receiver_scratch._http, configured=settings.load(), lanes=1, lease=timedelta(seconds=60),  # noqa: SLF001
        poll=timedelta(seconds=0.05),
    )  # fmt: skip
    running = asyncio.create_task(worker.run())
    await asyncio.wait_for(begun.wait(), 60)
    await deliver(receiver_scratch, "evt_2", ending)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    stopping = asyncio.create_task(worker.stop(within=timedelta(seconds=60)))
    await asyncio.sleep(0.05)
    assert not stopping.done()
    let_go.set()
    await asyncio.wait_for(stopping, 60)
    connections.close()
    found = await stored(receiver_scratch)
    assert {name: (job.state, job.attempt) for name, job in found.items()} == {
        "evt_1 ending": ("done", 1),
        "evt_2 ending": ("pending", 0),
    }


async def test_a_handler_that_exits_harms_no_neighbour(receiver_scratch: Scratch) -> None:
    exited = asyncio.Event()

    async def exits(_: Event, __: Context) -> None:
        exited.set()
        raise SystemExit(1)

    async def waits(_: Event, __: Context) -> None:
        await exited.wait()
        await asyncio.sleep(0.05)

    exiting, waiting = made("exiting", exits, policy=RetryPolicy(attempts=1)), made("waiting", waits)
    await deliver(receiver_scratch, "evt_1", waiting, exiting)
    async with working(receiver_scratch, exiting, waiting):

        async def both_ended() -> bool:
            return {name: job.state for name, job in (await stored(receiver_scratch)).items()} == {
                "waiting": "done",
                "exiting": "dead",
            }

        await until(both_ended)


@asynccontextmanager
async def renamed(server: Server, name: str) -> AsyncIterator[None]:
    """Take a database away by its name."""
    admin, other = await asyncpg.connect(server.url), await asyncpg.connect(server.url)
    # It waits for the connections that are open, and those that are being opened wait for it.
    renaming = asyncio.create_task(admin.execute(f'alter database "{name}" rename to "{name}_away"'))
    while not renaming.done():
        await other.fetchval(END_OTHERS, name)
        await asyncio.sleep(0.05)
    await renaming
    try:
        yield
    finally:
        await admin.execute(f'alter database "{name}_away" rename to "{name}"')
        await admin.close()
        await other.close()


@asynccontextmanager
async def closed(server: Server, name: str) -> AsyncIterator[None]:
    """Let a database take no connections."""
    admin = await asyncpg.connect(server.url)
    await admin.execute(f'alter database "{name}" allow_connections false')
    await admin.fetchval(END_OTHERS, name)
    try:
        yield
    finally:
        await admin.execute(f'alter database "{name}" allow_connections true')
        await admin.close()


@asynccontextmanager
async def cut(server: Server, name: str) -> AsyncIterator[None]:
    """End the connections to a database."""
    admin = await asyncpg.connect(server.url)
    await admin.fetchval(END_OTHERS, name)
    await admin.close()
    yield


@pytest.mark.parametrize("absence", [renamed, closed, cut])
async def test_a_worker_outlives_the_databases_absence_and_then_writes_what_it_has_done(
    receiver_scratch: Scratch, receiver_server: Server, absence: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the outcome the work would be done a second time."""
    name = await receiver_scratch.db.fetchval("select current_database()")
    begun, let_go, ran = asyncio.Event(), asyncio.Event(), []

    async def works(event: Event, _: Context) -> None:
        ran.append(event.id)
        begun.set()
        await let_go.wait()

    one = made("one", works)
    await deliver(receiver_scratch, "evt_1", one)
    async with working(receiver_scratch, one):
        await asyncio.wait_for(begun.wait(), 60)
        async with absence(receiver_server, name):
            let_go.set()
            if absence is renamed:
                await until(lambda: _said(caplog, "the database is away"))
            elif absence is closed:
                await asyncio.sleep(0.3)
        await deliver(receiver_scratch, "evt_2", one)
        await until_ended(receiver_scratch)
    assert ran == ["evt_1", "evt_2"]
    assert {job.attempt for job in (await stored(receiver_scratch)).values()} == {1}


async def test_a_delay_that_no_clock_can_hold_leaves_no_job_running(receiver_scratch: Scratch) -> None:
    async def asks(_: Event, __: Context) -> None:
        raise Retry("much later", after=timedelta.max)

    asking = made("asking", asks)
    await deliver(receiver_scratch, "evt_1", asking)
    async with working(receiver_scratch, asking):

        async def ended() -> bool:
            job = (await stored(receiver_scratch))["asking"]
            return job.attempt == 1 and job.state != "running"

        await until(ended)


async def test_an_event_that_cannot_be_read_any_more_stops_no_worker(receiver_scratch: Scratch) -> None:
    """An event that was readable when it was stored might not be readable for the next version."""

    async def works(_: Event, __: Context) -> None: ...

    quick = made("quick", works)
    await deliver(receiver_scratch, "evt_bad", quick)
    await receiver_scratch.db.execute("update receiver.events set raw = ''")
    await deliver(receiver_scratch, "evt_good", quick)

    async def good_is_done() -> bool:
        found = await stored(receiver_scratch)
        return found["evt_good quick"].state == "done" and found["evt_bad quick"].state != "running"

    async with working(receiver_scratch, quick):
        await until(good_is_done)


async def test_an_error_whose_text_the_database_refuses_is_told_in_plain_words(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    """A database with another encoding than UTF-8 refuses most of the world's letters."""

    async def fails(_: Event, __: Context) -> None:
        raise ValueError("日本語")

    failing = made("failing", fails, policy=RetryPolicy(attempts=1))
    await receiver_scratch.db.execute("alter table receiver.jobs add check (octet_length(error) = length(error))")
    await deliver(receiver_scratch, "evt_1", failing)
    async with working(receiver_scratch, failing):
        await until_ended(receiver_scratch, "dead")
    error = (await stored(receiver_scratch))["failing"].error
    assert error is not None
    assert error.startswith("the error's text is only in the log; the database refuses it: ")
    assert "日本語" in caplog.text


async def test_an_outcome_that_the_database_refuses_in_any_words_costs_no_lane(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(event: Event, _: Context) -> None:
        if event.id == "evt_bad":
            raise ValueError("no")

    failing = made("failing", fails)
    await receiver_scratch.db.execute("alter table receiver.jobs add check (error is null)")
    await deliver(receiver_scratch, "evt_bad", failing)
    async with working(receiver_scratch, failing, count=1, lease=1):
        await until(lambda: _said(caplog, "cannot be written, so its lease will run out"))
        await deliver(receiver_scratch, "evt_good", failing)

        async def good_is_done() -> bool:
            return (await stored(receiver_scratch))["evt_good failing"].state == "done"

        await until(good_is_done)


async def test_a_job_that_cannot_be_claimed_is_dead_and_the_others_go_on(
    receiver_scratch: Scratch, receiver_database: str
) -> None:
    """The statement fails for all jobs together. One job cannot even be marked dead."""
    ran = []

    async def works(event: Event, _: Context) -> None:
        ran.append(event.id)

    quick = made("quick", works)
    for name in ("evt_bad", "evt_refused", "evt_lapsed", "evt_good"):
        await deliver(receiver_scratch, name, quick)
    await receiver_scratch.db.execute(
        "update receiver.jobs set attempt = 2147483647 where event <= 3;"
        "update receiver.jobs set state = 'running' where event = 3;"
        "alter table receiver.jobs add check (event <> 2 or state <> 'dead')"
    )
    async with working(receiver_scratch, quick, count=1), taking_lapsed(receiver_scratch, receiver_database, quick):

        async def others_ended() -> bool:
            found = await stored(receiver_scratch)
            return {name.split()[0]: job.state for name, job in found.items()} == {
                "evt_bad": "dead", "evt_refused": "pending", "evt_lapsed": "dead", "evt_good": "done",
            }  # fmt: skip

        await until(others_ended)
        await deliver(receiver_scratch, "evt_new", quick)
        await until(lambda: _true(ran == ["evt_good", "evt_new"]))
    error = (await stored(receiver_scratch))["evt_bad quick"].error
    assert error is not None
    assert error.startswith("it cannot be claimed: ")


async def test_what_the_database_refuses_of_every_job_costs_none_its_life(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    """The schema of another version does not know the statement, until that is put right."""

    async def works(_: Event, __: Context) -> None: ...

    quick = made("quick", works)
    await deliver(receiver_scratch, "evt_1", quick)
    await receiver_scratch.db.execute("alter table receiver.jobs rename column uncounted to away")
    async with working(receiver_scratch, quick):
        await until(lambda: _said(caplog, "receiver.worker"))
        await receiver_scratch.db.execute("alter table receiver.jobs rename column away to uncounted")
        await until_ended(receiver_scratch)
    assert "cannot be claimed" not in caplog.text


async def test_what_a_handler_sets_on_its_client_no_other_has(receiver_scratch: Scratch) -> None:
    seen = []

    async def sets(_: Event, ctx: Context) -> None:
        seen.append((ctx.http.headers.get("Authorization"), dict(ctx.http.cookies), str(ctx.http.base_url)))
        ctx.http.headers["Authorization"] = "Bearer sesame"
        ctx.http.cookies.set("session", "mine")
        ctx.http.base_url = httpx.URL("https://mine.example")
        await ctx.http.aclose()

    one, other = made("one", sets), made("other", sets)
    await deliver(receiver_scratch, "evt_1", one, other)
    async with working(receiver_scratch, one, other):
        await until_ended(receiver_scratch)
    assert seen == [(None, {}, "")] * 2


async def test_of_one_account_no_more_jobs_run_than_it_may_have(receiver_scratch: Scratch) -> None:
    running, most = 0, 0

    async def counted(_: Event, ctx: Context) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await ctx.db.fetchval("select 1")
        running -= 1

    for number in range(8):
        await deliver(receiver_scratch, f"evt_{number}", made("one", counted), made("other", counted))
    async with working(receiver_scratch, made("one", counted), made("other", counted), count=8, each=2):
        await until_ended(receiver_scratch)
    assert most == 2


async def test_jobs_whose_account_has_no_money_are_not_tried_one_after_the_other(receiver_scratch: Scratch) -> None:
    """A handler that needs no money runs its own jobs meanwhile."""
    tried = list[str]()

    async def poor(event: Event, _: Context) -> None:
        tried.append(event.id)
        raise InsufficientFunds("the wallet is empty", code="insufficient_funds", status=402)

    async def free(_: Event, __: Context) -> None: ...

    handlers = made("poor", poor), made("free", free)
    for number in range(30):
        await deliver(receiver_scratch, f"evt_{number}", *handlers)

    async def free_is_done() -> bool:
        found = await stored(receiver_scratch)
        return all(job.state == "done" for name, job in found.items() if name.endswith(" free"))

    async with working(receiver_scratch, *handlers, count=4):
        await until(free_is_done)
    assert 1 <= len(tried) <= 8  # what was claimed before the first of them ended
    waiting = [job for job in (await stored(receiver_scratch)).values() if job.handler == "poor"]
    assert {job.state for job in waiting} == {"pending"}

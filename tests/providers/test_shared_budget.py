"""One key's budget over several processes, as the provider sees it.

The sandbox is faster than the provider and the budget's minute is as much shorter, so that minutes pass in seconds.
"""

import asyncio
import json
import socket
import sys
from asyncio.subprocess import PIPE, Process
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from receiver.database import Connections, Pool
from receiver.errors import RateLimited
from receiver.providers import TranscribeSo
from receiver.providers.budget import SharedBudget
from receiver.providers.rate import BURST, MINUTE, Rate
from receiver.sandbox import Sandbox, application
from receiver.sandbox.limit import REQUESTS_A_MINUTE
from receiver.server import bind, serve
from tests.processes import REPOSITORY
from tests.providers.spending import KEY

SPEED = 50.0
SLOWER = 12.0  # makes a turn long compared with a request
HOUR = timedelta(hours=1)  # a minute so long that no turn comes back during a test
NO_LULL = 3  # turns: a budget that is full says so again before its burst, which is 4 turns more, has been paid back
ENOUGH = 50  # of the 54 in a minute that a budget gives
RETRY_AFTER = timedelta(seconds=1)  # the sandbox's planned 429 says so, whatever its speed


@asynccontextmanager
async def sandboxed(speed: float) -> AsyncIterator[tuple[Sandbox, str]]:
    """Yield a sandbox and its address."""
    sandbox, stop = Sandbox(speed=speed), asyncio.Event()
    listener = bind("127.0.0.1", 0)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else every answer waits 40 ms for an ACK
    serving = asyncio.create_task(serve(application(sandbox), listener, stop))
    try:
        yield sandbox, f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        await serving
        await sandbox.close()


@asynccontextmanager
async def spending(url: str, database: str, *, calls: int, speed: float) -> AsyncIterator[dict[str, list[Any]]]:
    """Let two processes begin to make `calls` each; yields what will hold what both have noted when they have ended."""
    noted: dict[str, list[Any]] = {"full": [], "paused": []}
    arguments = ("-m", "tests.providers.spending", url, database, str(calls), str(speed))
    started = [
        await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=REPOSITORY, stdin=PIPE, stdout=PIPE)
        for _ in range(2)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert await asyncio.wait_for(process.stdout.readline(), 30) == b"ready\n"
        for process in started:
            _go(process)
        yield noted
        for process in started:
            assert process.stdout is not None
            said = json.loads(await asyncio.wait_for(process.stdout.read(), 60))
            for name, moments in said.items():
                noted[name] += moments
        assert [await asyncio.wait_for(process.wait(), 60) for process in started] == [0, 0]
    finally:
        for process in started:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _go(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"go\n")


@asynccontextmanager
async def client(sandbox: Sandbox, database: str) -> AsyncIterator[TranscribeSo]:
    """Yield a client with connections of its own to the budget that all of them share."""
    connections = Connections(database, size=1)
    shared = SharedBudget(connections, api_url="x", key_fingerprint="shared", rate=Rate.of(60, minute=HOUR))
    transport = httpx.ASGITransport(application(sandbox))
    async with TranscribeSo("http://sandbox.test", KEY, budget=shared, transport=transport) as api:
        yield api
    connections.close()


def most_in(times: list[float], minute: float) -> int:
    """Return the largest number of requests in any minute."""
    return max(bisect_left(times, at + minute) - first for first, at in enumerate(times))


def busy_minutes(times: list[float], full: list[tuple[float, float]], minute: float) -> Iterator[int]:
    """Yield the number of requests in each minute in which the budget was what everybody waited for, all the time.

    A minute begins just after a request. One in which the budget was not full for a while does not count: what is not
    taken then is gone, and a machine with other things to do makes such pauses by itself.
    """
    lull = Rate.of(60, minute=timedelta(seconds=minute)).step * NO_LULL
    full = [(float("-inf"), float("-inf")), *sorted(full), (float("inf"), float("inf"))]
    lulls = [(before, after) for (before, _), (_, after) in pairwise(full) if after - before >= lull]
    for first, at in enumerate(times):
        if not any(before < at + minute and at < after for before, after in lulls):
            yield bisect_left(times, at + minute) - first - 1


async def test_two_processes_are_never_refused_and_leave_little_unused(receiver_database: str) -> None:
    async with sandboxed(SPEED) as (sandbox, url):
        async with spending(url, receiver_database, calls=150, speed=SPEED) as noted:
            pass
        asked = list(sandbox.asked)
    times = sorted(sandbox.began + request.at for request in asked)
    minute = MINUTE.total_seconds() / SPEED
    assert [request.status for request in asked] == [200] * 300
    assert most_in(times, minute) <= REQUESTS_A_MINUTE
    assert min(busy_minutes(times, noted["full"], minute), default=ENOUGH) >= ENOUGH


async def test_a_429_to_one_process_holds_the_other_too(receiver_database: str) -> None:
    async with sandboxed(SLOWER) as (sandbox, url):
        async with spending(url, receiver_database, calls=8, speed=SLOWER) as noted, asyncio.timeout(60):
            while len(sandbox.asked) < 7:  # noqa: ASYNC110 - the sandbox tells nobody of a request
                await asyncio.sleep(0.005)
            sandbox.faults.plan({"endpoint": "/me", "kind": "429"})
        asked = list(sandbox.asked)
    (refused,) = [request for request in asked if request.status != 200]
    assert refused.status == 429
    (paused,) = noted["paused"]
    over = sandbox.began + refused.at + RETRY_AFTER.total_seconds()
    during = [request for request in asked if paused < sandbox.began + request.at < over]
    assert len(during) <= 1, "no more than what the other process had its turn for"
    assert len(asked) == 2 * 8 + 1


async def test_what_is_live_goes_before_what_can_wait(db: Pool, receiver_database: str) -> None:
    sandbox = Sandbox()
    async with client(sandbox, receiver_database) as live, client(sandbox, receiver_database) as patient:
        await live.me()
        with pytest.raises(RateLimited):
            await patient.low_priority().pipelines()
        for _ in range(BURST - 1):
            await live.me()
        with pytest.raises(RateLimited):
            await live.me()
        await db.execute("update receiver.budgets set full_at = now()")  # as when all of it is paid back
        await patient.low_priority().pipelines()
    await sandbox.close()
    assert [request.path for request in sandbox.asked] == ["/api/v1/me"] * BURST + ["/api/v1/pipelines"]

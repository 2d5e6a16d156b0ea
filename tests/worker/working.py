"""Workers in the test's own process, and jobs for them."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from receiver import Event, Handler, RetryPolicy, handler, settings
from receiver.database import Connection, Connections, pool
from receiver.health.organs import Organs
from receiver.inbox import deliveries, jobs, listing
from receiver.inbox.deliveries import Delivery
from receiver.inbox.jobs import Claim, Queue
from receiver.inbox.listing import StoredJob
from receiver.providers.transcribe_so import payload
from receiver.testing import ACCOUNT, SANDBOX_URL, Scratch
from receiver.worker import Lapsed, Leases, Worker, note_lent
from receiver.worker.attempt import GRACE_SECONDS
from receiver.worker.lanes import Deadlines
from receiver.worker.lapsed import Limits
from tests.inbox.portions import portions
from tests.processes import completed

AT_ONCE = RetryPolicy(attempts=3, first=timedelta(0), limit=timedelta(0))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Seconds that the test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def claim_from(queue: Queue, job: int, *, ago: float = 60) -> Claim:
    """Return the claim, at `NOW`, of a job that was due so many seconds before."""
    return Claim(
        job=job, attempt=1, uncounted=0, is_replay=queue.is_replay, handler=queue.handler, source=queue.account.source,
        api_url=queue.account.api_url, account=queue.account.account, event_id="evt", transcription_id=None,
        origin="webhook", raw=b"",
        kept_key=None, due_at=NOW - timedelta(seconds=ago), claimed_at=NOW,
    )  # fmt: skip


async def until(holds: Callable[[], Awaitable[Any]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - the database cannot call us
            await asyncio.sleep(0.02)


def made(name: str, function: Any, *, policy: RetryPolicy = AT_ONCE) -> Handler:
    return handler("*", name=name, retry=policy)(function)


async def deliver(scratch: Scratch, event_id: str, *handlers: Handler) -> None:
    async with scratch.db.acquire() as connection:
        await append(connection, event_id, *handlers)


async def append(connection: Connection, event_id: str, *handlers: Handler) -> None:
    """Deliver in the transaction of a connection."""
    event = payload.read("transcribe.so", completed(event_id))
    assert isinstance(event, Event)
    await deliveries.append(connection, [Delivery(event, SANDBOX_URL, "test", tuple(h.name for h in handlers))])


async def lapse(scratch: Scratch, handler: Handler, limit: int = 1) -> None:
    """Claim jobs as a worker that dies at once."""
    await jobs.claim(
        scratch.db, portions(jobs.queues([ACCOUNT], [handler.name])), lease=timedelta(0), limit=limit
    )  # fmt: skip


async def stored(scratch: Scratch) -> dict[str, StoredJob]:
    """Return the jobs by handler or, if there are several events, by event and handler."""
    found = await listing.jobs(scratch.db)
    several = len({one.event for one in found}) > 1
    return {
        f"{one.event.partition('/')[2]} {one.job.handler}" if several else one.job.handler: one.job for one in found
    }


async def until_ended(scratch: Scratch, state: str = "done") -> None:
    """Wait until no job is pending or running, and hold that all of them are `state`."""

    async def ended() -> bool:
        return not any(job.state in ("pending", "running") for job in (await stored(scratch)).values())

    await until(ended)
    assert {job.state for job in (await stored(scratch)).values()} == {state}


def worker_of(
    scratch: Scratch,
    connections: Connections,
    *handlers: Handler,
    count: int = 4,
    lease: float = 60,
    poll: float = 0.05,
    lapsed: bool = False,
    grace: float = GRACE_SECONDS,
    deadlines: Deadlines | None = None,
    each: int | None = None,
) -> Worker:
    return Worker(
        connections=connections, db=scratch.db, handlers={h.name: h for h in handlers},
        providers={ACCOUNT: scratch.provider},
        http=scratch._http,  # noqa: SLF001
        configured=settings.load(), lanes=count, lease=timedelta(seconds=lease), poll=timedelta(seconds=poll),
        lapsed=lapsed,
        each=each, deadlines=deadlines or Deadlines(finish_again=0.05, grace=grace),
    )  # fmt: skip


@asynccontextmanager
async def working(
    scratch: Scratch,
    *handlers: Handler,
    count: int = 4,
    lease: float = 60,
    poll: float = 0.05,
    stuck: list[str] | None = None,
    grace: float = GRACE_SECONDS,
    each: int | None = None,
) -> AsyncIterator[Worker]:
    """Run a worker. At the end it must still be running, and no task of its own may have died unseen.

    The places where its loop was stuck are added to `stuck`. Without that list the loop must never be stuck.
    """
    blocked: list[str] = [] if stuck is None else stuck
    died: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: died.append(context))
    connections = Connections(scratch.url, statement_seconds=Deadlines().server)
    worker = worker_of(scratch, connections, *handlers, count=count, lease=lease, poll=poll, grace=grace, each=each)
    async with Leases(
        scratch.url, lease=timedelta(seconds=lease), held=worker.held, lost=worker.lose, stuck=blocked.append
    ):
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            await worker.stop(within=timedelta(0))
            connections.close()
    del worker, running
    gc.collect()  # asyncio reports a task's unread exception when the task is collected
    assert died == []
    assert stuck is not None or blocked == []


@asynccontextmanager
async def taking_lapsed(scratch: Scratch, url: str, *handlers: Handler, lease: float = 0.3) -> AsyncIterator[None]:
    """Take lapsed jobs as a worker does, but not in another process."""
    connections = Connections(url)

    async def run(*, stop: asyncio.Event) -> int:
        async with another(scratch, url) as own:
            worker = worker_of(own, connections, *handlers, count=1, lapsed=True)
            running, stopping = asyncio.create_task(worker.run()), asyncio.create_task(stop.wait())
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            worker.leave()
            await running
            await worker.stop(within=timedelta(0))
        return 0

    lapsed = Lapsed(
        connections, handlers=[h.name for h in handlers], accounts=[ACCOUNT], lease=timedelta(seconds=lease),
        poll=timedelta(seconds=0.05), run=run, limits=Limits(at_once=2),
    )  # fmt: skip
    async with Organs({"lapsed": lapsed.watch}):
        yield
    await lapsed.end()
    connections.close()


@asynccontextmanager
async def another(scratch: Scratch, url: str) -> AsyncIterator[Scratch]:
    """Yield a scratch with a pool of its own, as a worker in another process has."""
    async with pool(url, size=10, lent=note_lent) as db:
        yield Scratch(url, db, scratch.sandbox, scratch.provider, scratch._http)  # noqa: SLF001 - as above

"""Workers of others, doing nothing, and one by hand: `python -m tests.benchmarks.queues KIND URL JOBS SECONDS SIZE`.

It makes the jobs, works for some seconds from the first one, and says on stdout how many the database then has as done,
and how long that took.

    pgqueuer        SIZE jobs in a batch
    procrastinate   SIZE jobs at a time
    hand            claim, write a row, and settle in one transaction, one by one; SIZE is unused
"""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any

import asyncpg
import uvloop

HAND = """
create table works (
    id bigint primary key, raw text not null, state text not null default 'pending', done_at timestamptz
);
create index on works (id) where state = 'pending';
create table effects (event text not null)
"""
CLAIM = "select id, raw from works where state = 'pending' order by id limit 1 for update skip locked"
EFFECT = "insert into effects values ($1)"
DONE = "update works set state = 'done', done_at = now() where id = $1"


class Count:
    """The jobs that were done since the first one; `over` is set when the time is up or all are done."""

    def __init__(self, jobs: int, seconds: float) -> None:
        self._jobs, self._seconds = jobs, seconds
        self._done, self._began = 0, 0.0
        self.over = asyncio.Event()

    def add(self) -> None:
        self._began = self._began or time.perf_counter()
        self._done += 1
        if self._done >= self._jobs or self.seconds >= self._seconds:
            self.over.set()

    @property
    def seconds(self) -> float:
        """Return the seconds since the first job."""
        return time.perf_counter() - self._began


async def pgqueuer(url: str, jobs: int, size: int, count: Count) -> None:
    package, queries = import_module("pgqueuer"), import_module("pgqueuer.queries")
    async with asyncpg.create_pool(url) as pool:
        its = queries.Queries.from_asyncpg_pool(pool)
        await its.install()
        for _ in range(-(-jobs // 1000)):
            await its.enqueue(["noop"] * 1000, [None] * 1000, [0] * 1000)
        await pool.execute("analyze")
        worker = package.PgQueuer.from_asyncpg_pool(pool)

        async def noop(job: Any) -> None:  # noqa: ARG001 - what a job does gets it
            count.add()

        worker.entrypoint("noop")(noop)
        await _until_over(worker.run(batch_size=size), count)
        await _say(url, f"select {-(-jobs // 1000) * 1000} - count(*) from pgqueuer", count)


async def procrastinate(url: str, jobs: int, size: int, count: Count) -> None:
    package = import_module("procrastinate")
    itself = url.replace("&service=", "")  # libpq takes an empty name for one that it does not find
    app = package.App(connector=package.PsycopgConnector(conninfo=itself, min_size=2, max_size=size + 2))

    async def noop() -> None:
        count.add()

    app.task(name="noop")(noop)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        connection = await asyncpg.connect(url)
        await connection.execute(
            "insert into procrastinate_jobs (queue_name, task_name) "
            f"select 'default', 'noop' from generate_series(1, {jobs}); analyze"
        )
        await connection.close()
        await _until_over(app.run_worker_async(concurrency=size, install_signal_handlers=False), count)
        await _say(url, "select count(*) from procrastinate_jobs where status = 'succeeded'", count)


async def by_hand(url: str, jobs: int, _: int, count: Count) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(HAND)
    await connection.execute(
        f"insert into works (id, raw) select n, repeat('x', 1300) from generate_series(1, {jobs}) n; analyze"
    )
    while not count.over.is_set():
        async with connection.transaction():
            row = await connection.fetchrow(CLAIM)
            assert row is not None
            await connection.execute(EFFECT, str(row["id"]))
            await connection.execute(DONE, row["id"])
        count.add()
    await connection.close()
    await _say(url, "select count(*) from works where state = 'done'", count)


KINDS: Mapping[str, Callable[[str, int, int, Count], Awaitable[None]]] = {
    "pgqueuer": pgqueuer, "procrastinate": procrastinate, "hand": by_hand,
}  # fmt: skip


async def _until_over(work: Any, count: Count) -> None:
    working, over = asyncio.ensure_future(work), asyncio.ensure_future(count.over.wait())
    await asyncio.wait({working, over}, return_when=asyncio.FIRST_COMPLETED)
    if not over.done():
        await working  # it has failed, and says why


async def _say(url: str, done: str, count: Count) -> None:
    """Say how many are done and how long it took; then wait to be killed, because some never end by themselves."""
    connection = await asyncpg.connect(url)
    seconds, jobs = count.seconds, await connection.fetchval(done)
    await connection.close()
    sys.stdout.write(f"{jobs} {seconds}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def main(kind: str, url: str, jobs: str, seconds: str, size: str) -> None:
    """Do one turn."""
    logging.disable(logging.WARNING)  # what somebody's worker says about how it was started
    count = Count(int(jobs), float(seconds))
    await KINDS[kind](url, int(jobs), int(size), count)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))

"""`health.presence`: a worker that is gone is missed while jobs wait, and one that has ended well is forgotten."""

import asyncio
import os
import re
from datetime import timedelta

import pytest

from receiver.database import Connections, Pool
from receiver.events import Event
from receiver.health import checks
from receiver.health.presence import Deadlines, Presence, missing_worker
from receiver.health.telling import UNSEEN, processes
from receiver.inbox import deliveries
from receiver.inbox.deliveries import Delivery
from receiver.providers.transcribe_so import payload
from tests.processes import completed, free_port
from tests.worker.working import until

API = "https://api.test"
SEEN = "select kind, api_url, pid, seen_at from receiver.processes"


async def append(db: Pool, *, api_url: str = API) -> None:
    event = payload.read("transcribe.so", completed("evt_1"))
    assert isinstance(event, Event)
    async with db.acquire() as connection:
        await deliveries.append(connection, [Delivery(event, api_url, "abcdef", ("a",))])


async def test_a_process_is_seen_again_and_again_until_it_leaves(db: Pool, receiver_database: str) -> None:
    connections = Connections(receiver_database)
    presence = Presence(connections, kind="worker", api_url=API, deadlines=Deadlines(between=0.01, statement=60))
    keeping = asyncio.create_task(presence.keep())

    async def seen() -> bool:
        return bool(await db.fetch(SEEN))

    await until(seen)
    (first,) = await db.fetch(SEEN)

    async def seen_again() -> bool:
        (now,) = await db.fetch(SEEN)
        return bool(now["seen_at"] > first["seen_at"])

    await until(seen_again)
    await db.execute("delete from receiver.processes")  # as if a person had deleted the rows
    await until(seen)
    keeping.cancel()
    await presence.leave()
    connections.close()
    assert not await db.fetch(SEEN)


async def test_a_process_without_a_database_goes_on() -> None:
    connections = Connections(f"postgresql://u@127.0.0.1:{free_port()}/d")
    presence = Presence(connections, kind="web", api_url=API, deadlines=Deadlines(between=0))
    keeping = asyncio.create_task(presence.keep())
    await asyncio.wait({keeping}, timeout=0.2)
    assert not keeping.done()
    keeping.cancel()
    await presence.leave()
    connections.close()


def test_a_process_is_not_missed_if_one_note_is_lost() -> None:
    """The statement of the lost note takes all its time, and there is a pause before it and after it."""
    usual = Deadlines()
    assert timedelta(seconds=usual.between + usual.statement + usual.between) < UNSEEN


async def test_rows_that_nobody_has_seen_for_a_day_are_forgotten(db: Pool, receiver_database: str) -> None:
    await db.execute(
        "insert into receiver.processes (id, kind, api_url, host, pid, version, seen_at) "
        "select gen_random_uuid(), 'web', 'x', 'h', hours, '0', now() - make_interval(hours => hours) "
        "from unnest(array[1, 23, 25]) hours"
    )
    connections = Connections(receiver_database)
    keeping = asyncio.create_task(Presence(connections, kind="web", api_url=API).keep())

    async def forgotten() -> bool:
        return {row["pid"] for row in await db.fetch(SEEN)} == {1, 23, os.getpid()}

    await until(forgotten)
    keeping.cancel()
    connections.close()


@pytest.mark.parametrize(
    ("seen_ago", "kind", "job", "said"),
    [
        (None, "worker", None, "no worker for {api} is running: run `receiver work` (or `up`)"),
        (None, "worker", "pending", "no worker for {api} is running, and jobs wait: run `receiver work`"),
        (60, "worker", None, "the last worker for {api} was seen N s ago: run `receiver work` (or `up`)"),
        (60, "worker", "pending", "the last worker for {api} was seen N s ago, and jobs wait: run `receiver work`"),
        (60, "worker", "running", "the last worker for {api} was seen N s ago, and jobs wait: run `receiver work`"),
        (60, "worker", "done", "the last worker for {api} was seen N s ago: run `receiver work` (or `up`)"),
        (3, "worker", "pending", "a worker is running"),
        (3, "web", "pending", "no worker for {api} is running, and jobs wait: run `receiver work`"),
    ],
)
async def test_a_worker_is_missed_where_jobs_wait(
    db: Pool, seen_ago: float | None, kind: str, job: str | None, said: str
) -> None:
    if seen_ago is not None:
        await db.execute(
            "insert into receiver.processes (id, kind, api_url, host, pid, version, seen_at) "
            "values (gen_random_uuid(), $1, $2, 'h', 1, '0', now() - $3::interval)",
            kind, API, timedelta(seconds=seen_ago),
        )  # fmt: skip
    if job is not None:
        await append(db)
        await db.execute(f"update receiver.jobs set state = '{job}'")
    finding = checks.worker(await missing_worker(db, handlers=["a"], api_url=API))
    assert (finding.name, re.sub(r"seen \d+ s", "seen N s", finding.said)) == ("worker", said.format(api=API))
    assert finding.holds is ("jobs wait" not in said)


async def test_the_processes_that_were_seen_lately_are_counted(db: Pool) -> None:
    for kind, seen_ago, whose in (
        ("web", 3, API),
        ("web", 3, API),
        ("worker", 3, API),
        ("web", 60, API),
        ("web", 3, "x"),
    ):
        await db.execute(
            "insert into receiver.processes (id, kind, api_url, host, pid, version, seen_at) "
            "values (gen_random_uuid(), $1, $2, 'h', 1, '0', now() - $3::interval)",
            kind, whose, timedelta(seconds=seen_ago),
        )  # fmt: skip
    assert checks.processes(await processes(db, API)).said == "2 web processes, 1 worker"
    assert checks.processes(await processes(db, "x")).said == "1 web process, 0 workers"


@pytest.mark.parametrize(("seen_ago", "api_url", "told"), [(3, API, True), (60, API, False), (3, "other", False)])
async def test_a_worker_that_runs_and_cannot_do_its_work_is_reported(
    db: Pool, seen_ago: float, api_url: str, *, told: bool
) -> None:
    """Workers without trouble beside it do not hide that."""
    for trouble, whose in (("it cannot", api_url), (None, API)):
        await db.execute(
            "insert into receiver.processes (id, kind, api_url, host, pid, version, seen_at, trouble) "
            "values (gen_random_uuid(), 'worker', $1, 'h', 1, '0', now() - $2::interval, $3)",
            whose, timedelta(seconds=seen_ago if trouble else 1), trouble,
        )  # fmt: skip
    finding = checks.worker(await missing_worker(db, handlers=["a"], api_url=API))
    assert finding.holds is not told
    assert finding.said == ("a worker is running, and reports: it cannot" if told else "a worker is running")


async def test_what_a_process_has_trouble_with_is_seen_until_it_has_none(db: Pool, receiver_database: str) -> None:
    connections = Connections(receiver_database)
    troubles = ["it cannot", None]
    presence = Presence(
        connections, kind="worker", api_url=API, trouble=lambda: troubles[0],
        deadlines=Deadlines(between=0.01, statement=60),
    )  # fmt: skip
    keeping = asyncio.create_task(presence.keep())

    async def seen() -> bool:
        return [row["trouble"] for row in await db.fetch("select trouble from receiver.processes")] == troubles[:1]

    await until(seen)
    del troubles[0]
    await until(seen)
    keeping.cancel()
    await presence.leave()
    connections.close()


@pytest.mark.parametrize(
    ("api_url", "handlers", "waiting", "wait"),
    [
        (API, ["a"], 0, True),
        (API, ["b"], 0, False),
        ("https://other.test", ["a"], 0, False),
        (API, ["a"], 600, False),
    ],
)
async def test_only_jobs_that_some_worker_here_could_run_wait(
    db: Pool,
    api_url: str,
    handlers: list[str],
    waiting: float,
    wait: bool,  # noqa: FBT001 - a case
) -> None:
    await append(db)
    missing = await missing_worker(db, handlers=handlers, api_url=api_url, waiting=timedelta(seconds=waiting))
    assert missing.jobs_wait is wait

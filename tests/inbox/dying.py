"""Dead jobs, many at once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from receiver import database
from receiver.database import Connection, Database
from tests.processes import Processes

T = TypeVar("T")

API = "https://api.test"
AN_HOUR = timedelta(hours=1)
EVENTS = """
    insert into receiver.events (
        source, event_id, api_url, account, type, transcription_id, title, raw, secret_fingerprint, origin, received_at
    )
    select
        'transcribe.so', $1::text || n, $2, $3, $4::text, $1::text || n, 'Episode ' || n, convert_to(format(
            '{"id": "%s", "event": "%s", "created": 1, "data": {"transcription": {"id": %s}}}', $1::text || n,
            $4::text, n), 'UTF8'), 'fp', 'webhook', now() - $5::interval + n * interval '1 ms'
    from generate_series(1, $6::integer) n
"""
JOBS = """
    insert into receiver.jobs (event, handler, source, api_url, account, state, attempt, error)
    select id, $2::text, source, api_url, account, $3::text::receiver.job_state, 3, replace($4::text, '{}', event_id)
    from receiver.events where event_id like $1::text || '%' order by id
"""


async def store(
    db: Database, prefix: str, number: int, *, error: str | None = "no {}", handler: str = "crm", state: str = "dead",
    event_type: str = "transcription.completed", account: str = "default", age: timedelta = AN_HOUR,
    api_url: str = API,
) -> None:  # fmt: skip
    """Store events that are called `prefix` and a number, each with a job; {} in the error is the event's id."""
    await db.execute(EVENTS, prefix, api_url, account, event_type, age, number)
    await db.execute(JOBS, prefix, handler, state, error)


def on(processes: Processes, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Do something on the database of processes."""

    async def main() -> T:
        connection = await database.connect(processes.environment["DATABASE_URL"])
        try:
            return await work(connection)
        finally:
            await connection.close()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(main())


def fill(processes: Processes, prefix: str, number: int, **more: Any) -> None:
    """Store events and jobs as `store` does, on the database of processes."""
    on(processes, lambda connection: store(connection, prefix, number, **more))


def states_of(processes: Processes, prefix: str = "") -> dict[str, int]:
    """Return what `states` does, of the database of processes."""
    return on(processes, lambda connection: states(connection, prefix))


async def states(db: Database, prefix: str = "") -> dict[str, int]:
    """Return how many jobs are in each state, of the events that are called so."""
    rows = await db.fetch(
        "select j.state::text, count(*) as number from receiver.jobs j join receiver.events e on e.id = j.event"
        " where e.event_id like $1::text || '%' group by 1",
        prefix,
    )
    return {row["state"]: row["number"] for row in rows}

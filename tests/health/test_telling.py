"""`receiver.health.telling`: what a process has counted is in the totals once, whatever becomes of an answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from receiver.database import Connections, Pool, query
from receiver.events import AccountId
from receiver.health import checks, telling
from receiver.health.counts import Counts, Series
from receiver.health.finding import Finding
from receiver.health.presence import Deadlines, Presence
from receiver.health.telling import Teller, Told
from tests.worker.working import until

API = "https://api.test"
STORED = Series("deliveries", ("default", "stored"))
FULL = Finding("spool", holds=False, seen="full", todo="empty it")
KNOWN = Told({Series("spool_bytes"): 5.0}, [FULL, Finding("log", holds=True, seen="")])
TOLD = Told({Series("spool_bytes"): 5.0}, [FULL, Finding("log", holds=True, seen="ok")])


async def running(db: Pool) -> UUID:
    """Make the row of a process, and return its id."""
    process = uuid4()
    await db.execute(
        "insert into receiver.processes (id, kind, api_url, host, pid, version) values ($1, 'web', $2, 'h', 7, '1')",
        process, API,
    )  # fmt: skip
    return process


async def tell(db: Pool, teller: Teller, process: UUID) -> None:
    async with db.acquire() as connection:
        await teller.tell(connection, process)


async def note(db: Pool, process: UUID, told: Told) -> None:
    await db.execute(query("health/note_told"), process, json.dumps(told.to_json()))


async def minutes(db: Pool) -> float:
    total: float = await db.fetchval("select coalesce(sum(value), 0) from receiver.minutes")
    return total


def stored(number: int) -> Counts:
    counts = Counts()
    counts.add(STORED.name, *STORED.labels, by=number)
    return counts


async def test_the_totals_are_what_all_processes_have_counted(db: Pool) -> None:
    for number in (3, 4):
        counts, process = stored(number), await running(db)
        teller = Teller(counts)
        await tell(db, teller, process)
        counts.add("deliveries", "default", "stored")
        await tell(db, teller, process)
        await tell(db, teller, process)
    assert await telling.totals(db) == {STORED: 9.0}
    assert await minutes(db) == 9.0


async def test_what_was_written_down_and_not_answered_is_not_counted_twice(db: Pool) -> None:
    """The process does not know that its counts were written down, and tells them again, with more."""
    process, counts = await running(db), stored(3)
    await tell(db, Teller(counts), process)
    counts.add("deliveries", "default", "stored")
    await tell(db, Teller(counts), process)
    assert await telling.totals(db) == {STORED: 4.0}
    assert await minutes(db) == 4.0


async def test_a_row_that_was_removed_meanwhile_changes_no_total(db: Pool) -> None:
    """It was not seen for a day, or a person has removed it; or the process has left, and counts the last jobs."""
    process, counts = await running(db), stored(3)
    teller = Teller(counts)
    await tell(db, teller, process)
    await db.execute("delete from receiver.processes")
    counts.add("deliveries", "default", "stored")
    await tell(db, teller, process)
    await tell(db, teller, await running(db))
    assert await telling.totals(db) == {STORED: 4.0}


async def test_two_texts_of_a_series_are_one_series(db: Pool) -> None:
    """SQL writes some characters in another way."""
    await db.execute(
        "insert into receiver.totals values ($1, 1), ($2, 2)", 'events["a\\u00fc"]', 'events["aü"]',
    )  # fmt: skip
    assert await telling.totals(db) == {Series("events", ("aü",)): 3.0}


async def test_what_a_process_knows_is_read_by_others_until_it_changes(db: Pool) -> None:
    process = await running(db)
    await note(db, process, TOLD)
    (found,) = await telling.processes(db, API)
    assert (found.name, found.is_running) == ("web h/7", True)
    assert found.told == KNOWN
    assert await telling.processes(db, "https://other.test") == []
    finding = checks.processes([found])
    assert (finding.holds, finding.said) == (False, "1 web process, 0 workers; web h/7: spool: full: empty it")
    assert checks.processes([found], trusted=False).said == "1 web process, 0 workers"
    await note(db, process, Told())
    (found,) = await telling.processes(db, API)
    assert checks.processes([found]).holds


async def test_nobody_sends_for_an_account_of_which_every_worker_says_so(db: Pool) -> None:
    """A worker of an older version does not say."""
    account, other = AccountId("timbr", "https://timbr.test", "big-show"), AccountId("timbr", API, "default")
    assert await telling.nobody_sends(db, account, API) == (
        "no worker has been seen for 5 s: run `receiver work`, or `receiver up`"
    )
    first, second = await running(db), await running(db)
    await db.execute("update receiver.processes set kind = 'worker', seen_at = now() + interval '1 h'")
    told = Told(sends_for=frozenset({other}))
    await note(db, first, told)
    assert await telling.nobody_sends(db, account, API) is None
    await note(db, second, told)
    assert await telling.nobody_sends(db, account, API) == (
        "no worker that runs sends to timbr, account big-show at https://timbr.test: set its key where a worker runs "
        "(RECEIVER_CALLS must not be 0 there), and start that again"
    )
    assert await telling.nobody_sends(db, other, API) is None
    assert await telling.nobody_sends(db, None, API) is None
    await db.execute("""update receiver.processes set told = '{"sends_for": 7}' where id = $1""", second)
    assert await telling.nobody_sends(db, account, API) is None
    await note(db, second, Told(sends_for=frozenset({account, other})))
    assert {one.told.sends_for for one in await telling.processes(db, API)} == {
        frozenset({other}), frozenset({account, other})
    }  # fmt: skip
    assert await telling.nobody_sends(db, account, API) is None


async def test_a_process_that_was_not_seen_for_long_reports_nothing_more(db: Pool) -> None:
    process = await running(db)
    await note(db, process, TOLD)
    await db.execute("update receiver.processes set seen_at = now() - interval '1 min'")
    (found,) = await telling.processes(db, API)
    assert not found.is_running
    assert found.unseen_for >= timedelta(minutes=1)
    assert checks.processes([found]).said == "0 web processes, 0 workers"


@pytest.mark.parametrize(
    "told",
    [
        {}, [], None, {"gauges": None, "findings": "x"}, {"findings": [{"name": "a"}, "b", None]}, {"more": 1},
        {"gauges": {"x[]": {"v": 1}, "x": 1, "x{": 2, "": 3}},
    ],
)  # fmt: skip
def test_what_another_version_tells_is_no_trouble(told: object) -> None:
    assert telling.read(told) == Told()


def test_what_this_version_understands_of_another_one_is_read() -> None:
    told = {
        "gauges": {"new[]": {"v": 1}, "spool_bytes[]": 5},
        "findings": [
            {"name": "new", "holds": "maybe"},
            {"name": "spool", "holds": False, "seen": "full", "todo": "empty it"},
        ],
    }
    assert telling.read(told) == Told({Series("spool_bytes"): 5.0}, [FULL])


async def test_a_series_that_this_version_cannot_read_hides_no_other(db: Pool) -> None:
    await db.execute("insert into receiver.totals values ('new', 1), ('deliveries[\"default\", \"stored\"]', 2)")
    assert await telling.totals(db) == {STORED: 2.0}


@pytest.fixture
async def connections(receiver_database: str) -> AsyncIterator[Connections]:
    found = Connections(receiver_database)
    yield found
    found.close()


async def test_a_process_tells_again_and_again_and_at_its_end(db: Pool, connections: Connections) -> None:
    counts = stored(1)

    async def told() -> Told:
        return TOLD

    presence = Presence(
        connections, kind="web", api_url=API, counts=counts, told=told,
        deadlines=Deadlines(between=0.01, telling=0.01, statement=60, leaving=60),
    )  # fmt: skip
    keeping = [asyncio.create_task(presence.keep()), asyncio.create_task(presence.tell())]

    async def is_told() -> bool:
        return any(one.told.findings for one in await telling.processes(db, API))

    await until(is_told)
    for task in keeping:
        task.cancel()
    counts.add("deliveries", "default", "stored")
    await presence.leave()
    counts.add("deliveries", "default", "stored")
    await presence.leave()
    assert await telling.processes(db, API) == []
    assert await telling.totals(db) == {STORED: 3.0}


async def test_a_row_whose_counts_were_not_written_down_stays(db: Pool, connections: Connections) -> None:
    """It might know them: the answer can be lost."""
    presence = Presence(connections, kind="web", api_url=API, counts=stored(1), deadlines=Deadlines(between=0.01))
    keeping = asyncio.create_task(presence.keep())

    async def is_seen() -> bool:
        return bool(await telling.processes(db, API))

    await until(is_seen)
    keeping.cancel()
    await db.execute("alter table receiver.totals rename to away")
    await presence.leave()
    assert await telling.processes(db, API)
    await db.execute("alter table receiver.away rename to totals")
    await presence.leave()
    assert not await telling.processes(db, API)
    assert await telling.totals(db) == {STORED: 1.0}


async def test_what_cannot_be_told_does_not_hide_that_a_process_runs(db: Pool, connections: Connections) -> None:
    await db.execute("drop table receiver.totals")
    presence = Presence(
        connections,
        kind="web",
        api_url=API,
        counts=stored(1),
        deadlines=Deadlines(between=0.01, telling=0.01, statement=60),
    )
    keeping = [asyncio.create_task(presence.keep()), asyncio.create_task(presence.tell())]

    async def is_seen() -> bool:
        return bool(await telling.processes(db, API))

    await until(is_seen)
    assert not any(task.done() for task in keeping)
    for task in keeping:
        task.cancel()


async def test_minutes_are_kept_for_two_days(db: Pool, connections: Connections) -> None:
    await db.execute(
        "insert into receiver.minutes select now() - make_interval(hours => hours), 'x[]', hours "
        "from unnest(array[1, 47, 49]) hours"
    )
    keeping = asyncio.create_task(Presence(connections, kind="web", api_url=API).keep())

    async def is_removed() -> bool:
        return bool(await db.fetchval("select count(*) = 2 from receiver.minutes"))

    await until(is_removed)
    keeping.cancel()
    assert await minutes(db) == 48.0


def test_told_is_json() -> None:
    text = json.dumps(TOLD.to_json())
    assert telling.read(json.loads(text)) == KNOWN

"""A prune beside deliveries and comparisons: nothing that comes is lost, and nothing that went comes back."""

import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from receiver.database import Pool
from receiver.inbox import listing
from receiver.inbox.retention import Gone
from tests.inbox.ageing import READ, age, prune
from tests.processes import Processes, completed, until
from tests.submissions.reconciling.bench import opened

OLD = 3000
STORED = """
insert into receiver.events (
    source, event_id, api_url, type, transcription_id, raw, secret_fingerprint, origin, received_at, last_delivered_at
)
select 'transcribe.so', 'evt_old_' || n, 'http://127.0.0.1:1', 'transcription.completed', '4821',
    convert_to(replace('{body}', '@n', n::text), 'UTF8'), '', 'webhook', came, came
from generate_series(1, {old}) n
cross join lateral (select now() - interval '100 days' as came) at
"""


def test_deliveries_beside_a_prune_are_all_answered_and_stored(processes: Processes, receiver_database: str) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    processes.sql(STORED.format(body=completed("evt_old_@n").decode(), old=OLD))
    processes.sql(READ)
    web = processes.serve()
    names = [f"evt_new_{number}" if number % 2 else f"evt_old_{OLD - number}" for number in range(200)]
    prune = processes.start("prune", "--older-than", "90d", "--yes")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda name: web.deliver(completed(name)), names))
    assert prune.end(signal.SIGCONT) == 0
    assert {answer.status_code for answer in answers} == {200}
    said = [answer.json()["status"] for answer in answers]
    assert set(said[1::2]) == {"stored"}
    assert set(said[::2]) <= {"stored", "duplicate"}  # it came after the prune, or before it and keeps its event
    until(lambda: not list((processes.folder / ".receiver").glob("**/*.spool")), "nothing waits in the spool")
    left = processes.sql("select event_id, deliveries from receiver.events")
    assert sorted(row["event_id"] for row in left) == sorted(names)
    assert {row["deliveries"] for row in left if row["event_id"].startswith("evt_new")} == {1}


@pytest.mark.parametrize(("days", "ended", "gone"), [
    (100, 100, Gone(events=1)),  # gone, and it ended before what is compared
    (100, 1, Gone(events=1)),  # gone, although it ended only yesterday by the provider's clock
    (10, 10, Gone(bodies=1)),  # its row stays
])  # fmt: skip
async def test_what_was_announced_and_pruned_is_not_found_missing(db: Pool, days: int, ended: int, gone: Gone) -> None:
    async with opened(db) as here:
        await here.begun(timedelta(days=200))
        item = here.add(7, created=timedelta(days=150), ended=timedelta(days=ended))
        assert await here.delivered(item, "evt_7") == "stored"
        await db.execute("update receiver.jobs set state = 'done'")
        await age(db, await listing.newest_key(db), days)
        assert await prune(db, timedelta(days=90 if gone.events else 3)) == gone
        comparison = await here.compared()
    assert (comparison.compared, comparison.found) == (1, 0)

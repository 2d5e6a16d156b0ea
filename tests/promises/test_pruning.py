"""A prune beside deliveries: all are answered and stored, all that is old goes, and a repeat is either."""

import signal
from concurrent.futures import ThreadPoolExecutor

from tests.processes import Processes, completed, until

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

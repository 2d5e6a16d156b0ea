"""`receiver.health.figures`: what waits, what is broken and what is left, of the accounts that are configured."""

from datetime import timedelta
from pathlib import Path

import pytest

from receiver import settings
from receiver.database import Pool
from receiver.health import figures
from receiver.inbox import dead
from receiver.settings import Settings

API = "https://api.test"
JOBS = """
    with event as (
        insert into receiver.events (source, event_id, api_url, account, type, raw, secret_fingerprint, origin)
        values ('transcribe.so', gen_random_uuid(), $1, $2, 'webhook.test', '', 'f', 'webhook')
        returning id
    )
    insert into receiver.jobs (event, source, api_url, account, handler, state, due_at, is_replay, error)
    select id, 'transcribe.so', $1, $2, $3, $4, now() - $5::interval, $6, $7 from event
"""


@pytest.fixture
def configured(folder: Path) -> Settings:
    return settings.load(
        RECEIVER_DATA_DIR=folder,
        TRANSCRIBE_API_URL=API,
        TRANSCRIBE_API_KEY="tsk_1",
        TRANSCRIBE_API_KEY__TWO="tsk_2",
        TIMBR_API_KEY="key",
        TIMBR_API_URL=API,
    )


async def job(
    db: Pool, state: str, *, handler: str = "a", account: str = "default", due: float = 60, replay: bool = False,
    api: str = API, error: str | None = None,
) -> None:  # fmt: skip
    await db.execute(JOBS, api, account, handler, state, timedelta(seconds=due), replay, error)


async def test_jobs_are_counted_by_handler_for_the_accounts_that_are_configured(db: Pool, configured: Settings) -> None:
    for state, due in (("pending", 60), ("pending", 90), ("pending", -3600), ("running", 0), ("dead", 0), ("done", 0)):
        await job(db, state, due=due)
    await job(db, "pending", account="two", due=30)
    await job(db, "pending", due=9000, replay=True)
    await job(db, "dead", handler="gone")
    await job(db, "pending", api="https://other.test")
    await job(db, "running", api="https://other.test")
    first, second, *idle = (await figures.read(db, configured, ["a", "idle"])).queues
    assert [(queue.handler, queue.is_known, sum(queue[1:5])) for queue in idle] == [
        ("idle", True, 0), ("submissions", True, 0),
    ]  # fmt: skip
    assert (first.handler, first.due, first.waiting, first.running, first.dead) == ("a", 4, 1, 1, 1)
    assert first.oldest is not None
    assert 90 <= first.oldest.total_seconds() < 9000, "a replay waits behind"
    assert first.is_known
    assert (second.handler, second.dead, second.oldest, second.is_known) == ("gone", 1, None, False)


async def test_each_number_of_jobs_has_a_bound(db: Pool, configured: Settings) -> None:
    await job(db, "pending")
    await db.execute(
        "insert into receiver.events (source, event_id, api_url, account, type, raw, secret_fingerprint, origin) "
        "select source, 'e' || n, api_url, account, type, raw, secret_fingerprint, origin "
        "from receiver.events cross join generate_series(1, 10001) n"
    )
    await db.execute(
        "insert into receiver.jobs (event, source, api_url, account, handler, state, due_at) "
        "select id, source, api_url, account, 'b', 'dead', now() from receiver.events"
    )
    found = await figures.read(db, configured, [])
    assert {queue.handler: queue.dead for queue in found.queues} == {"a": 0, "b": 10_000, "submissions": 0}


async def test_the_newest_dead_jobs_are_grouped_by_cause(db: Pool, configured: Settings) -> None:
    for number in range(4):
        await job(db, "dead", error=f"item {number} is refused\nmore")
    await job(db, "dead", error="the newest")
    await job(db, "dead", error="of another API", api="https://other.test")
    accounts = [account.id for account in configured.accounts]
    assert await dead.newest(db, accounts, limit=3) == {("a", "item # is refused"): 2, ("a", "the newest"): 1}


async def test_unfinished_submissions_are_counted_by_state(db: Pool, configured: Settings) -> None:
    states = {"intended": 1, "uploaded": 1, "sent": 1, "unknown": 2, "accepted": 3, "done": 4, "failed": 1}
    for state, number in states.items():
        await db.execute(
            "insert into receiver.submissions (id, source, api_url, account, key_fingerprint, operation, wishes, "
            "recording, caller_key, asked, state, paid_tries, overdue_at, sent_at, accepted_at, ended_at) "
            "select $1::text || n, 'timbr', $2, 'default', 'k', 'separation', '{}', 'a.wav', $1::text || n, 'x', $1, "
            "1, case when n = 1 then now() end, now(), now(), case when $1::text in ('done', 'failed') then now() end "
            "from generate_series(1, $3::int) n",
            state, API, number,
        )  # fmt: skip
    found = (await figures.read(db, configured, [])).submissions
    assert found == {
        ("timbr", "intended"): 1, ("timbr", "uploaded"): 1, ("timbr", "sent"): 1, ("timbr", "unknown"): 2,
        ("timbr", "accepted"): 2, ("timbr", "overdue"): 1, ("transcribe.so", "unknown"): 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ahead", "free", "waits"), [(-60, 5, False), (1.0, 4, False), (4.0, 1, False), (6.0, 0, True), (90, 0, True)]
)
async def test_the_turns_that_are_free_are_told(
    db: Pool, configured: Settings, ahead: float, free: int, *, waits: bool
) -> None:
    """One turn is a step of 1.1 s of the key's 60 a minute, and 5 are free after a rest."""
    await db.execute(
        "insert into receiver.budgets (api_url, key_fingerprint, full_at, line_at, line_behind_at, wait) "
        "values ($1, $2, now() + $3::interval, now(), now(), '0')",
        API, configured.chosen.key_fingerprint, timedelta(seconds=ahead),
    )  # fmt: skip
    (turns,) = (await figures.read(db, configured, [])).turns
    assert (turns.account.name, turns.free, turns.burst, turns.next_in > 0) == ("default", free, 5, waits)


async def test_events_in_quarantine_and_the_database_are_told(db: Pool, configured: Settings) -> None:
    await db.execute(
        "insert into receiver.events (source, event_id, api_url, account, unreadable, raw, secret_fingerprint, origin) "
        "values ('transcribe.so', 'x', $1, 'default', 'no JSON', '', 'f', 'webhook')",
        API,
    )
    found = await figures.read(db, configured, [])
    assert found.quarantined == 1
    assert found.facts.connections >= 1
    assert found.facts.bytes > 1_000_000
    assert found.schema[:5].rstrip("_").isdigit()


async def test_charges_without_an_amount_are_told_of_configured_accounts_that_have_such(
    db: Pool, configured: Settings
) -> None:
    for name, number in (("default", 3), ("two", 0), ("gone", 7)):
        series = f'charges_untold["transcribe.so", "{API}", "{name}"]'
        await db.execute("insert into receiver.totals values ($1, $2)", series, number)
    found = await figures.read(db, configured, [])
    assert {account.account: number for account, number in found.untold_charges.items()} == {"default": 3}

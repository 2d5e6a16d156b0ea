"""`submissions.counts`: what waits, and for whom."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest_asyncio

from receiver.database import Pool, query
from receiver.submissions import counts, looks, ordering, records
from receiver.submissions.counts import Expired, Unresolved, Waiting
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Wanted
from tests.submissions.submitting import ACCOUNT, Bench, bench

WANTED = Wanted(
    account=ACCOUNT.id, key_fingerprint="", operation="transcription", wishes={}, recording="a", url=None, title=None,
    duration_seconds=None, bytes=1, asked="a", if_lost="ask", unit="",
)  # fmt: skip


@pytest_asyncio.fixture
async def here(db: Pool, receiver_database: str) -> AsyncIterator[Bench]:
    async with bench(db, receiver_database) as found:
        yield found


async def moved(here: Bench, prompt: str, *states: State) -> str:
    """Return the id of a submission that has moved through these states."""
    submission = await here.submit(prompt=prompt)
    for state in states:
        change = Change(tries=1 if state is State.SENT else 0, look_after=timedelta(0))
        assert await records.move(here.db, submission.id, state, change) is not None
    return submission.id


async def test_what_has_not_ended_is_counted_for_its_account(here: Bench) -> None:
    assert await counts.waiting(here.db) == {}
    await moved(here, "waits for a worker")
    await moved(here, "is sent", State.SENT)
    await moved(here, "is lost", State.SENT, State.UNKNOWN)
    await moved(here, "has failed", State.SENT, State.FAILED)
    await moved(here, "is done", State.SENT, State.ENDED, State.DONE)
    assert await counts.waiting(here.db) == {ACCOUNT.id: Waiting(unfinished=3, unknown=1)}


async def test_what_is_lost_or_late_is_counted_since_when_it_is(here: Bench) -> None:
    assert await counts.unresolved(here.db) == Unresolved()
    await moved(here, "is sent", State.SENT)
    first, second = [await moved(here, name, State.SENT, State.UNKNOWN) for name in ("lost", "lost too")]
    late = await moved(here, "late", State.SENT, State.ACCEPTED)
    await moved(here, "accepted", State.SENT, State.ACCEPTED)
    over = await moved(here, "was late", State.SENT, State.ACCEPTED)
    async with here.db.acquire() as connection:
        for one in (late, over):
            assert await looks.overdue(connection, one)
    await records.move(here.db, over, State.FAILED)
    sent = [(await records.known(here.db, one)).sent_at for one in (first, second)]
    accepted = (await records.known(here.db, late)).accepted_at
    assert await counts.unresolved(here.db) == Unresolved(2, sent[0], 1, accepted, 3)


async def test_only_uploads_that_are_gone_wait_for_their_command(here: Bench) -> None:
    assert await counts.expired(here.db) == Expired()
    gone = await here.submit(prompt="gone")
    fetched = replace(here.asked(prompt="of an address"), file=None, url="https://files.test/a.mp3")
    await ordering.submit(here.client, here.db, fetched, here.shelf)
    await here.db.execute(
        "update receiver.submissions set remote_file = 'file_1', remote_file_expires_at = '2026-01-02T03:04:05Z'"
    )
    await here.submit(prompt="waits for a worker")
    await records.intend(here.db, WANTED, "is being uploaded")
    await records.move(here.db, gone.id, State.INTENDED)
    assert await counts.expired(here.db) == Expired(1, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


async def test_the_count_of_what_is_lost_reads_no_submission_that_is_over(here: Bench) -> None:
    async with here.db.acquire() as connection, connection.transaction():
        await connection.execute("set local enable_seqscan = off")
        plan = await connection.fetch(f"explain {query('submissions/count_unresolved')}")
    lines = "\n".join(row[0] for row in plan)
    assert "Seq Scan" not in lines
    assert "submissions_unknown" in lines
    assert "submissions_looks" in lines

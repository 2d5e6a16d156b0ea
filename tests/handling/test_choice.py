"""`handling.choice`: what can be replayed is chosen, what cannot is counted, and the calls are estimated from above."""

from collections import Counter
from datetime import timedelta

import pytest

from receiver import settings
from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.handling import choice
from receiver.handling.choice import Choice
from receiver.inbox.dead import Filter
from receiver.providers.rate import Rate
from tests.inbox.dying import API, store

pytestmark = pytest.mark.usefixtures("own_environment")


async def choose(db: Pool, *, limit: int | None = None, known: tuple[str, ...] = ("crm",), **more: str) -> Choice:
    configured = settings.load(
        TRANSCRIBE_API_URL=API, TRANSCRIBE_API_KEY="tsk_1", RECEIVER_TIMESTAMPS="youtube,spotify", **more
    )
    return await choice.choose(db, Filter(), limit=limit, known=known, configured=configured)


async def test_jobs_of_gone_handlers_and_of_other_accounts_are_left_out_and_counted(db: Pool) -> None:
    await store(db, "a", 2)
    await store(db, "b", 3, handler="gone")
    await store(db, "c", 4, account="another")
    found = await choose(db)
    assert (found.handlers, found.gone, found.elsewhere) == (Counter(crm=2), Counter(gone=3), 4)


async def test_at_most_so_many_are_chosen_the_oldest_first(db: Pool) -> None:
    await store(db, "a", 3)
    everyone = await choose(db)
    assert (await choose(db, limit=2)).jobs == everyone.jobs[:2]


async def test_calls_are_the_answers_that_are_not_kept(db: Pool) -> None:
    await store(db, "a", 4)
    await db.execute("update receiver.events set transcription_id = 'a1' where event_id = 'a2'")  # the same one
    await db.execute(
        "insert into receiver.archive (source, api_url, transcription_id, completed_at, kind, answer) values"
        " ('transcribe.so', $1, 'a1', '', 'result', 'x'),"
        " ('transcribe.so', $1, 'a1', '', 'timestamps/youtube/bold', 'x'),"
        " ('transcribe.so', 'https://other.test', 'a3', '', 'result', 'x')",
        API,
    )
    found = await choose(db)
    assert found.calls == 3 * 3 - 2
    assert found.takes == timedelta(seconds=7 * Rate.of(60).step)


async def test_accounts_are_asked_beside_each_other_at_the_rate_of_their_keys(db: Pool) -> None:
    await store(db, "a", 2)
    await store(db, "b", 3, account="big-show")
    found = await choose(db, TRANSCRIBE_API_KEY__BIG_SHOW="tsk_2")
    assert (found.calls, found.takes) == (15, timedelta(seconds=9 * Rate.of(60).step))


async def test_what_is_no_finished_transcription_costs_nothing(db: Pool) -> None:
    await store(db, "a", 2, event_type="transcription.failed")
    found = await choose(db)
    assert (len(found.jobs), found.calls, found.takes) == (2, 0, timedelta(0))


async def test_of_very_many_the_calls_are_reckoned_from_some(db: Pool) -> None:
    await store(db, "a", 2 * choice.MOST_LOOKED_AT + 1)
    await db.execute("update receiver.events set type = 'transcription.failed' where id % 3 = 0")
    found = await choose(db)
    all_of_them = 3 * len(found.jobs) * 2 / 3
    assert 0.9 < found.calls / all_of_them < 1.1


async def test_no_more_are_replayed_than_a_person_was_told_of_the_oldest_first(db: Pool) -> None:
    await store(db, "a", 5)
    await store(db, "b", 1, account="another")
    configured = settings.load(TRANSCRIBE_API_URL=API, TRANSCRIBE_API_KEY="tsk_1")
    for limit, said, filter_ in ((5, 3, {"handler": "crm"}), (2, 5, {"handler": "crm", "limit": 2})):
        begun = await choice.replay(
            db, Filter(handler="crm"), limit=limit, said=said, known=["crm"], configured=configured, by="me@here"
        )
        assert (begun.total, begun.filter) == (min(limit, said), filter_)
    rows = await db.fetch("select job from receiver.replay_jobs where replay = $1 order by job", begun.id)
    assert [row["job"] for row in rows] == [job.id for job in (await choose(db, limit=2)).jobs]
    with pytest.raises(ImpossibleError, match="nothing of this is dead any more"):
        await choice.replay(db, Filter(handler="crm"), limit=1, said=1, known=[], configured=configured, by="me@here")

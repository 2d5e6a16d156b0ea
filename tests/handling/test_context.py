"""`receiver.handling.context`: what it gives is the event's, and the effects of a job and its completion are one."""

import asyncio
import contextlib
import functools
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from receiver import Context, Event, GiveUp, LeaseLostError, TranscribeSo, handler
from receiver.errors import ImpossibleError
from receiver.handling import Completing
from receiver.inbox import jobs, listing
from receiver.inbox.retry import Again, Dead
from receiver.sandbox import EXAMPLE_ID
from receiver.testing import ACCOUNT, SANDBOX_URL, Scratch
from tests.inbox.ending import finish
from tests.inbox.portions import portions


@handler("transcription.completed")
async def example(event: Event, ctx: Context) -> None:
    """Do nothing."""


class OtherApi:
    """The client of another source."""


async def effects(scratch: Scratch) -> int:
    count: int = await scratch.db.fetchval("select count(*) from effects")
    return count


async def test_the_client_is_that_of_the_events_account(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(example)
    assert ctx.api(TranscribeSo) is ctx.provider is receiver_scratch.provider
    assert ctx.account == (event.source, SANDBOX_URL, "default")
    other = OtherApi()
    elsewhere = replace(ctx, event=replace(event, source="other.example"), client=other)
    assert elsewhere.api(OtherApi) is other


async def test_another_client_than_that_of_the_events_source_is_refused_for_good(receiver_scratch: Scratch) -> None:
    """The message says which one to ask for."""
    event, ctx = await receiver_scratch.claim(example)
    with pytest.raises(GiveUp) as refused:
        ctx.api(OtherApi)
    assert str(refused.value) == "this event is from transcribe.so: ctx.api(TranscribeSo)"
    elsewhere = replace(ctx, event=replace(event, source="other.example"), client=OtherApi())
    for ask in (functools.partial(getattr, elsewhere, "provider"), functools.partial(elsewhere.api, TranscribeSo)):
        with pytest.raises(GiveUp) as refused:
            ask()
        assert str(refused.value) == "this event is from other.example: ctx.api(OtherApi)"
    with pytest.raises(GiveUp, match=r"from other\.example: ctx\.api\(OtherApi\)"):
        await elsewhere.timestamps("youtube")


async def test_a_submission_whose_result_is_not_kept_has_no_transcript(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(example)
    elsewhere = replace(ctx, event=replace(event, source="other.example"), client=OtherApi())
    with pytest.raises(GiveUp, match="the result of its submission is not kept"):
        await elsewhere.transcript()


async def test_completing_commits_the_effects_and_the_completion_together(receiver_scratch: Scratch) -> None:
    await receiver_scratch.db.execute("create table effects ()")
    event, ctx = await receiver_scratch.claim(example)
    async with ctx.completing() as tx:
        await tx.execute("insert into effects default values")
        during = ctx.completion.stage
        assert await effects(receiver_scratch) == 0
        assert await receiver_scratch.state(event) == "pending"
    assert await effects(receiver_scratch) == 1
    assert await receiver_scratch.state(event) == "done"
    assert (during, ctx.completion.stage) == (Completing.OPEN, Completing.COMMITTED)
    ended = await receiver_scratch.db.fetch("select attempt, outcome, worker is null from receiver.attempts")
    assert [tuple(row) for row in ended] == [(1, "done", False)]
    with pytest.raises(ImpossibleError, match="once"):
        async with ctx.completing() as tx:
            await tx.execute("insert into effects default values")
    assert await effects(receiver_scratch) == 1


@pytest.mark.parametrize("failure", [RuntimeError("no"), asyncio.CancelledError(), SystemExit(1)])
async def test_completing_that_fails_leaves_neither(receiver_scratch: Scratch, failure: BaseException) -> None:
    await receiver_scratch.db.execute("create table effects ()")
    event, ctx = await receiver_scratch.claim(example)

    async def fail() -> None:
        async with ctx.completing() as tx:
            await tx.execute("insert into effects default values")
            raise failure

    with pytest.raises(type(failure)):
        await fail()
    assert await effects(receiver_scratch) == 0
    assert await receiver_scratch.state(event) == "pending"
    assert ctx.completion.stage is Completing.UNUSED
    assert await finish(receiver_scratch.db, ctx.job, ctx.attempt, Dead("still ours"))


async def test_completing_a_job_that_the_handler_has_removed_leaves_nothing_else(receiver_scratch: Scratch) -> None:
    await receiver_scratch.db.execute("create table effects ()")
    event, ctx = await receiver_scratch.claim(example)

    async def remove() -> None:
        async with ctx.completing() as tx:
            await tx.execute("insert into effects default values")
            await tx.execute("delete from receiver.jobs")

    with pytest.raises(LeaseLostError, match="the job is gone: what the handler wrote is rolled back"):
        await remove()
    assert await effects(receiver_scratch) == 0
    assert await receiver_scratch.state(event) == "pending"


@pytest.mark.parametrize("end", ["rollback", "commit"])
async def test_completing_is_no_success_if_the_handler_ends_its_transaction(
    receiver_scratch: Scratch, end: str
) -> None:
    event, ctx = await receiver_scratch.claim(example)

    async def finish_it() -> None:
        async with ctx.completing() as tx:
            await tx.execute(end)

    with pytest.raises(ImpossibleError, match=r"example has ended the transaction of completing\(\) itself"):
        await finish_it()
    assert await receiver_scratch.state(event) == "pending"


async def test_a_row_of_its_history_refuses_no_completion(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(example)
    text = "insert into receiver.attempts (job, attempt, outcome) values ($1, $2, 'lost')"
    await receiver_scratch.db.execute(text, ctx.job, ctx.attempt)
    async with ctx.completing():
        pass
    assert await receiver_scratch.state(event) == "done"


async def test_a_swallowed_database_error_does_not_commit_half(receiver_scratch: Scratch) -> None:
    """PostgreSQL rolls an aborted transaction back at its commit, without an error."""
    await receiver_scratch.db.execute("create table effects (n integer primary key)")
    event, ctx = await receiver_scratch.claim(example)

    async def swallow() -> None:
        async with ctx.completing() as tx:
            await tx.execute("insert into effects values (1)")
            with contextlib.suppress(asyncpg.UniqueViolationError):
                await tx.execute("insert into effects values (1)")

    with pytest.raises(asyncpg.InFailedSQLTransactionError):
        await swallow()
    assert await effects(receiver_scratch) == 0
    assert await receiver_scratch.state(event) == "pending"
    assert ctx.completion.stage is Completing.UNUSED


async def test_completing_refuses_a_second_use_while_the_first_is_open(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(example)
    async with ctx.completing():
        with pytest.raises(ImpossibleError, match=r"example uses completing\(\) twice"):
            async with ctx.completing():
                pytest.fail("it was let in")
    assert await receiver_scratch.state(event) == "done"


async def test_completing_refuses_when_the_lease_was_lost(receiver_scratch: Scratch) -> None:
    db = receiver_scratch.db
    await db.execute("create table effects ()")
    event, ctx = await receiver_scratch.claim(example)
    await db.execute("update receiver.jobs set due_at = now()")
    (theirs,) = await jobs.claim_lapsed(db, [ACCOUNT], ["example"], lease=timedelta(minutes=1), limit=1)
    with pytest.raises(LeaseLostError, match="another worker"):
        async with ctx.completing() as tx:
            await tx.execute("insert into effects default values")
    assert await effects(receiver_scratch) == 0
    assert await receiver_scratch.state(event) == "pending"
    async with replace(ctx, attempt=theirs.attempt).completing() as tx:  # theirs is whole
        await tx.execute("insert into effects default values")
    assert await effects(receiver_scratch) == 1
    assert await receiver_scratch.state(event) == "done"


async def test_nobody_takes_a_job_that_is_being_completed_even_when_its_lease_runs_out(
    receiver_scratch: Scratch,
) -> None:
    db = receiver_scratch.db
    event, ctx = await receiver_scratch.claim(example)
    await db.execute("update receiver.jobs set due_at = now()")
    async with ctx.completing() as tx, asyncio.timeout(10):
        lapsed = await jobs.claim_lapsed(db, [ACCOUNT], ["example"], lease=timedelta(minutes=1), limit=1)
        assert lapsed == []
        assert await tx.fetchval("show idle_in_transaction_session_timeout") == "1min"
    assert await receiver_scratch.state(event) == "done"


async def test_the_idempotency_key_is_the_same_in_every_attempt_and_no_other_jobs(receiver_scratch: Scratch) -> None:
    db = receiver_scratch.db
    event, ctx = await receiver_scratch.claim(example)
    await finish(db, ctx.job, ctx.attempt, Again(timedelta(0), "why"))
    (stored,) = await listing.find(db, event.id)
    await jobs.replay(db, stored.key, ["example"])
    (again,) = await jobs.claim(db, portions(jobs.queues([ACCOUNT], ["example"])), lease=timedelta(minutes=1), limit=1)
    assert (again.attempt, again.idempotency_key) == (2, ctx.idempotency_key)
    others = [
        replace(again, **change)
        for change in (
            {"handler": "other"}, {"event_id": "evt_other"}, {"source": "other.example"}, {"api_url": "http://other"},
            {"account": "second"}, {"transcription_id": "666"}, {"transcription_id": None},
            {"transcription_id": f"{again.transcription_id}\0exa", "handler": "mple"},
        )
    ]  # fmt: skip
    keys = {claim.idempotency_key for claim in [again, *others]}
    assert len(keys) == 1 + len(others)
    assert all(key.startswith("rcv-") and key.isascii() and len(key) < 64 for key in keys)
    assert replace(again, kept_key="rcv-of-before").idempotency_key == "rcv-of-before"


async def test_a_transcript_and_timestamps_are_those_of_the_events_transcription(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(example)
    transcript = await ctx.transcript()
    assert (transcript.segments != (), transcript.title) == (True, event.transcription.title)
    assert (await ctx.timestamps("youtube")).style == "balanced"
    assert (await ctx.timestamps("youtube", style="punchy")).style == "punchy"
    rows = await receiver_scratch.db.fetch("select * from receiver.archive order by kind")
    assert [(row["transcription_id"], row["completed_at"], row["kind"]) for row in rows] == [
        (str(EXAMPLE_ID), "2026-04-29T14:25:27.968Z", kind)
        for kind in ("result", "timestamps/youtube/balanced", "timestamps/youtube/punchy")
    ]
    other = replace(ctx, event=replace(ctx.event, transcription=replace(ctx.event.transcription, completed_at=None)))
    await other.transcript()
    assert await receiver_scratch.db.fetchval("select count(*) from receiver.archive where completed_at = ''") == 1


async def test_an_event_without_transcription_has_no_transcript_and_no_timestamps(receiver_scratch: Scratch) -> None:
    _, ctx = await receiver_scratch.claim(example, "webhook.test", id=None)
    for ask in (ctx.transcript, functools.partial(ctx.timestamps, "youtube")):
        with pytest.raises(GiveUp, match="names no transcription"):
            await ask()

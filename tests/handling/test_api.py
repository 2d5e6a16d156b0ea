"""`receiver.handling.api`: what `@handler` takes, and that the effects of a job and its completion are one."""

import asyncio
import contextlib
import functools
import math
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from receiver import Context, Event, GiveUp, Handler, LeaseLostError, RetryPolicy, handler
from receiver.errors import HandlerLoadError, ImpossibleError
from receiver.handling import Completing
from receiver.inbox import deliveries, jobs
from receiver.inbox.retry import Again, Dead
from receiver.sandbox import EXAMPLE_ID
from receiver.testing import SANDBOX_URL, Scratch


async def works(event: Event, ctx: Context) -> None:
    """Do nothing."""


def yields(_event: Event, _ctx: Context) -> Iterator[None]:
    """Do nothing, and that only when asked."""
    yield


async def yields_later(_event: Event, _ctx: Context) -> AsyncIterator[None]:
    """Do nothing either."""
    yield


@handler("transcription.completed")
async def example(event: Event, ctx: Context) -> None:
    """Do nothing."""


@handler("transcription.*", "webhook.test")
async def families(event: Event, ctx: Context) -> None:
    """Do nothing."""


@handler("*")
async def everything(event: Event, ctx: Context) -> None:
    """Do nothing."""


async def effects(scratch: Scratch) -> int:
    count: int = await scratch.db.fetchval("select count(*) from effects")
    return count


def swapped_by_annotations(a: Context, b: Event) -> None:
    """Do nothing."""


def swapped_by_names(ctx, event):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - as many are written
    """Do nothing."""


def swapped_by_texts(a: "Context", b: "receiver.Event") -> None:  # type: ignore[name-defined]  # noqa: F821
    """Do nothing."""


def swapped_and_not_used(_ctx, _):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Do nothing."""


def named_the_other_way(ctx: Event, event: Context) -> None:
    """Do nothing. The annotations say what the names do not."""


class Objects:
    """A class, its methods, and what can be called."""

    def forgetful(self, event: Event) -> None:
        """Do nothing."""

    def whole(self, event: Event, ctx: Context) -> None:
        """Do nothing."""

    async def __call__(self, event: Event, ctx: Context) -> None:
        """Do nothing."""


class Yielding:
    """An object that yields when it is called."""

    def __call__(self, _event: Event, _ctx: Context) -> Iterator[None]:
        yield


PATTERNS = '@handler needs patterns such as "transcription.completed", "transcription.*"'
NAME = "a handler's name is a printable text of 1 to 100 characters, not "
RETRY = "works: retry must be a RetryPolicy such as RetryPolicy(attempts=3), not "
TIMEOUT = "works: timeout must be a positive number of seconds, at most 604800, not "
ORDER = "its parameters are an event and a context, in this order"
UNNAMED = 'it has no name: give it one, @handler(…, name="…")'

Case = tuple[dict[str, Any], Any, str]  # the arguments of @handler, the function, and what is said


def each(argument: str, values: Iterable[Any], said: str) -> list[Case]:
    return [({argument: value}, works, f"{said}{value!r}") for value in values]


REFUSED: list[Case] = [
    ({"patterns": []}, works, PATTERNS),
    ({"patterns": [works]}, works, f"{PATTERNS}, not <function works"),
    ({"patterns": ["a.b", ""]}, works, f"{PATTERNS}, not ''"),
    *(({"patterns": [pattern]}, works, f"{PATTERNS}, not {pattern!r}") for pattern in (
        "a*", "*.b", "a.*.b", "A.b", "a..b", "a.", "a. b", "a.b\n", b"a.b", ["a.b"], ("a.b",), None, 1,
    )),
    *each("retry", [3, 0, True, False, "3", "", {}, [], RetryPolicy, timedelta(seconds=5)], RETRY),
    *each("timeout", ["60", math.nan, math.inf, -math.inf, 0, -1, True, None, 604801, timedelta(seconds=60)], TIMEOUT),
    ({"timeout": 10**400}, works, f"{TIMEOUT}1000"),
    *each("name", ["", " ", "a\nb", "a\0b", "\ud800", "\x1b[2J", 3, b"mine", []], NAME),
    ({"name": "x" * 101}, works, f"{NAME}'xxx"),
    *(({}, function, f"{function.__name__}: {ORDER}") for function in (
        swapped_by_annotations, swapped_by_names, swapped_by_texts, swapped_and_not_used, Objects.forgetful,
    )),
    ({}, yields, "yields: a handler does not yield"),
    ({}, yields_later, "yields_later: a handler does not yield"),
    ({"name": "partial"}, functools.partial(yields), "partial: a handler does not yield"),
    ({"name": "object"}, Yielding(), "object: a handler does not yield"),
    ({}, Objects, "Objects: a handler is a function, not a class"),
    ({}, Objects.whole, "whole: a handler is called with an event and a context"),
    ({"name": "one"}, lambda _: None, "one: a handler is called with an event and a context"),
    ({"name": "three"}, lambda _, __, ___: None, "three: a handler is called with an event and a context"),
    ({"name": "five"}, 5, "five: a handler is a function, not 5"),
    ({}, "works", "'works': a handler is a function, not 'works'"),
    ({}, example, "Handler(function="),
    ({"name": "again"}, example, "again: is a handler already: give all its patterns to one @handler"),
    ({}, lambda _event, _ctx: None, "<function <lambda>"),
    ({}, functools.partial(works), "functools.partial(<function works"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "function", "said"), REFUSED)
def test_a_handler_that_could_never_run_is_refused(arguments: dict[str, Any], function: Any, said: str) -> None:
    patterns = arguments.pop("patterns", ["*"])
    with pytest.raises(HandlerLoadError) as refused:
        handler(*patterns, **arguments)(function)
    assert str(refused.value).startswith(said)


def test_what_has_no_name_is_told_how_to_get_one() -> None:
    for function in (lambda _event, _ctx: None, functools.partial(works), Objects()):
        with pytest.raises(HandlerLoadError) as refused:
            handler("*")(function)
        assert str(refused.value).endswith(UNNAMED)


@pytest.mark.parametrize("wrong", [
    {"timeout": math.inf}, {"retry": 3}, {"name": ""}, {"patterns": ("a*",)}, {"patterns": "a.b"},
    {"patterns": ["a.b"]}, {"function": yields}, {"function": swapped_by_names},
])  # fmt: skip
def test_a_handler_that_is_made_another_way_is_looked_at_too(wrong: dict[str, Any]) -> None:
    with pytest.raises(HandlerLoadError):
        replace(example, **wrong)


def takes_more(_event: Event, _ctx: Context, _retries: int = 3, **_: object) -> None:
    """Do nothing."""


CALLABLE: dict[str, Any] = {
    "a function whose annotations say what its names do not": named_the_other_way,
    "a function that takes more": takes_more,
    "a function that takes anything": lambda *_: None,
    "an object": Objects(),
    "a method": Objects().whole,
    "a part of a function": functools.partial(works),
    "a part of a method": functools.partial(Objects.whole, Objects()),
    "what is not written in Python": print,
}


@pytest.mark.parametrize("function", CALLABLE.values(), ids=CALLABLE)
async def test_whatever_can_be_called_with_both_and_has_a_name_is_a_handler(
    receiver_scratch: Scratch, function: Any
) -> None:
    made = handler("transcription.completed", name="made")(function)
    event, ctx = await receiver_scratch.claim(made)
    await made(event, ctx)
    assert made.file
    assert made.module


def test_a_handler_knows_the_file_that_its_function_was_written_in() -> None:
    def timed(function: Any) -> Any:
        @functools.wraps(function)
        def timing(*given: object) -> object:
            return function(*given)

        return timing

    for function in (works, functools.partial(works), timed(works), Objects(), Objects().whole):
        made = handler("*", name="made")(function)
        assert (made.module, made.file) == (__name__, __file__)


def test_a_handler_is_a_value_with_what_was_said() -> None:
    policy = RetryPolicy(attempts=3)
    assert handler("a.b", "c.*")(works) == Handler(works, ("a.b", "c.*"), "works", RetryPolicy(), 30.0)
    assert handler("*", name="mine", retry=policy, timeout=1)(works) == Handler(works, ("*",), "mine", policy, 1)


@pytest.mark.parametrize(
    ("patterns", "wanted", "unwanted"),
    [
        (["a.b"], ["a.b"], ["a", "a.b.c", "a.bb", "x.a.b", "a_b", "A.B"]),
        (["a.*"], ["a.b", "a.b.c"], ["a", "ab.c", "aa.b", "x.a.b"]),
        (["a.b.*"], ["a.b.c"], ["a.b", "a.bc"]),
        (["*"], ["a", "a.b", "webhook.test"], []),
        (["a.b", "c.*"], ["a.b", "c.d"], ["a.c", "c"]),
    ],
)
def test_patterns_are_a_type_a_family_or_everything(
    patterns: list[str], wanted: list[str], unwanted: list[str]
) -> None:
    made = handler(*patterns)(works)
    assert [event_type for event_type in wanted + unwanted if made.wants(event_type)] == wanted


async def test_calling_a_handler_runs_its_function(receiver_scratch: Scratch) -> None:
    called = []

    @handler("webhook.test")
    async def noting(event: Event, ctx: Context) -> None:
        called.append((event, ctx))

    event, ctx = await receiver_scratch.claim(noting)
    await noting(event, ctx)
    assert called == [(event, ctx)]


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
    assert await jobs.finish(receiver_scratch.db, ctx.job, ctx.attempt, Dead("still ours"))


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
    (theirs,) = await jobs.claim(
        db, handlers=["example"], api_url=SANDBOX_URL, lease=timedelta(minutes=1), limit=1, lapsed=True
    )
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
        lapsed = await jobs.claim(
            db, handlers=["example"], api_url=SANDBOX_URL, lease=timedelta(minutes=1), limit=1, lapsed=True
        )
        assert lapsed == []
        assert await tx.fetchval("show idle_in_transaction_session_timeout") == "1min"
    assert await receiver_scratch.state(event) == "done"


async def test_the_idempotency_key_is_the_same_in_every_attempt_and_no_other_jobs(receiver_scratch: Scratch) -> None:
    db = receiver_scratch.db
    event, ctx = await receiver_scratch.claim(example)
    await jobs.finish(db, ctx.job, ctx.attempt, Again(timedelta(0), "why"))
    (stored,) = await deliveries.find(db, event.id)
    await jobs.replay(db, stored.key, ["example"])
    (again,) = await jobs.claim(db, handlers=["example"], api_url=SANDBOX_URL, lease=timedelta(minutes=1), limit=1)
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
    _, ctx = await receiver_scratch.claim(families, "webhook.test", id=None)
    for ask in (ctx.transcript, functools.partial(ctx.timestamps, "youtube")):
        with pytest.raises(GiveUp, match="names no transcription"):
            await ask()

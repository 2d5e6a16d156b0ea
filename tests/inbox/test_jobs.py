"""`receiver.inbox.jobs`: one worker has a claim, counted and fenced; a worker that lost it cannot write."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from receiver.database import Pool, query
from receiver.events import AccountId, Event
from receiver.inbox import attempts, deliveries, jobs, listing
from receiver.inbox.deliveries import Delivery
from receiver.inbox.jobs import START, Claim, Count, Ended, Mark, Portion, Queue, Settled
from receiver.inbox.listing import StoredJob
from receiver.inbox.retry import Again, Dead, Done, Later, Outcome
from receiver.providers.transcribe_so import payload
from tests.inbox.ending import finish
from tests.inbox.portions import portions
from tests.processes import completed

API = "https://api.test"
LEASE = timedelta(minutes=1)
LAPSED = timedelta(0)  # a lease that has run out when it begins


def account(api_url: str = API, name: str = "default") -> AccountId:
    return AccountId("transcribe.so", api_url, name)


async def append(db: Pool, event_id: str, *handlers: str, api_url: str = API, name: str = "default") -> int:
    """Store an event of the account `name`, and return its key."""
    event = payload.read("transcribe.so", completed(event_id))
    assert isinstance(event, Event)
    async with db.acquire() as connection:
        await deliveries.append(connection, [Delivery(event, api_url, "abcdef", tuple(handlers), account=name)])
    return await listing.newest_key(db)


async def claim(db: Pool, *handlers: str, lease: timedelta = LEASE, limit: int = 1, api_url: str = API) -> list[Claim]:
    queues = jobs.queues([account(api_url)], handlers or ("a",))
    return await jobs.claim(db, portions(queues), lease=lease, limit=limit)


async def claim_lapsed(db: Pool, *handlers: str, lease: timedelta = LEASE, api_url: str = API) -> Claim | None:
    found = await jobs.claim_lapsed(db, [account(api_url)], handlers or ("a",), lease=lease, limit=1)
    return found[0] if found else None


async def stored(db: Pool, handler: str = "a") -> StoredJob:
    (found,) = [one.job for one in await listing.jobs(db) if one.job.handler == handler]
    return found


async def due_now(db: Pool) -> None:
    await db.execute("update receiver.jobs set due_at = now() where state = 'pending'")


async def test_a_claim_counts_the_attempt_and_sets_the_lease(db: Pool) -> None:
    await append(db, "evt_1", "a")
    (ours,) = await claim(db, lease=timedelta(seconds=100))
    assert (ours.attempt, ours.uncounted, ours.tries) == (1, 0, 1)
    assert (ours.handler, ours.source, ours.event_id, ours.raw) == (
        "a", "transcribe.so", "evt_1", completed("evt_1"),
    )  # fmt: skip
    job = await stored(db)
    assert (job.id, job.state, job.attempt) == (ours.job, "running", 1)
    assert 60 < job.waits_seconds <= 100
    assert await claim(db) == []


async def test_live_jobs_of_an_account_are_claimed_before_its_replays_however_old_these_are(db: Pool) -> None:
    for number in range(4):
        await append(db, f"evt_{number}", "a", "b")
    await db.execute(
        "update receiver.jobs j set is_replay = true, due_at = now() - interval '1 h' from receiver.events e"
        " where e.id = j.event and e.event_id in ('evt_0', 'evt_1')"
    )
    claimed = [await claim(db, "a", "b", limit=3) for _ in range(3)]
    assert [[one.is_replay for one in some] for some in claimed] == [[False] * 3, [False, True, True], [True] * 2]
    assert {one.event_id for one in claimed[0]} == {"evt_2", "evt_3"}


async def test_jobs_are_claimed_in_the_order_in_which_they_became_due_and_not_before(db: Pool) -> None:
    for number, seconds in enumerate([-1, -3, -2, 60]):
        key = await append(db, f"evt_{number}", "a")
        await db.execute(
            "update receiver.jobs set due_at = now() + $1 where event = $2", timedelta(seconds=seconds), key
        )
    assert [[c.event_id for c in await claim(db)] for _ in range(4)] == [["evt_1"], ["evt_2"], ["evt_0"], []]


async def test_only_jobs_of_known_handlers_and_of_one_api_are_claimed(db: Pool) -> None:
    await append(db, "evt_1", "a", "b")
    await append(db, "evt_2", "a", api_url="https://other.test")
    for lease in (LAPSED, LEASE):
        assert [(c.event_id, c.handler) for c in await claim(db, "a", "c", limit=10, lease=lease)] == (
            [("evt_1", "a")] if lease == LAPSED else []
        )
    assert await claim(db, "a", "b", api_url="https://third.test", limit=10) == []
    for handlers, api_url, lapsed in [(["b"], API, False), (["a"], "https://other.test", False), (["a"], API, True)]:
        assert await jobs.any_lapsed(db, [account(api_url)], handlers) is lapsed
        assert (await claim_lapsed(db, *handlers, api_url=api_url) is not None) is lapsed


async def test_accounts_are_served_in_turn_in_the_order_of_the_queues(db: Pool) -> None:
    for number in range(4):
        await append(db, f"evt_a{number}", "a", name="a")
    await append(db, "evt_b0", "a", name="b")
    await append(db, "evt_b1", "a", name="b")
    await append(db, "evt_c0", "a", name="c")
    queues = jobs.queues([account(name=name) for name in ("c", "b", "a")], ["a"])
    first = await jobs.claim(db, portions(queues), lease=LEASE, limit=5)
    assert {claim.event_id for claim in first} == {"evt_c0", "evt_b0", "evt_a0", "evt_b1", "evt_a1"}
    assert {claim.event_id for claim in await jobs.claim(db, portions(queues), lease=LEASE, limit=5)} == {
        "evt_a2",
        "evt_a3",
    }


async def test_of_an_account_only_so_many_jobs_are_claimed_as_it_has_room_for(db: Pool) -> None:
    """However many handlers and replays it has."""
    for number in range(4):
        key = await append(db, f"evt_a{number}", "a", "b", name="a")
    await jobs.replay(db, key, ["a"])
    await append(db, "evt_b0", "a", name="b")
    queues = jobs.queues([account(name=name) for name in ("a", "b")], ["a", "b"])
    some = [Portion(queue, 2 if queue.account.account == "a" else 9) for queue in queues]
    found = await jobs.claim(db, some, lease=LEASE, limit=20)
    assert sorted(claim.queue.account.account for claim in found) == ["a", "a", "b"]


async def test_a_queue_that_is_left_out_is_not_claimed_from(db: Pool) -> None:
    """Live jobs and replays of one handler are two queues."""
    await append(db, "evt_1", "a")
    key = await append(db, "evt_2", "a", "b")
    await jobs.replay(db, key, ["a"])
    queues = jobs.queues([account()], ["a"])
    for replay, expected in ((True, "evt_2"), (False, "evt_1")):
        one = [queue for queue in queues if queue.is_replay is replay]
        (claim,) = await jobs.claim(db, portions(one), lease=LEASE, limit=9)
        assert (claim.event_id, claim.is_replay, claim.queue) == (expected, replay, one[0])


async def test_a_claim_reads_the_rows_of_its_queues_alone(db: Pool) -> None:
    """Neither the jobs of handlers that are gone nor those of other accounts lie in its way."""
    key = await append(db, "evt_1", "a")
    await db.execute(
        "insert into receiver.events (source, event_id, api_url, account, type, raw, secret_fingerprint, origin) "
        "select 'transcribe.so', 'e' || n, $1, 'other', 't', '', '', 'webhook' from generate_series(1, 3000) n", API,
    )  # fmt: skip
    await db.execute(
        "insert into receiver.jobs (event, source, api_url, account, handler, due_at) "
        "select id, source, api_url, account, handler, now() - interval '1 hour' "
        "from receiver.events, unnest(array['a', 'b', 'gone']) handler "
        "where id <> $1", key,
    )  # fmt: skip
    await db.execute("analyze receiver.jobs")
    plan = await db.fetchval(
        f"explain (analyze, format json) {query('inbox/claim_jobs')}",
        ["transcribe.so"], [API], ["default"], ["a"], [False], LEASE, 8, None, [], [8], [START.due_at], [START.job],
    )  # fmt: skip
    assert read_rows(json.loads(plan)[0]["Plan"]) < 50


def read_rows(plan: dict[str, Any]) -> float:
    """Return the rows that all nodes of a plan have given and thrown away."""
    own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return float(own + sum(read_rows(inner) for inner in plan.get("Plans", [])))


async def test_no_statement_reads_the_jobs_that_it_is_not_about(db: Pool) -> None:
    """Neither done nor pending ones, nor those that run; the statistics say that none runs."""
    await append(db, "evt_1", "a")
    await append(db, "evt_2", "b")
    await db.execute(
        "insert into receiver.jobs (event, source, api_url, account, handler, due_at, state) "
        "select id, source, api_url, account, 'x' || n, now(), "
        "(array['pending', 'done']::receiver.job_state[])[1 + n % 2] "
        "from receiver.events, generate_series(1, 3000) as n where id = 2"
    )
    await db.execute("analyze receiver.jobs")
    await db.execute("update receiver.jobs set state = 'running', attempt = 1 where handler like 'x%0'")
    await db.execute("update receiver.jobs set due_at = now() + interval '1 hour' where handler like 'x%'")
    (ours,) = await claim(db)
    for name, parameters in about(ours.job).items():
        plan = await db.fetchval(f"explain (analyze, format json) {query(f'inbox/{name}')}", *parameters)
        assert read_rows(json.loads(plan)[0]["Plan"]) < 50, name


async def test_what_a_worker_does_all_day_is_not_planned_each_time(db: Pool) -> None:
    """For one job a plan takes longer than its work."""
    async with db.acquire() as connection:
        for _ in range(7):
            await jobs.claim(connection, portions(jobs.queues([account()], ["a"])), lease=LEASE, limit=1)
            await jobs.settle(connection, [Ended(1, 1, Done())])
        plans = await connection.fetch(
            "select generic_plans from pg_prepared_statements where statement ~ '^-- (Claim|Write)'"
        )
    assert [row["generic_plans"] > 0 for row in plans] == [True, True]


async def test_no_plan_that_was_made_while_there_were_no_jobs_reads_all_of_them_later(db: Pool) -> None:
    """A connection keeps its plans until the statistics change: on a busy day that is too late."""
    async with db.acquire() as connection:
        await connection.execute("set plan_cache_mode = force_generic_plan")
        for name in ("claim_jobs", "settle_jobs"):
            await connection.execute(f"prepare {name} as {query(f'inbox/{name}')}")
            nulls = ", ".join("null" for _ in about(1)[name])
            plan = await connection.fetchval(f"explain (format json) execute {name} ({nulls})")
            assert '"Seq Scan"' not in plan, name


def about(job: int) -> dict[str, Sequence[Any]]:
    """Return the statements about a running job and about the queues of two handlers, with their parameters."""
    whose = ["transcribe.so"], [API], ["default"]
    return {
        "renew_leases": ([job], [1], LEASE), "lock_job": (job, 1), "any_lapsed": (*whose, ["a"]),
        "claim_jobs": (*whose, ["b"], [False], LEASE, 8, None, [], [8], [START.due_at], [START.job]),
        "claim_lapsed_jobs": (*whose, ["a"], LEASE, 8, None, []), "lapsed_jobs": (*whose, ["a"], 8, []),
        "due_jobs": (*whose, ["b"], [False], 8, []), "queues_due": (*whose, ["a", "b"]),
        "oldest_due": (*whose, ["b"], [False]),
        "settle_jobs": ([job], [0], ["done"], [LAPSED], [None], [0], ["done"], [None], "here"),
        "release_jobs": ([job], [0], [None], "here"),
    }  # fmt: skip


async def test_a_claim_begins_behind_the_mark_of_a_queue(db: Pool) -> None:
    for number in range(3):
        await append(db, f"evt_{number}", "a")
    await db.execute(
        "update receiver.jobs set due_at = '2026-01-01Z' where event < 3"
    )  # they differ by their ids alone
    queues = jobs.queues([account()], ["a"])[:1]
    (first,) = await jobs.claim(db, portions(queues), lease=LEASE, limit=1)
    await jobs.release(db, [first])
    await db.execute("update receiver.jobs set due_at = '2026-01-01Z' where event = 1")
    marked = [Portion(queue, 9, Mark(first.due_at, first.job)) for queue in queues]
    found = await jobs.claim(db, marked, lease=LEASE, limit=9)
    assert sorted(claim.event_id for claim in found) == ["evt_1", "evt_2"]
    assert [claim.event_id for claim in await jobs.claim(db, portions(queues), lease=LEASE, limit=9)] == ["evt_0"]


async def test_the_queues_with_due_jobs_are_known(db: Pool) -> None:
    key = await append(db, "evt_1", "a", "b", name="second")
    await append(db, "evt_2", "b")
    await jobs.replay(db, key, ["b"])
    await db.execute("update receiver.jobs set due_at = now() + interval '1 hour' where handler = 'a'")
    accounts = [account(name="second"), account(), account(name="third")]
    found = await jobs.with_due(db, accounts, ["gone", "a", "b"])
    assert found == [Queue(accounts[0], "b", is_replay=True), Queue(accounts[1], "b", is_replay=False)]


async def test_concurrent_claimers_never_get_the_same_job(db: Pool) -> None:
    for number in range(50):
        await append(db, f"evt_{number}", "a", "b")

    async def claimer() -> list[Claim]:
        mine: list[Claim] = []
        while more := await claim(db, "a", "b", limit=3):
            mine += more
        return mine

    claims = [c for mine in await asyncio.gather(*(claimer() for _ in range(10))) for c in mine]
    assert len(claims) == len({c.job for c in claims}) == 100
    assert {c.attempt for c in claims} == {1}


async def test_what_another_is_taking_is_skipped_not_waited_for(db: Pool) -> None:
    for number in range(2):
        await append(db, f"evt_{number}", "a")
    async with db.acquire() as connection, connection.transaction():
        (theirs,) = await jobs.claim(connection, portions(jobs.queues([account()], ["a"])), lease=LAPSED, limit=1)
        async with asyncio.timeout(10):
            (ours,) = await claim(db)
            assert await claim(db) == []
    assert (theirs.event_id, ours.event_id) == ("evt_0", "evt_1")
    async with db.acquire() as connection, connection.transaction():
        (again,) = await jobs.claim_lapsed(connection, [account()], ["a"], lease=LEASE, limit=1)
        assert (again.job, again.attempt) == (theirs.job, 2)
        async with asyncio.timeout(10):
            assert await claim_lapsed(db) is None


async def test_a_job_that_is_buried_while_it_runs_has_lost_its_attempt(db: Pool) -> None:
    for name in ("evt_running", "evt_pending"):
        await append(db, name, "a")
    (running,) = await claim(db, lease=LAPSED)
    for job in (1, 2):
        await jobs.bury(db, job, "no")
    assert [job.job.state for job in await listing.jobs(db)] == ["dead", "dead"]
    (lost,) = await attempts.of_event(db, 1)
    assert (lost.attempt, lost.outcome, lost.worker) == (1, "lost", None)
    assert lost.ended_at == running.claimed_at, "its lease ran out then"
    assert await attempts.of_event(db, 2) == []


async def test_of_100_late_completions_none_is_written(db: Pool) -> None:
    """The lease ran out and another worker has the job: the attempt is the fence, not the state."""
    outcomes: Sequence[Outcome] = (Done(), Again(LEASE, "late"), Later(LEASE, "late"), Dead("late"))
    for number in range(100):
        await append(db, f"evt_{number}", "a")
    late = await claim(db, limit=100, lease=LAPSED)
    taken = [await claim_lapsed(db) for _ in late]
    assert {c.job for c in taken if c} == {c.job for c in late}
    before = await db.fetch("select * from receiver.jobs order by id")
    written = [await finish(db, c.job, c.attempt, outcomes[n % 4]) for n, c in enumerate(late)]
    assert written == [False] * 100
    assert await db.fetch("select * from receiver.jobs order by id") == before
    assert await jobs.renew(db, [(c.job, c.attempt) for c in late], lease=LEASE) == [False] * 100
    assert await jobs.release(db, late) == [False] * 100
    assert await db.fetch("select * from receiver.jobs order by id") == before
    assert all([await finish(db, c.job, c.attempt, Done()) for c in taken if c])


@pytest.mark.parametrize(
    ("outcome", "state", "tries_next"),
    [
        (Done(), "done", []),
        (Again(timedelta(seconds=100), "why"), "pending", [2]),
        (Later(timedelta(seconds=100), "why"), "pending", [1]),
        (Dead("why"), "dead", []),
    ],
)
async def test_an_outcome_is_written_once(db: Pool, outcome: Outcome, state: str, tries_next: list[int]) -> None:
    await append(db, "evt_1", "a")
    (first,) = await claim(db)
    assert await finish(db, first.job, first.attempt, outcome)
    job = await stored(db)
    waits = 100 if state == "pending" else 0
    assert (job.state, job.error, job.attempt) == (state, None if outcome == Done() else "why", 1)
    assert waits - 60 < job.waits_seconds <= waits
    assert not await finish(db, first.job, first.attempt, Done())
    assert await claim(db) == []
    await due_now(db)
    assert [(c.attempt, c.tries) for c in await claim(db)] == [(2, tries) for tries in tries_next]


async def test_outcomes_that_are_written_together_have_each_their_own_end(db: Pool) -> None:
    outcomes: dict[str, Outcome] = {
        "again": Again(timedelta(hours=1), "it failed"), "dead": Dead("never"), "done": Done(),
        "later": Later(LEASE, "not now"), "lost": Done(),
    }  # fmt: skip
    await append(db, "evt_1", *outcomes)
    ended = [
        Ended(c.job, 2 if c.handler == "lost" else 1, outcomes[c.handler], c.claimed_at)
        for c in await claim(db, *outcomes, limit=9)
    ]
    names = [row["handler"] for row in await db.fetch("select handler from receiver.jobs order by id")]
    results = dict(zip(names, await jobs.settle(db, sorted(ended)[::-1]), strict=True))
    assert set(results.values()) == {"written", "lost"}
    found = {name: await stored(db, name) for name in outcomes}
    assert {name: (job.state, job.error) for name, job in found.items()} == {
        "again": ("pending", "it failed"), "dead": ("dead", "never"), "done": ("done", None),
        "later": ("pending", "not now"), "lost": ("running", None),
    }  # fmt: skip
    assert found["again"].waits_seconds > 3000
    uncounted = await db.fetch("select handler from receiver.jobs where uncounted = 1")
    assert [row["handler"] for row in uncounted] == ["later"]


async def test_an_outcome_whose_row_is_locked_holds_up_no_other(db: Pool) -> None:
    await append(db, "evt_1", "a", "b")
    claims = await claim(db, "a", "b", limit=2)
    ended = [Ended(c.job, c.attempt, Done()) for c in claims]
    async with db.acquire() as connection, connection.transaction(), asyncio.timeout(10):
        assert await jobs.lock(connection, claims[0].job, 1)
        expected: list[Settled] = ["locked", "written"]
        assert await jobs.settle(db, ended) == expected
        assert await jobs.settle(connection, ended[:1]) == ["written"], "by who has the lock"


async def test_an_outcome_that_was_written_before_its_answer_was_lost_is_ours(db: Pool) -> None:
    await append(db, "evt_1", "a")
    (ours,) = await claim(db)
    ended = Ended(ours.job, 1, Again(LEASE, "why"), ours.claimed_at)
    assert await jobs.settle(db, [ended]) == ["written"]
    assert await jobs.settle(db, [ended]) == ["written"]
    others = [ended._replace(outcome=Done()), ended._replace(claimed_at=ours.due_at), ended._replace(attempt=2)]
    assert [await jobs.settle(db, [other]) for other in others] == [["lost"]] * 3
    await due_now(db)
    (again,) = await claim(db)
    both = [ended._replace(claimed_at=ours.due_at), ended._replace(attempt=2, claimed_at=again.claimed_at)]
    assert await jobs.settle(db, both) == ["lost", "written"]


async def test_a_success_forgets_the_error_before_it(db: Pool) -> None:
    await append(db, "evt_1", "a")
    (first,) = await claim(db)
    await finish(db, first.job, 1, Again(timedelta(0), "why"))
    (second,) = await claim(db)
    await finish(db, second.job, 2, Done())
    assert (await stored(db)).error is None


async def test_a_lock_is_had_by_who_holds_the_claim(db: Pool) -> None:
    await append(db, "evt_1", "a")
    (ours,) = await claim(db)
    async with db.acquire() as connection, connection.transaction():
        held = [await jobs.lock(connection, ours.job, attempt) for attempt in (0, 1, 2)]
    assert held == [False, True, False]
    await finish(db, ours.job, 1, Done())
    async with db.acquire() as connection, connection.transaction():
        assert not await jobs.lock(connection, ours.job, 1)


async def test_only_our_leases_are_renewed(db: Pool) -> None:
    for number in range(4):
        await append(db, f"evt_{number}", "a")
    ours, finished, lost, other = await claim(db, limit=4, lease=LAPSED)
    await finish(db, finished.job, 1, Done())
    await db.execute("update receiver.jobs set attempt = 2 where id = $1", lost.job)
    held = [(c.job, c.attempt) for c in (lost, finished, ours)]
    assert await jobs.renew(db, held, lease=timedelta(hours=1)) == [False, False, True]
    assert await jobs.renew(db, [(lost.job, 1), (lost.job, 2)], lease=LAPSED) == [False, True]
    waits = {one.job.id: one.job.waits_seconds for one in await listing.jobs(db)}
    assert waits[ours.job] > 3000
    assert all(waits[c.job] <= 0 for c in (finished, lost, other))


async def test_a_released_claim_is_due_at_once_and_did_not_count(db: Pool) -> None:
    await append(db, "evt_1", "a", "b")
    claims = await claim(db, "a", "b", limit=2)
    finished, released = claims
    await finish(db, finished.job, 1, Dead("why"))
    assert await jobs.release(db, claims[::-1]) == [True, False]
    (again,) = await claim(db, "a", "b", limit=2)
    assert (again.job, again.attempt, again.uncounted, again.tries) == (released.job, 2, 1, 1)
    assert (await stored(db, finished.handler)).state == "dead"


async def test_a_claim_that_is_being_completed_keeps_no_other_from_being_renewed_or_released(db: Pool) -> None:
    await append(db, "evt_1", "a", "b")
    completing, released = await claim(db, "a", "b", limit=2)
    async with db.acquire() as connection, connection.transaction(), asyncio.timeout(10):
        assert await jobs.lock(connection, completing.job, 1)
        assert await jobs.renew(db, [(c.job, c.attempt) for c in (completing, released)], lease=LEASE) == [True, True]
        assert await jobs.release(db, [completing, released]) == [False, True]
    (again,) = await claim(db, "a", "b", limit=2)
    assert again.job == released.job


async def test_a_replay_gives_a_new_quota_while_the_attempt_grows(db: Pool) -> None:
    key = await append(db, "evt_1", "dead", "done", "running", "waiting")
    await append(db, "evt_2", "dead")
    claims = {c.handler: c for c in await claim(db, "dead", "done", "running", "waiting", limit=4)}
    await finish(db, claims["dead"].job, 1, Dead("why"))
    await finish(db, claims["done"].job, 1, Done())
    await finish(db, claims["waiting"].job, 1, Again(timedelta(hours=1), "why"))
    again = await jobs.replay(db, key, ["waiting", "new", "running", "done", "dead"])
    assert sorted(again) == ["dead", "done", "new", "waiting"]
    assert await finish(db, claims["running"].job, 1, Done())
    fresh = {c.handler: c for c in await claim(db, *again, limit=10) if c.event_id == "evt_1"}
    assert {name: (c.attempt, c.tries) for name, c in fresh.items()} == {
        "dead": (2, 1), "done": (2, 1), "new": (1, 1), "waiting": (2, 1),
    }  # fmt: skip
    late = [await finish(db, c.job, 1, Done()) for name, c in claims.items() if name != "running"]
    assert late == [False] * 3


async def test_each_claim_of_a_job_brings_the_trace_of_its_delivery_also_of_one_that_a_replay_adds(db: Pool) -> None:
    names = {f"evt_{number}": None if number == 2 else f"00-{number:032x}-{number:016x}-01" for number in (1, 2, 3)}
    given = [
        Delivery(payload.read("transcribe.so", completed(one)), API, "f", ("a", "b"), traceparent=name)
        for one, name in names.items()
    ]
    async with db.acquire() as connection:
        await deliveries.append(connection, given)
    first = await claim(db, "a", "b", lease=LAPSED, limit=6)
    assert [one.traceparent for one in first] == [names[one.event_id] for one in first]
    lapsed = [await claim_lapsed(db, "a", "b") for _ in first]
    assert [one and one.traceparent for one in lapsed] == [one and names[one.event_id] for one in lapsed]
    for key in await db.fetch("select id from receiver.events"):
        assert await jobs.replay(db, key["id"], ["new"]) == ["new"]
    added = await claim(db, "new", limit=3)
    assert {one.event_id: one.traceparent for one in added} == names


async def test_a_replay_of_some_handlers_leaves_the_others_as_they_are(db: Pool) -> None:
    key = await append(db, "evt_1", "a", "b")
    for ours in await claim(db, "a", "b", limit=2):
        await finish(db, ours.job, 1, Dead("why"))
    assert await jobs.replay(db, key, ["b"]) == ["b"]
    assert [((await stored(db, name)).state, (await stored(db, name)).error) for name in "ab"] == [
        ("dead", "why"),
        ("pending", None),
    ]


async def test_the_oldest_due_job_is_the_one_that_waits_the_longest(db: Pool) -> None:
    assert await jobs.oldest_due(db, jobs.queues([account()], ["a"])) is None
    for number, (state, minutes) in enumerate([("pending", -5), ("pending", 60), ("running", -90), ("done", -90)]):
        key = await append(db, f"evt_{number}", "a")
        await db.execute(
            "update receiver.jobs set state = $1, due_at = now() + $2 where event = $3",
            state, timedelta(minutes=minutes), key,
        )  # fmt: skip
    age = await jobs.oldest_due(db, jobs.queues([account()], ["a"]))
    assert age is not None
    assert timedelta(minutes=5) <= age < timedelta(minutes=8)
    assert await jobs.oldest_due(db, jobs.queues([account()], ["b"])) is None
    assert await jobs.oldest_due(db, jobs.queues([account(name="second")], ["a"])) is None
    await db.execute("update receiver.jobs set due_at = now() + interval '1 hour' where state = 'pending'")
    assert await jobs.oldest_due(db, jobs.queues([account()], ["a"])) is None


async def test_a_nudge_reaches_who_listens(db: Pool) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with db.acquire() as connection:
        await connection.add_listener(jobs.CHANNEL, lambda *heard_of: heard.put_nowait(heard_of[2]))
        await jobs.nudge(db)
        async with asyncio.timeout(10):
            assert await heard.get() == jobs.CHANNEL
        await connection.reset()


async def test_jobs_that_are_not_done_are_counted_by_handler_and_whose_they_are(db: Pool) -> None:
    for number, state in enumerate(["pending", "running", "done", "dead"]):
        key = await append(db, f"evt_{number}", "a", f"only_{state}")
        await db.execute("update receiver.jobs set state = $1 where event = $2", state, key)
    assert await jobs.counts(db, [account()]) == [
        Count("a", 1, 2, 0), Count("only_dead", 1, 0, 0),
        Count("only_pending", 0, 1, 0), Count("only_running", 0, 1, 0),
    ]  # fmt: skip
    await db.execute("update receiver.jobs set state = 'dead', is_replay = event % 2 = 0 where handler = 'a'")
    assert (await jobs.counts(db, [account()], most=3))[0] == Count("a", 3, 0, 0)
    await db.execute("update receiver.jobs set state = 'pending' where handler = 'a'")
    assert (await jobs.counts(db, [account()], most=3))[0] == Count("a", 0, 3, 0)
    elsewhere = await jobs.counts(db, [account("https://other.test"), account(name="second")])
    assert [(one.handler, one.dead, one.unfinished, one.elsewhere) for one in elsewhere if one.elsewhere] == [
        ("a", 0, 0, 4), ("only_pending", 0, 0, 1), ("only_running", 0, 0, 1),
    ]  # fmt: skip


async def waiting_since(db: Pool) -> datetime | None:
    return (await stored(db)).waiting_since


async def end(db: Pool, outcome: Outcome) -> None:
    """Claim the one job, and end it."""
    await due_now(db)
    (ours,) = await claim(db)
    assert await finish(db, ours.job, ours.attempt, outcome)


async def test_a_job_waits_since_the_first_of_its_attempts_that_ended_as_later_one_after_another(db: Pool) -> None:
    await append(db, "evt_1", "a")
    assert await waiting_since(db) is None
    await end(db, Again(timedelta(0), "broken"))
    assert await waiting_since(db) is None
    await end(db, Later(timedelta(0), "no money"))
    first = await waiting_since(db)
    assert first is not None
    await end(db, Later(timedelta(minutes=5), "no key"))
    job = await stored(db)
    assert (job.waiting_since, job.error) == (first, "no key")
    assert job.due_at is not None
    assert job.waited is not None
    assert timedelta(0) <= job.waited < timedelta(minutes=1)
    await end(db, Again(timedelta(0), "broken"))
    assert ((await stored(db)).waiting_since, (await stored(db)).waited) == (None, None)
    await end(db, Later(timedelta(0), "no money"))
    second = await waiting_since(db)
    assert second is not None
    assert second > first


async def test_a_job_that_was_given_back_or_lost_has_not_stopped_to_wait(db: Pool) -> None:
    await append(db, "evt_1", "a")
    await end(db, Later(timedelta(0), "no money"))
    since = await waiting_since(db)
    assert await jobs.release(db, await claim(db)) == [True]
    assert await waiting_since(db) == since
    await claim(db, lease=LAPSED)
    assert await waiting_since(db) is None, "it runs"
    lapsed = await claim_lapsed(db)
    assert lapsed is not None
    await finish(db, lapsed.job, lapsed.attempt, Later(timedelta(0), "no money"))
    assert await waiting_since(db) == since


@pytest.mark.parametrize("how", ["done", "completed", "dead", "buried", "replayed"])
async def test_a_job_that_has_ended_or_was_replayed_does_not_wait(db: Pool, how: str) -> None:
    event = await append(db, "evt_1", "a")
    await end(db, Later(timedelta(0), "no money"))
    match how:
        case "done" | "dead":
            await end(db, Done() if how == "done" else Dead("broken"))
        case "completed":
            (ours,) = await claim(db)
            async with db.acquire() as connection, connection.transaction():
                assert await jobs.lock(connection, ours.job, ours.attempt)
                assert await jobs.complete(connection, ours.job, ours.attempt, claimed_at=ours.claimed_at)
        case "buried":
            await jobs.bury(db, (await stored(db)).id, "it cannot be claimed")
    assert await db.fetchval("select waiting_since is null from receiver.jobs") is (how != "replayed")
    assert await jobs.replay(db, event, ["a"]) == ["a"]
    assert await waiting_since(db) is None

"""`receiver.providers.budget`: all callers in all processes together stay within the provider's limit."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from receiver.database import Connections, Pool
from receiver.errors import RateLimited
from receiver.providers import budget
from receiver.providers.budget import Budget, OwnBudget, SharedBudget
from receiver.providers.rate import BURST, MINUTE, Rate

FAST = timedelta(seconds=1)  # a "minute" of the tests
SLOW = timedelta(hours=1)  # so long that nothing is paid back while a test runs
STEP = timedelta(seconds=Rate.of(60, minute=SLOW).step)
SLACK = timedelta(seconds=30)  # a slow machine's delay between two lines: less than half a turn of SLOW
PAUSE = timedelta(minutes=10)
NOW = timedelta(0)
Make = Callable[[timedelta], Budget]


@pytest.fixture(params=["own", "shared"])
async def make(request: pytest.FixtureRequest, receiver_database: str) -> AsyncIterator[Make]:
    """Yield a maker of budgets of each kind: both keep the same rule."""
    connections = Connections(receiver_database)

    def shared(minute: timedelta) -> Budget:
        return SharedBudget(
            connections, api_url="http://a.test", key_fingerprint="abc", rate=Rate.of(60, minute=minute)
        )

    yield shared if request.param == "shared" else lambda minute: OwnBudget(Rate.of(60, minute=minute))
    connections.close()


async def test_a_burst_goes_at_once_and_then_one_every_step(make: Make) -> None:
    asked = make(SLOW)
    step = STEP
    waits = [await asked.ask(live=True, patience=SLOW) for _ in range(BURST + 2)]
    assert waits[:BURST] == [NOW] * BURST
    assert all(step - SLACK < wait <= step for wait in waits[BURST:]), "one who waits has taken nothing"


async def test_what_can_wait_leaves_the_burst_to_what_is_live(make: Make) -> None:
    asked = make(SLOW)
    assert await asked.ask(live=False, patience=SLOW) == NOW
    assert await asked.ask(live=False, patience=SLOW) > NOW
    assert [await asked.ask(live=True, patience=SLOW) for _ in range(BURST - 1)] == [NOW] * (BURST - 1)


async def test_who_has_no_patience_gets_a_place_of_its_own_in_the_line(make: Make) -> None:
    asked = make(SLOW)
    step = STEP
    for _ in range(BURST):
        await asked.ask(live=True, patience=NOW)
    places = [await asked.ask(live=True, patience=NOW) for _ in range(4)]
    assert places[0] > step
    assert all(abs(later - earlier - step) < SLACK for earlier, later in pairwise(places))


async def test_a_place_is_not_further_away_than_a_quarter_of_an_hour(make: Make) -> None:
    asked = make(SLOW)
    places = [await asked.ask(live=True, patience=NOW) for _ in range(40)]
    assert max(places) <= budget.LONGEST
    assert places[-1] > budget.LONGEST * 0.99


async def test_a_pause_holds_everybody_until_it_is_over(make: Make) -> None:
    asked = make(FAST)
    await asked.pause(PAUSE)
    for live in (True, False):
        wait = await asked.ask(live=live, patience=2 * PAUSE)
        assert PAUSE - SLACK < wait < PAUSE + FAST


async def test_a_shorter_pause_does_not_shorten_a_longer_one(make: Make) -> None:
    asked = make(FAST)
    await asked.pause(PAUSE)
    await asked.pause(timedelta(seconds=1))
    assert await asked.ask(live=True, patience=2 * PAUSE) > PAUSE - SLACK


@pytest.mark.parametrize("kind", ["own", "shared"])
@pytest.mark.parametrize("allowed", [1, 60])
async def test_no_pause_is_longer_than_a_quarter_of_an_hour(kind: str, allowed: int, receiver_database: str) -> None:
    """A clock that was wrong for a moment, or one answer, must not block the key for a day."""
    connections, rate = Connections(receiver_database), Rate.of(allowed)
    own, shared = OwnBudget(rate), SharedBudget(connections, api_url="x", key_fingerprint="abc", rate=rate)
    asked: Budget = own if kind == "own" else shared
    await asked.pause(timedelta(hours=24))
    for live, patience in ((True, NOW), (True, timedelta(hours=1)), (False, timedelta(hours=1))):
        wait = await asked.ask(live=live, patience=patience)
        assert abs(wait - budget.LONGEST) < timedelta(seconds=20)
    connections.close()


async def test_taking_a_turn_waits_for_it(make: Make) -> None:
    """The requests after the burst take this time on the fastest machine. A slow machine may take longer."""
    asked = make(FAST)
    began = time.monotonic()
    async with asyncio.timeout(60):
        for _ in range(3 * BURST):
            await budget.take(asked, live=True, patience=MINUTE)
    assert time.monotonic() - began > (2 * BURST - 1) * FAST.total_seconds() * STEP / SLOW


async def test_a_turn_beyond_the_patience_is_refused_with_when_to_come_back(make: Make) -> None:
    asked = make(SLOW)
    for _ in range(BURST):
        await budget.take(asked, live=True, patience=NOW)
    with pytest.raises(RateLimited, match="60 requests a minute are in use") as raised:
        await budget.take(asked, live=True, patience=timedelta(seconds=3))
    assert (raised.value.code, raised.value.status) == ("out_of_turns", None)
    assert raised.value.retry_after is not None
    assert raised.value.retry_after > STEP


async def test_a_key_is_shared_by_processes_and_others_are_not(receiver_database: str) -> None:
    here, there = Connections(receiver_database), Connections(receiver_database)
    whose = {"api_url": "http://a.test", "key_fingerprint": "abc", "rate": Rate.of(60, minute=SLOW)}
    one, two = SharedBudget(here, **whose), SharedBudget(there, **whose)  # type: ignore[arg-type] # a dict of both kinds
    other = SharedBudget(here, api_url="http://a.test", key_fingerprint="def", rate=Rate.of(60, minute=SLOW))
    went = [await one.ask(live=True, patience=NOW) for _ in range(3)]
    went += [await two.ask(live=True, patience=NOW) for _ in range(3)]
    assert went[:BURST] == [NOW] * BURST
    assert went[BURST] > NOW
    assert await other.ask(live=True, patience=NOW) == NOW
    here.close()
    there.close()


async def test_many_at_once_take_no_more_than_the_burst(db: Pool, receiver_database: str) -> None:
    connections = Connections(receiver_database, size=10)
    # Each waits for the row that all of them want.
    asked = SharedBudget(
        connections, api_url="http://a.test", key_fingerprint="abc", rate=Rate.of(60, minute=SLOW), statement_seconds=60
    )
    waits = await asyncio.gather(*(asked.ask(live=True, patience=SLOW) for _ in range(100)))
    assert sum(wait == NOW for wait in waits) == BURST
    assert await db.fetchval("select count(*) from receiver.budgets") == 1
    connections.close()


async def test_what_is_live_does_not_stand_behind_what_can_wait(make: Make) -> None:
    asked = make(SLOW)
    for _ in range(BURST):
        await asked.ask(live=True, patience=NOW)
    behind = [await asked.ask(live=False, patience=NOW) for _ in range(6)]
    live = [await asked.ask(live=True, patience=NOW) for _ in range(2)]
    assert live[1] < behind[2]
    assert await asked.ask(live=False, patience=NOW) > behind[-1]

"""`webhooks.doubts`: a delivery that was refused for its time is looked up once, however often it comes."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from receiver import database
from receiver.database import Connection, Pool
from receiver.events import AccountId
from receiver.inbox.deliveries import Delivery, append
from receiver.providers.transcribe_so import payload
from receiver.webhooks import doubts
from receiver.webhooks.doubts import Count, Doubt, Outcome, Taken
from tests.processes import completed

HERE = AccountId("transcribe.so", "https://api.test", "default")
BIG = HERE._replace(account="big-show")
COMPLETED = "transcription.completed"
FAR = 10**6


def doubt(
    number: int = 7, account: AccountId = HERE, *, event: str = "evt_1", kind: str = COMPLETED, times: int = 1
) -> Doubt:
    return Doubt(account, str(number), kind, event, 400.0, times)


async def note(db: Pool, *noted: Doubt, most: int = 60) -> int | None:
    async with db.acquire() as connection:
        return await doubts.note(connection, noted, most=most)


async def look_up(db: Pool, outcome: Outcome) -> list[Taken]:
    """Look up whatever waits."""
    taken = await doubts.take(db, [HERE, BIG], FAR)
    for one in taken:
        await doubts.looked(db, one, outcome)
    return taken


async def pass_time(db: Pool, time: timedelta) -> None:
    """Let everything have happened so much earlier."""
    await db.execute(
        """
        update receiver.doubts set
            asked_at = asked_at - $1::interval, looked_up_at = looked_up_at - $1::interval,
            taken_until = taken_until - $1::interval, last_seen_at = last_seen_at - $1::interval
        """,
        time,
    )


async def stored(db: Pool) -> list[tuple[str, str, int]]:
    rows = await db.fetch("select transcription_id, event_id, times from receiver.doubts order by id")
    return [tuple(row) for row in rows]


@pytest.fixture
async def connection(receiver_database: str) -> AsyncIterator[Connection]:
    found = await database.connect(receiver_database)
    yield found
    found.terminate()


async def test_a_delivery_that_comes_a_thousand_times_is_one_row_and_one_look_up(db: Pool) -> None:
    for _ in range(10):
        assert await note(db, doubt(times=60), doubt(times=40)) == 0
        for taken in await look_up(db, "known"):
            assert (taken.account, taken.transcription_id, taken.type, taken.event_id) == (
                HERE, "7", COMPLETED, "evt_1",
            )  # fmt: skip
        await pass_time(db, timedelta(hours=2))
    assert await stored(db) == [("7", "evt_1", 1000)]
    assert await doubts.counts(db, HERE.api_url) == [Count("known", 1, 1000)]
    assert await doubts.counts(db, "https://other.test") == []


async def test_each_transcription_each_type_and_each_account_is_looked_up(db: Pool) -> None:
    others = [doubt(8), doubt(kind="transcription.failed"), doubt(account=BIG)]
    assert await note(db, doubt(), *others) == 0
    assert len(await doubts.take(db, [HERE], FAR)) == 3
    assert [taken.account for taken in await doubts.take(db, [BIG], FAR)] == [BIG]
    assert await doubts.counts(db, HERE.api_url) == [Count(None, 4, 4)]


async def test_an_event_that_is_stored_makes_no_doubt(db: Pool, connection: Connection) -> None:
    content = payload.read(HERE.source, completed("evt_1", 7))
    await append(connection, [Delivery(content, HERE.api_url, "fp")])
    known, others = doubt(), [doubt(8), doubt(account=BIG), doubt(event="evt_2")]
    assert await note(db, known, *others) == 0
    assert sorted(await stored(db)) == [("7", "evt_1", 1), ("7", "evt_2", 1), ("8", "evt_1", 1)]
    assert {taken.account for taken in await doubts.take(db, [HERE, BIG], FAR) if taken.event_id == "evt_1"} == {
        HERE, BIG,
    }  # fmt: skip
    await note(db, known)
    assert sum(times for _, _, times in await stored(db)) == 3


async def test_an_hour_has_sixty_new_look_ups_of_an_account_and_others_wait_for_the_next_delivery(db: Pool) -> None:
    assert await note(db, *[doubt(number) for number in range(40)]) == 0
    assert await note(db, *[doubt(number) for number in range(20, 80)], doubt(1, BIG)) == 20
    assert len(await stored(db)) == 61
    assert await note(db, doubt(1), doubt(99)) == 1  # a known one counts, a new one is too many
    await pass_time(db, timedelta(minutes=61))
    assert await note(db, doubt(99)) == 0
    assert len(await doubts.take(db, [HERE], FAR)) == 61


async def test_what_is_taken_is_nobody_elses_until_its_lease_ends(db: Pool) -> None:
    await note(db, doubt(1), doubt(2), doubt(3))
    first = await doubts.take(db, [HERE], 2)
    second = await doubts.take(db, [HERE], FAR)
    assert [len(first), len(second)] == [2, 1]
    assert await doubts.take(db, [HERE], FAR) == []
    await doubts.looked(db, second[0], "stored")
    await pass_time(db, doubts.LEASE)  # who took the first two has died
    assert await doubts.take(db, [HERE], FAR) == first


async def test_the_oldest_is_taken_first(db: Pool) -> None:
    for number in (3, 1, 2):
        await note(db, doubt(number))
    taken = [one for _ in range(3) for one in await doubts.take(db, [HERE], 1)]
    assert [one.transcription_id for one in taken] == ["3", "1", "2"]
    assert await doubts.take(db, [], FAR) == []


@pytest.mark.parametrize(
    ("outcome", "event", "minutes", "again"),
    [
        ("running", "evt_1", 61, True),
        ("running", "evt_1", 59, False),
        ("known", "evt_2", 61, True),
        ("known", "evt_2", 59, False),
        ("stored", "evt_1", 61, False),
    ],
)
async def test_it_is_looked_up_again_an_hour_later_if_it_had_not_ended_or_another_event_says_so(
    db: Pool, outcome: Outcome, event: str, minutes: int, *, again: bool
) -> None:
    await note(db, doubt())
    assert len(await look_up(db, outcome)) == 1
    await pass_time(db, timedelta(minutes=minutes))
    await note(db, doubt(event=event))
    await note(db, doubt(event=event))
    taken = await look_up(db, outcome)
    assert [one.event_id for one in taken] == ([event] if again else [])
    await note(db, doubt(event=event))
    assert await look_up(db, outcome) == []


async def test_a_second_look_up_counts_among_those_of_its_hour(db: Pool) -> None:
    await note(db, doubt())
    await look_up(db, "running")
    await pass_time(db, timedelta(hours=2))
    assert await note(db, doubt(8), most=1) == 0
    assert await note(db, doubt(), most=1) == 1
    assert [one.transcription_id for one in await look_up(db, "known")] == ["8"]


async def test_two_processes_do_not_count_the_same_hour_at_once(db: Pool, connection: Connection) -> None:
    async with connection.transaction():
        assert await doubts.note(connection, [doubt(1)], most=1) == 0
        assert await note(db, doubt(2), most=1) is None
    assert await note(db, doubt(2), most=1) == 1
    assert len(await stored(db)) == 1


async def test_doubts_of_which_nothing_came_for_a_month_are_removed(db: Pool, connection: Connection) -> None:
    await note(db, doubt(1), doubt(2))
    await pass_time(db, timedelta(days=29, hours=23))
    await note(db, doubt(2))
    await doubts.forget(connection)
    assert len(await stored(db)) == 2
    await pass_time(db, timedelta(hours=2))
    await doubts.forget(connection)
    assert [row[0] for row in await stored(db)] == ["2"]
    assert await doubts.counts(db, HERE.api_url) == [Count(None, 1, 2)]

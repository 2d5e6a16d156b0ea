"""`receiver.database.apart`: a failing item does not stop the others."""

from collections.abc import Sequence

import pytest

from receiver.database import Connection, Connections, Pool
from receiver.database.apart import each, together
from receiver.errors import StoreRefusedError, StoreUnavailableError


async def test_what_is_refused_or_locked_costs_what_it_was_to_be_done_with_nothing(
    db: Pool, receiver_database: str
) -> None:
    await db.execute("create table rows as select n, 0 as done from generate_series(1, 4) n")
    await db.execute("alter table rows add check (n <> 2 or done = 0)")
    answers = Connections(receiver_database, statement_seconds=1)

    async def work(connection: Connection, numbers: Sequence[int]) -> list[int]:
        done = await connection.fetch(
            "update rows set done = done + 1 where n = any ($1) returning n * 10 as n", numbers
        )
        return [row["n"] for row in done]

    assert await together(answers, [1, 4], work, seconds=60) == [10, 40]
    async with db.acquire() as other, other.transaction():
        await other.execute("select from rows where n = 3 for update")
        one, two, three, four = await together(answers, [1, 2, 3, 4], work, seconds=60)
    assert (one, four) == (10, 40)
    assert isinstance(two, StoreRefusedError)
    assert not two.passing
    assert isinstance(three, StoreRefusedError)
    assert three.passing
    assert [row["done"] for row in await db.fetch("select done from rows order by n")] == [2, 0, 0, 2]
    answers.close()


async def test_an_error_that_nobody_foresaw_in_one_of_many_costs_no_other(receiver_database: str) -> None:
    answers = Connections(receiver_database)

    async def work(_: Connection, numbers: Sequence[int]) -> list[int]:
        return [10 // number for number in numbers]

    five, none, two = await together(answers, [2, 0, 5], work, seconds=60)
    assert (five, two) == (5, 2)
    assert isinstance(none, StoreRefusedError)
    assert (none.passing, "ZeroDivisionError" in str(none)) == (True, True)
    answers.close()


async def test_what_is_done_when_the_database_goes_away_stays_done(receiver_database: str) -> None:
    answers = Connections(receiver_database)

    async def work(_: Connection, numbers: Sequence[int]) -> Sequence[int]:
        if len(numbers) > 1:
            raise StoreRefusedError("not together")
        if numbers == [3]:
            raise StoreUnavailableError("its answer is lost")
        return numbers

    async def never(_: Connection, numbers: Sequence[int]) -> Sequence[int]:
        raise StoreUnavailableError(f"away from {numbers}")

    *done, third, fourth = await together(answers, [1, 2, 3, 4], work, seconds=60)
    assert done == [1, 2]
    assert isinstance(third, StoreUnavailableError)
    assert not isinstance(third, StoreRefusedError)
    assert fourth is third
    with pytest.raises(StoreUnavailableError, match=r"away from \[1, 2, 3, 4\]"):
        await together(answers, [1, 2, 3, 4], never, seconds=60)
    answers.close()


async def test_a_lock_that_one_of_many_waits_for_keeps_none_of_the_others(db: Pool, receiver_database: str) -> None:
    """Whatever the session's own statement timeout is."""
    await db.execute("create table rows as select n from generate_series(1, 2) n")
    answers = Connections(receiver_database)

    async def work(connection: Connection, number: int) -> str:
        return await connection.execute("delete from rows where n = $1", number)

    async with db.acquire() as other, other.transaction():
        await other.execute("select from rows where n = 1 for update")
        found = [came async for _, came in each(answers, [1, 2], work, seconds=60)]
    assert isinstance(found[0], StoreRefusedError)
    assert found[1] == "DELETE 1"
    assert await answers.run(lambda c: c.fetchval("show lock_timeout"), seconds=60) == "0", "nobody else is impatient"
    answers.close()


async def test_nobody_who_is_impatient_waits_longer_than_statements_may_take(receiver_database: str) -> None:
    """A statement that is stuck ends as its own trouble, before the deadline at which it would be an outage."""

    async def work(connection: Connection, _: int) -> str:
        bound: str = await connection.fetchval("show statement_timeout")
        return bound

    found = []
    for seconds in (None, 0.5, 15):
        answers = Connections(receiver_database, statement_seconds=seconds)
        found += [came async for _, came in each(answers, [1], work, seconds=60)]
        answers.close()
    assert found == ["2s", "500ms", "2s"]

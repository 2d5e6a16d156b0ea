"""What was counted in the last hours, in equal steps."""

from datetime import timedelta

from receiver.database import Pool
from receiver.health import history


async def count(db: Pool, series: str, value: float, ago: str) -> None:
    await db.execute("insert into receiver.minutes values (now() - $1::text::interval, $2, $3)", ago, series, value)


async def test_each_step_has_its_sums(db: Pool) -> None:
    await count(db, 'deliveries["a", "stored"]', 3, "0")
    await count(db, 'deliveries["b", "refused"]', 2, "1 hour")
    await count(db, 'refusals["b", "stale"]', 2, "1 hour")
    await count(db, 'refusals["b", "mismatch"]', 5, "1 hour")
    await count(db, 'attempts["x", "done"]', 4, "2 hours")
    await count(db, 'deliveries["a", "stored"]', 99, "3 hours")
    await count(db, "nonsense", 1, "0")
    await count(db, "deliveries[", 1, "0")
    found = await history.read(db, steps=3, step=timedelta(hours=1))
    assert found.deliveries == [0, 2, 3]
    assert found.refused == [0, 7, 0]
    assert found.attempts == [4, 0, 0]


async def test_the_time_to_answer_is_the_bound_under_which_nearly_all_lie(db: Pool) -> None:
    for bound, number, ago in (("0.001", 99, "0"), ("0.5", 1, "0"), ("0.001", 98, "1 hour"), ("+Inf", 2, "1 hour")):
        await count(db, f'answer_seconds["{bound}"]', number, ago)
    found = await history.read(db, steps=3, step=timedelta(hours=1))
    assert found.answers == [0, 10.0, 0.001]

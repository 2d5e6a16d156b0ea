"""`inbox.life`: what happened to an event, with the time that each hop took."""

from datetime import UTC, datetime, timedelta

from receiver.inbox import life
from receiver.inbox.attempts import Attempt
from receiver.inbox.listing import Stored, StoredJob
from receiver.inbox.lookup import Delivered, Whole

STORED = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return STORED + timedelta(seconds=seconds)


def attempt(number: int, begun: float | None, ended: float, outcome: str = "again") -> Attempt:
    return Attempt(1, number, "host/1", None if begun is None else at(begun), at(ended), outcome, None)


def told(*attempts: Attempt, delivered: tuple[Delivered, ...] = ()) -> life.Life:
    job = StoredJob(1, "crm", "done", len(attempts), None, 0.0)
    event = Stored(1, "s", "u", "a", "evt", "t", None, None, None, STORED, 1, "done", (job,))
    return life.of(Whole(event, delivered, attempts, (), b""))


def hops(found: life.Life) -> list[tuple[str, float | None, bool]]:
    return [(hop.kind, hop.seconds, hop.is_slowest) for hop in found.jobs[0].hops]


def test_waits_and_attempts_follow_each_other_and_the_longest_is_the_slowest() -> None:
    assert hops(told(attempt(1, 1, 3), attempt(2, 13, 14, "done"))) == [
        ("waited", 1.0, False), ("tried", 2.0, False), ("waited", 10.0, True), ("tried", 1.0, False),
    ]  # fmt: skip


def test_a_job_that_had_ended_was_left_for_as_long_as_people_wanted() -> None:
    assert hops(told(attempt(1, 1, 3, "dead"), attempt(2, 5000, 5001, "done"))) == [
        ("waited", 1.0, False), ("tried", 2.0, True), ("left", 4997.0, False), ("tried", 1.0, False),
    ]  # fmt: skip


def test_what_is_not_kept_is_not_guessed() -> None:
    assert hops(told(attempt(1, 1, 3), attempt(5, 50, 52), attempt(6, None, 60, "lost"))) == [
        ("waited", 1.0, False), ("tried", 2.0, True), ("unknown", None, False), ("waited", None, False),
        ("tried", 2.0, False), ("tried", None, False),
    ]  # fmt: skip


def test_the_spool_is_a_hop() -> None:
    spooled = Delivered(1, at(-600), "spooled", None, "fp")
    found = told(attempt(1, 1, 3, "done"), delivered=(spooled,))
    assert found.spooled == life.Hop("spooled", STORED, 600.0, is_slowest=True)
    repeat = Delivered(2, at(-600), "spooled", None, "fp")
    assert told(attempt(1, 1, 3), delivered=(repeat,)).spooled is None


def test_a_single_hop_is_slower_than_no_other_and_clocks_can_disagree() -> None:
    assert hops(told(attempt(1, -1, 3))) == [("waited", 0.0, False), ("tried", 4.0, False)]

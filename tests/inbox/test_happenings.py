"""`receiver.inbox.happenings`: each change of an event or a job happens once."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from receiver.database import Pool
from receiver.inbox import deliveries, listing
from receiver.inbox.deliveries import Delivery
from receiver.inbox.happenings import Happenings
from receiver.inbox.listing import Stored, StoredJob
from receiver.providers.transcribe_so import payload
from tests.processes import completed

EVENT = Stored(
    key=11, source="transcribe.so", api_url="https://transcribe.so", account="default", id="evt_1",
    type="transcription.completed", unreadable=None, transcription_id="4821", callback_for=None,
    received_at=datetime(2026, 4, 29, tzinfo=UTC), deliveries=1, state="pending",
    jobs=(StoredJob(id=5, handler="pings", state="pending", attempt=0, error=None, waits_seconds=0.0),),
)  # fmt: skip
(JOB,) = EVENT.jobs


def happened(*moments: list[Stored], newest: int = 10) -> list[list[str]]:
    """Return what happens between these states of the inbox, in short."""
    happenings = Happenings(newest)
    return [
        [
            f"{one.event.id} x{one.event.deliveries}" if one.job is None else f"{one.job.handler} {one.job.state}"
            for one in happenings.among(moment)
        ]
        for moment in moments
    ]


def with_job(**changes: object) -> list[Stored]:
    return [replace(EVENT, jobs=(replace(JOB, **changes),))]  # type: ignore[arg-type]  # any field


def test_what_was_there_before_happens_no_more() -> None:
    before = replace(EVENT, key=10, jobs=(replace(JOB, state="dead", error="x"),))
    assert happened([before], [replace(before, deliveries=2)]) == [[], []]


def test_the_oldest_event_happens_first() -> None:
    assert happened([replace(EVENT, key=12, id="evt_2"), EVENT]) == [["evt_1 x1", "evt_2 x1"]]


def test_an_event_happens_once_and_again_when_it_is_repeated() -> None:
    repeated = replace(EVENT, deliveries=2)
    assert happened([EVENT], [EVENT], [repeated], [repeated]) == [["evt_1 x1"], [], ["evt_1 x2"], []]


def test_an_event_and_a_job_of_one_number_are_kept_apart() -> None:
    done = replace(EVENT, jobs=(replace(JOB, id=EVENT.key, state="done"),))
    assert happened([done], [done]) == [["evt_1 x1", "pings done"], []]


@pytest.mark.parametrize(("changes", "what"), [
    ({}, []),
    ({"state": "running", "attempt": 1, "waits_seconds": 60.0}, []),
    ({"state": "done", "attempt": 2, "error": "the first try's"}, ["pings done"]),
    ({"state": "dead", "attempt": 1}, ["pings dead"]),
    ({"attempt": 1, "error": "down", "waits_seconds": 12.4}, ["pings pending"]),
    # The error is the last try's; this one has only begun.
    ({"state": "running", "attempt": 2, "error": "down", "waits_seconds": 60.0}, []),
])  # fmt: skip
def test_a_job_happens_when_it_ends_or_waits_for_another_try(changes: dict[str, object], what: list[str]) -> None:
    assert happened(with_job(**changes)) == [["evt_1 x1", *what]]


def test_a_job_happens_with_each_of_its_tries() -> None:
    moments = [
        with_job(),
        with_job(state="running", attempt=1, waits_seconds=60.0),
        with_job(attempt=1, error="down", waits_seconds=10.0),
        with_job(attempt=1, error="down", waits_seconds=9.0),
        with_job(attempt=2, error="down", waits_seconds=20.0),
        with_job(state="dead", attempt=3, error="down"),
        with_job(state="dead", attempt=3, error="down"),
        with_job(state="done", attempt=4),
    ]
    waits = ["pings pending"]
    assert happened(*moments) == [["evt_1 x1"], [], waits, [], waits, ["pings dead"], [], ["pings done"]]


def test_every_job_of_an_event_happens() -> None:
    jobs = (replace(JOB, state="done"), replace(JOB, id=6, handler="mail", state="dead", error="x"))
    assert happened([replace(EVENT, jobs=jobs)]) == [["evt_1 x1", "pings done", "mail dead"]]


async def test_a_look_finds_what_is_new_in_the_database(db: Pool) -> None:
    happenings = Happenings(await listing.newest_key(db))
    async with db.acquire() as connection:
        content = payload.read("transcribe.so", completed("evt_1"))
        await deliveries.append(connection, [Delivery(content, "https://api.test", "f", ("pings",))])
    assert [one.event.id for one in await happenings.look(db)] == ["evt_1"]
    assert await happenings.look(db) == []

"""`receiver.cli.up.story`: each change of an event or a job is printed once."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from receiver.cli.up.story import Story
from receiver.inbox.deliveries import Stored, StoredJob

EVENT = Stored(
    key=11, source="transcribe.so", api_url="https://transcribe.so", account="default", id="evt_1",
    type="transcription.completed", unreadable=None, transcription_id="4821", callback_for=None,
    received_at=datetime(2026, 4, 29, tzinfo=UTC), deliveries=1, state="pending",
    jobs=(StoredJob(id=5, handler="pings", state="pending", attempt=0, error=None, waits_seconds=0.0),),
)  # fmt: skip
(JOB,) = EVENT.jobs
TOLD = "event  transcription.completed evt_1, transcription 4821"


def told(*moments: list[Stored], newest: int = 10) -> list[list[str]]:
    """Return the lines of one story for each state of the inbox."""
    story = Story(newest)
    return [story.lines(moment) for moment in moments]


def with_job(**changes: object) -> list[Stored]:
    return [replace(EVENT, jobs=(replace(JOB, **changes),))]  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize(("event", "line"), [
    (EVENT, TOLD),
    (replace(EVENT, transcription_id=None, type="webhook.test"), "event  webhook.test evt_1"),
    (replace(EVENT, deliveries=3), f"{TOLD}, delivered 3 times"),
    (replace(EVENT, jobs=(), state="done"), f"{TOLD}, no handler"),
    (replace(EVENT, id="0f", type=None, transcription_id=None, unreadable="it is not JSON", state="quarantined",
             jobs=()),
     "event  0f quarantined: it is not JSON"),
])  # fmt: skip
def test_an_event_is_one_line(event: Stored, line: str) -> None:
    assert told([event]) == [[line]]


def test_what_was_there_before_the_story_is_not_told() -> None:
    before = replace(EVENT, key=10, jobs=(replace(JOB, state="dead", error="x"),))
    assert told([before], [replace(before, deliveries=2)]) == [[], []]


def test_events_are_told_oldest_first() -> None:
    newer = replace(EVENT, key=12, id="evt_2")
    assert told([newer, EVENT]) == [[TOLD, TOLD.replace("evt_1", "evt_2")]]


def test_an_event_is_told_once_and_again_when_it_is_repeated() -> None:
    repeated = replace(EVENT, deliveries=2)
    assert told([EVENT], [EVENT], [repeated], [repeated]) == [[TOLD], [], [f"{TOLD}, delivered 2 times"], []]


def test_an_event_and_a_job_of_one_number_are_told_apart() -> None:
    done = replace(EVENT, jobs=(replace(JOB, id=EVENT.key, state="done"),))
    assert told([done], [done]) == [[TOLD, "job    pings done, for evt_1"], []]


@pytest.mark.parametrize(("changes", "lines"), [
    ({}, []),
    ({"state": "running", "attempt": 1, "waits_seconds": 60.0}, []),
    ({"state": "done", "attempt": 1}, ["job    pings done, for evt_1"]),
    ({"state": "done", "attempt": 2, "error": "the first try's"}, ["job    pings done, for evt_1"]),
    ({"state": "dead", "attempt": 1, "error": "no use"},
     ["job    pings DEAD, for evt_1: no use (`receiver replay evt_1 --handler pings`)"]),
    ({"state": "dead", "attempt": 1}, ["job    pings DEAD, for evt_1:  (`receiver replay evt_1 --handler pings`)"]),
    ({"state": "dead", "attempt": 1, "error": "no use", "handler": "show notes"},
     ["job    show notes DEAD, for evt_1: no use (`receiver replay evt_1 --handler 'show notes'`)"]),
    ({"attempt": 1, "error": "down", "waits_seconds": 12.4}, ["job    pings retrying in 12 s, for evt_1: down"]),
    ({"attempt": 1, "error": "down", "waits_seconds": -3.0}, ["job    pings retrying in 0 s, for evt_1: down"]),
    # The error is the last try's; this one has only begun.
    ({"state": "running", "attempt": 2, "error": "down", "waits_seconds": 60.0}, []),
])  # fmt: skip
def test_a_job_is_told_when_it_ends_or_waits(changes: dict[str, object], lines: list[str]) -> None:
    assert told(with_job(**changes)) == [[TOLD, *lines]]


def test_a_job_is_told_through_its_tries() -> None:
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
    assert told(*moments) == [
        [TOLD],
        [],
        ["job    pings retrying in 10 s, for evt_1: down"],
        [],
        ["job    pings retrying in 20 s, for evt_1: down"],
        ["job    pings DEAD, for evt_1: down (`receiver replay evt_1 --handler pings`)"],
        [],
        ["job    pings done, for evt_1"],
    ]


@pytest.mark.parametrize("state", ["pending", "dead"])
def test_an_error_cannot_break_its_line(state: str) -> None:
    [[_, line]] = told(with_job(state=state, attempt=1, error="a\nb\x1b[2J\u202e"))
    assert line.isprintable()


def test_every_job_of_an_event_is_told() -> None:
    jobs = (replace(JOB, state="done"), replace(JOB, id=6, handler="mail", state="dead", error="x"))
    assert told([replace(EVENT, jobs=jobs)]) == [
        [
            TOLD,
            "job    pings done, for evt_1",
            "job    mail DEAD, for evt_1: x (`receiver replay evt_1 --handler mail`)",
        ]
    ]

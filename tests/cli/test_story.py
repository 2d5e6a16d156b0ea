"""`receiver.cli.up.story`: what happens is one line each."""

from dataclasses import replace

import pytest

from receiver.cli.up.story import line
from receiver.inbox.happenings import Happening
from receiver.inbox.listing import Stored, StoredJob
from tests.inbox.test_happenings import EVENT, JOB

TOLD = "event  transcription.completed evt_1, transcription 4821"


def with_(changes: dict[str, object]) -> StoredJob:
    return replace(JOB, **changes)  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize(("event", "told"), [
    (EVENT, TOLD),
    (replace(EVENT, transcription_id=None, type="webhook.test"), "event  webhook.test evt_1"),
    (replace(EVENT, source="thunderscribe"),
     "event  transcription.completed evt_1 of thunderscribe, transcription 4821"),
    (replace(EVENT, account="second"),
     "event  transcription.completed evt_1 of transcribe.so/second, transcription 4821"),
    (replace(EVENT, deliveries=3), f"{TOLD}, delivered 3 times"),
    (replace(EVENT, jobs=(), state="done"), f"{TOLD}, no handler"),
    (replace(EVENT, id="0f", type=None, transcription_id=None, unreadable="it is not JSON", state="quarantined",
             jobs=()),
     "event  0f quarantined: it is not JSON"),
])  # fmt: skip
def test_an_event_is_one_line(event: Stored, told: str) -> None:
    assert line(Happening(event)) == told


@pytest.mark.parametrize(("changes", "told"), [
    ({"state": "done", "attempt": 1}, "job    pings done, for evt_1"),
    ({"state": "done", "attempt": 2, "error": "the first try's"}, "job    pings done, for evt_1"),
    ({"state": "dead", "attempt": 1, "error": "no use"},
     "job    pings DEAD, for evt_1: no use (`receiver replay evt_1 --handler pings`)"),
    ({"state": "dead", "attempt": 1}, "job    pings DEAD, for evt_1:  (`receiver replay evt_1 --handler pings`)"),
    ({"state": "dead", "attempt": 1, "error": "no use", "handler": "show notes"},
     "job    show notes DEAD, for evt_1: no use (`receiver replay evt_1 --handler 'show notes'`)"),
    ({"attempt": 1, "error": "down", "waits_seconds": 12.4}, "job    pings retrying in 12 s, for evt_1: down"),
    ({"attempt": 1, "error": "down", "waits_seconds": -3.0}, "job    pings retrying in 0 s, for evt_1: down"),
])  # fmt: skip
def test_a_job_that_ends_or_waits_is_one_line(changes: dict[str, object], told: str) -> None:
    assert line(Happening(EVENT, with_(changes))) == told


@pytest.mark.parametrize("state", ["pending", "dead"])
def test_an_error_cannot_break_its_line(state: str) -> None:
    job = with_({"state": state, "attempt": 1, "error": "a\nb\x1b[2J\u202e"})
    assert line(Happening(EVENT, job)).isprintable()

"""`receiver.worker.lane`: what an attempt tells in its span."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from receiver.inbox.jobs import Claim
from receiver.inbox.retry import Again, Dead, Done, Later, Outcome
from receiver.worker.lane import Lane
from tests.logs.recorded import ids, recorded

NOW = datetime.now(UTC)
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CLAIM = Claim(
    job=7, attempt=1, uncounted=0, is_replay=False, handler="one", source="transcribe.so", api_url="https://api.test",
    account="default", event_id="evt_1", transcription_id="4821", origin="webhook", raw=b"{}", kept_key=None,
    due_at=NOW, claimed_at=NOW, traceparent=f"00-{TRACE}-{PARENT}-01",
)  # fmt: skip


@pytest.mark.parametrize(("attempt", "is_replay"), [(1, False), (2, False), (1, True), (2, True)])
def test_only_the_first_attempt_of_a_live_job_continues_the_deliverys_trace(attempt: int, *, is_replay: bool) -> None:
    """A job that a replay has added has its first attempt long after the delivery."""
    with recorded() as spans, Lane(replace(CLAIM, attempt=attempt, is_replay=is_replay)).traced():
        pass
    is_first = (attempt, is_replay) == (1, False)
    assert (ids(spans["attempt one"]) == (TRACE, PARENT)) is is_first
    assert len(spans["attempt one"].links) == (0 if is_first else 1)


@pytest.mark.parametrize(
    ("outcome", "is_error"),
    [
        (Done(), False),
        (Later(timedelta(seconds=1), "no turn"), False),
        (Again(timedelta(seconds=1), "ValueError: no"), True),
        (Dead("never"), True),
    ],
)
def test_an_outcome_is_told_with_its_reason(outcome: Outcome, *, is_error: bool) -> None:
    lane = Lane(CLAIM)
    with recorded() as spans, lane.traced() as span:
        lane.note_outcome(span, outcome)
    found = spans["attempt one"].attributes or {}
    assert found["receiver.outcome"] == type(outcome).__name__.lower()
    assert found.get("receiver.reason") == getattr(outcome, "reason", None)
    assert spans["attempt one"].status.is_ok is not is_error
    assert found.items() >= {"receiver.job": 7, "receiver.account": "default", "receiver.replay": False}.items()


def test_without_opentelemetry_nothing_is_told() -> None:
    lane = Lane(CLAIM)
    with lane.traced() as span:
        assert span is None
        lane.note_outcome(span, Done())

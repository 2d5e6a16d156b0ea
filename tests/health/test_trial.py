"""`receiver.health.trial`: how far a test event comes, and why it stops there."""

from datetime import UTC, datetime

import pytest

from receiver.health.trial import why_not_handled
from receiver.inbox.listing import Stored, StoredJob


@pytest.mark.parametrize(("jobs", "why"), [
    ([], None),
    ([("a", "done", None), ("b", "done", None)], None),
    ([("a", "pending", None)], "no worker has claimed it for a: run `receiver work`, or see its log"),
    ([("a", "pending", "KeyError: 'x'")], "the handler a failed and is retried: KeyError: 'x'"),
    ([("a", "running", None)], "the handler a still runs"),
    ([("a", "running", "KeyError: 'x'")], "the handler a still runs, after it had failed: KeyError: 'x'"),
    ([("a", "dead", "no")], "the handler a gave up: no; `receiver show evt_1` says more"),
    ([("a", "dropped", "no")], "a person has dropped the job of the handler a: no"),
    ([("a", "done", None), ("b", "pending", "no"), ("c", "running", None)],
     "the handler b failed and is retried: no; the handler c still runs"),
])  # fmt: skip
def test_where_a_test_event_stops_each_handler_is_named(
    jobs: list[tuple[str, str, str | None]], why: str | None
) -> None:
    event = Stored(
        key=1, source="transcribe.so", api_url="https://api.test", account="default", id="evt_1", type="webhook.test",
        unreadable=None, transcription_id=None, callback_for=None, received_at=datetime.now(UTC), deliveries=1,
        state="pending", jobs=tuple(StoredJob(1, name, state, 1, error, 0.0) for name, state, error in jobs),
    )  # fmt: skip
    assert why_not_handled(event) == why

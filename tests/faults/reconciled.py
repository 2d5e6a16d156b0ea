"""Whoever compares the provider's list dies, and the next one finds what is left: each end has one event."""

import json
from typing import Any

from receiver.failpoints import Failpoint
from receiver.testing import TEMPLATE
from tests.faults.history import TABLE
from tests.faults.scenarios import Stage, armed
from tests.processes import until

EVENTS = "select transcription_id, event_id from receiver.events where type = 'transcription.completed'"
EFFECTS = "select event_id, count(*) as times from public.effects group by event_id"
UNFINISHED = "select count(*) as jobs from receiver.jobs where state <> 'done'"


def reconciling(stage: Stage, point: Failpoint, nth: int) -> None:
    """A worker or a command dies beside what it has found. Each end has one event; late webhooks run nothing."""
    url = stage.database("--template", TEMPLATE)
    stage.processes.sql(TABLE, url)
    stage.sandbox.begin_anew()
    own = {
        "DATABASE_URL": url, "TRANSCRIBE_API_KEY": stage.sandbox.key, "RECEIVER_RECONCILE_GRACE_SECONDS": "0",
        "RECEIVER_RECONCILE_SECONDS": "1",
    }  # fmt: skip
    assert stage.processes.run_inside("reconcile", **own).exit_code == 0  # the account's time begins
    stage.sandbox.get("me")  # the provider has met the key
    order = {"count": 3 * nth, "over_days": 0, "key": stage.sandbox.key}
    assert stage.sandbox.http.post("/sandbox/transcriptions", json=order).is_success
    command = "reconcile" if nth % 2 else "work"
    stage.dies(stage.processes.start(command, **armed(point, 1), **own), point)
    # As if the lease of whoever died had run out.
    stage.processes.sql("update receiver.reconciliations set leased_until = '-infinity', due_at = now()", url)
    worker = stage.processes.start("work", **own)
    until(lambda: len(stage.processes.sql(EVENTS, url)) == 3 * nth, "every end is an event")
    _deliver_late(stage, own, nth)
    until(lambda: stage.processes.sql(UNFINISHED, url)[0]["jobs"] == 0, "every job has ended")
    worker.kill()
    found = {row["event_id"]: row["transcription_id"] for row in stage.processes.sql(EVENTS, url)}
    effects = {row["event_id"]: row["times"] for row in stage.processes.sql(EFFECTS, url)}
    assert len(found) == 4 * nth
    assert effects == {event: 1 for event in found if event.startswith("rec_")}
    assert len({found[event] for event in effects}) == 3 * nth


def _deliver_late(stage: Stage, own: dict[str, str], number: int) -> None:
    """Deliver the webhooks of some of these ends after all."""
    web = stage.processes.serve(**own)
    for item in stage.sandbox.submitted()[:number]:
        announced: dict[str, Any] = {
            "id": f"evt_late_{item['id']}", "event": "transcription.completed", "data": {"transcription": item},
        }  # fmt: skip
        answer = web.deliver(json.dumps(announced).encode())
        assert (answer.status_code, answer.json()) == (200, {"status": "stored"})
    web.kill()

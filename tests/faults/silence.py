"""A provider that goes silent: what it never announced is found, and what it announces late runs nothing twice.

submitted ──▶ announced, but for one in five: withheld ──▶ feed off ──▶ found by the list, and said
└──some──▶ released: late ──▶ feed on ──▶ no longer said
"""

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from receiver.submissions.reconciling.feed import LOOKS_OFF
from tests.commands import Simulated
from tests.faults.history import HANDLER, TABLE
from tests.processes import Processes, Web, free_port, until

EVERY = 5  # one announcement in so many is withheld
RECONCILED = "select count(*) as number from receiver.events where origin = 'reconciled'"
LATE = "select count(*) as number from receiver.events where same_as is not null"
JOBS = """
    select e.transcription_id, count(*) as jobs
    from receiver.jobs j join receiver.events e on e.id = j.event
    where e.type like 'transcription.%' and j.state = 'done' group by 1
"""
EFFECTS = """
    select e.transcription_id, count(*) as effects
    from public.effects f join receiver.events e on e.event_id = f.event_id group by 1
"""
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Run:
    """A run; times are seconds.

    Attributes:
        total: how many recordings are submitted.
        late: how many of the withheld announcements are delivered in the end.
        grace: how long an announcement can take.
        interval: between two comparisons.
    """

    total: int
    late: int
    grace: float
    interval: float

    @property
    def withheld(self) -> int:
        """How many announcements are withheld."""
        return self.total // EVERY


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen. Times are seconds.

    Attributes:
        found: how many ends were found in the list.
        late: how many webhooks came late.
        doubled: how many transcriptions had two effects, or a handler that ran twice.
        missing: how many had none.
        most_calls: the most requests to the provider in any minute.
        said_after: from the last end until it was said that the feed looks off.
        withdrawn_after: from the first webhook that came again until it was no longer said.
    """

    found: int
    late: int
    doubled: int
    missing: int
    most_calls: int
    said_after: float
    withdrawn_after: float


def silence(processes: Processes, provider: Simulated, run: Run) -> Seen:
    """Carry out a run."""
    processes.write_handlers(effects=HANDLER)
    history = processes.folder / "history.jsonl"
    history.touch()
    processes.environment |= {
        "HISTORY": str(history), "TRANSCRIBE_API_URL": provider.url, "TRANSCRIBE_API_KEY": provider.key,
        "RECEIVER_RECONCILE_SECONDS": str(run.interval), "RECEIVER_RECONCILE_GRACE_SECONDS": str(run.grace),
    }  # fmt: skip
    processes.sql(TABLE)
    web = _registered(processes)
    worker = processes.start("work")
    until(lambda: processes.sql("select from receiver.reconciliations where compared_at is not null"), "it has begun")
    before = len(provider.asked())
    _order(provider, {"kind": "hold", "every": EVERY, "times": run.withheld})
    for number in range(run.total):
        _submit(provider, number)
    until(lambda: _done(processes) >= run.total - run.withheld, "what was announced is done")
    provider.http.post("/sandbox/webhooks/disable")
    _submit(provider, run.total)  # nobody announces this one
    silent_since = time.monotonic()
    until(lambda: LOOKS_OFF in worker.log, "it is said that the feed looks off")
    said = time.monotonic() - silent_since
    until(lambda: _number(processes, RECONCILED) == run.withheld + 1, "what was never announced is found")
    until(lambda: _done(processes) == run.total + 1, "and done")
    assert LOOKS_OFF in web.get("/readyz").text
    provider.http.post("/sandbox/webhooks/enable")
    back = time.monotonic()
    _order(provider, {"count": run.late}, "/release")
    until(lambda: _number(processes, LATE) == run.late, "the late ones have come")
    until(lambda: LOOKS_OFF not in web.get("/readyz").text, "it is no longer said")
    withdrawn = time.monotonic() - back
    until(lambda: processes.unfinished() == 0, "every job has ended")
    jobs = {row["transcription_id"]: row["jobs"] for row in processes.sql(JOBS)}
    effects = {row["transcription_id"]: row["effects"] for row in processes.sql(EFFECTS)}
    both = [*jobs.values(), *effects.values()]
    seen = Seen(
        found=_number(processes, RECONCILED), late=_number(processes, LATE),
        doubled=sum(number > 2 for number in jobs.values()) + sum(number > 1 for number in effects.values()),
        missing=2 * (run.total + 1) - len(both), most_calls=most_in_a_minute(provider, before), said_after=said,
        withdrawn_after=withdrawn,
    )  # fmt: skip
    worker.kill()
    web.kill()
    return seen


def most_in_a_minute(provider: Simulated, since: int) -> int:
    """Return the most requests of the receiver in any minute, among those after the first `since`."""
    requests: list[dict[str, Any]] = provider.http.get("/sandbox/requests").json()["requests"]
    times = [one["at"] for one in requests[since:] if one["method"] == "GET"]
    return max((sum(at <= other < at + MINUTE for other in times) for at in times), default=0)


def _registered(processes: Processes) -> Web:
    port = free_port()
    web = processes.begin_serving(port, PUBLIC_URL=f"http://127.0.0.1:{port}")
    until(web.accepts, "it listens")
    web.until_logged("registered http")
    return web


def _submit(provider: Simulated, number: int) -> None:
    body = {"source": "external_url", "url": f"https://media.example/{number}.mp3", "duration_seconds": 60}
    assert provider.http.post("/api/v1/transcriptions", json=body).is_success


def _order(provider: Simulated, body: dict[str, object], to: str = "") -> None:
    answer = provider.http.post(f"/sandbox/announcements{to}", json=body)
    assert answer.is_success, answer.text


def _number(processes: Processes, statement: str) -> int:
    number: int = processes.sql(statement)[0]["number"]
    return number


def _done(processes: Processes) -> int:
    return Counter(row["jobs"] for row in processes.sql(JOBS))[2]

"""Events: list them, and explain what happened to one."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from pydantic import Field

from receiver.assistants.arguments import Answer, Arguments, Name, Part, Since, Text
from receiver.assistants.harmless import shown, shown_or_none
from receiver.assistants.state import State
from receiver.errors import ImpossibleError
from receiver.inbox import asked as filtered
from receiver.inbox import life, lookup, paging
from receiver.inbox.asked import Word
from receiver.inbox.filters import EventState
from receiver.inbox.life import Hop, JobLife
from receiver.inbox.listing import Stored, StoredJob
from receiver.inbox.lookup import Whole
from receiver.providers import SOURCES

EVENTS, MOST_EVENTS = 20, 50
JOBS = 20  # of one event that is explained
LISTED_JOBS = 8  # of each event in a list
HOPS = 10  # of one job: the last ones
ERROR = 150  # characters, where there are many
DELIVERIES = 10


class Wanted(Arguments):
    """Which events."""

    state: EventState | None = Field(
        default=None,
        description="pending: jobs wait or run; done; dead: a job was given up; quarantined: not readable.",
    )
    handler: Name | None = Field(default=None, description="Only those with a job of this handler.")
    type: Name | None = Field(default=None, description="Such as transcription.failed, or transcription.*.")
    source: Name | None = None
    account: Name | None = None
    id: Name | None = Field(default=None, description="Of the event, its transcription or its submission.")
    title: Name | None = Field(default=None, description="Only those with this text in their title.")
    since: Since | None = None
    limit: int = Field(default=EVENTS, ge=1, le=MOST_EVENTS)
    cursor: Text | None = Field(default=None, description="`next` of the answer before, to go on there.")


class Explained(Arguments):
    """Which event."""

    event: Name = Field(
        description="Its `name` or its `key` as list_events gives them, or the id of its transcription."
    )


class Job(Part):
    """A job: what one handler does with one event."""

    handler: str
    state: str
    attempts: int
    error: str | None
    due_at: datetime | None
    waiting_since: datetime | None = Field(description="Since when it waits for turns, money or a key.")


class Event(Part):
    """An event."""

    key: str = Field(description="Means exactly this event, for explain_event.")
    name: str
    type: str | None
    state: str
    received_at: datetime
    source: str
    account: str
    api_url: str
    transcription_id: str | None
    title: str | None
    origin: str = Field(description="webhook, callback, submission, or reconciled: nobody had announced it.")
    deliveries: int
    jobs: Sequence[Job] = Field(description=f"The first {LISTED_JOBS} of them.")
    job_count: int


class Events(Answer):
    """Events, the newest first."""

    events: Sequence[Event]
    next: str | None = Field(description="The cursor for more; null if there are no more.")


class Step(Part):
    """A hop in the life of a job."""

    what: str = Field(description="waited: for a worker; tried: an attempt; left: it had ended; unknown: not kept.")
    ended_at: datetime
    seconds: float | None
    attempt: int | None
    outcome: str | None
    error: str | None
    is_slowest: bool


class Life(Job):
    """A job with what happened to it."""

    steps: Sequence[Step]


class Delivery(Part):
    """A delivery of an event."""

    number: int
    at: datetime
    how: str


class Explanation(Answer):
    """An event with what happened to it."""

    event: Event
    in_words: Sequence[str] = Field(description="What happened, and what can be done.")
    spooled_seconds: float | None = Field(description="How long the database could not take it.")
    deliveries: Sequence[Delivery]
    lives: Sequence[Life]


async def list_events(state: State, asked: Wanted) -> Events:
    """Return events, the newest first."""
    given = tuple(Word(name, str(value)) for name in filtered.NAMES if (value := getattr(asked, name)) is not None)
    wanted = filtered.meant(given, sources=[source.name for source in SOURCES])
    if wanted.wrong:
        raise ImpossibleError("; ".join(wanted.wrong))
    before = None if asked.cursor is None else paging.read_place(asked.cursor)
    if asked.cursor is not None and before is None:
        raise ImpossibleError("cursor: give `next` of an answer as it is, or leave it out")
    page = await state.read(lambda db: paging.page(db, wanted.filter, before, limit=asked.limit))
    further = None if page.older is None else paging.written(page.older)
    more = None if further is None else "there are more: pass `next` as `cursor`"
    if page.looked_back_to is not None:
        more = f"events back to {page.looked_back_to:%Y-%m-%d %H:%M} were looked at: pass `next` as `cursor` to go on"
    return Events(events=[_event(one) for one in page.events], next=further, more=more)


async def explain_event(state: State, asked: Explained) -> Explanation:
    """Return what happened to an event, hop by hop."""
    whole = await state.read(lambda db: lookup.whole(db, asked.event, with_body=False))
    event, lived = whole.event, life.of(whole)
    more = []
    if len(event.jobs) > JOBS:
        more.append(f"{len(event.jobs) - JOBS} more jobs")
    if any(len(one.hops) > HOPS for one in lived.jobs):
        more.append(f"of each job only the last {HOPS} steps")
    if event.deliveries > DELIVERIES:
        more.append(f"{event.deliveries - min(DELIVERIES, len(whole.delivered))} more deliveries")
    if max(len(whole.late), len(whole.variants)) > DELIVERIES:
        more.append("more webhooks that came late for it, or with its id")
    return Explanation(
        event=_event(event), in_words=list(_words(whole)),
        spooled_seconds=None if lived.spooled is None else lived.spooled.seconds,
        deliveries=[Delivery(number=one.number, at=one.at, how=one.how) for one in whole.delivered[:DELIVERIES]],
        lives=[_life(one) for one in lived.jobs[:JOBS]],
        more=f"left out: {'; '.join(more)}. `receiver show @{event.key}` has everything" if more else None,
    )  # fmt: skip


def _event(one: Stored) -> Event:
    return Event(
        key=f"@{one.key}", name=shown(f"{one.source}/{one.id}"), type=shown_or_none(one.type), state=one.state,
        received_at=one.received_at, source=one.source, account=one.account, api_url=one.api_url,
        transcription_id=shown_or_none(one.transcription_id), title=shown_or_none(one.title), origin=one.origin,
        deliveries=one.deliveries, jobs=[_job(job, ERROR) for job in one.jobs[:LISTED_JOBS]], job_count=len(one.jobs),
    )  # fmt: skip


def _job(job: StoredJob, most: int = 300) -> Job:
    return Job(
        handler=job.handler, state=job.state, attempts=job.attempt, error=shown_or_none(job.error, most),
        due_at=job.due_at, waiting_since=job.waiting_since,
    )  # fmt: skip


def _life(one: JobLife) -> Life:
    return Life(**dict(_job(one.job)), steps=[_step(hop) for hop in one.hops[-HOPS:]])


def _step(hop: Hop) -> Step:
    attempt = hop.attempt
    return Step(
        what=hop.kind, ended_at=hop.at, seconds=hop.seconds, attempt=None if attempt is None else attempt.attempt,
        outcome=None if attempt is None else attempt.outcome,
        error=None if attempt is None else shown_or_none(attempt.error, ERROR), is_slowest=hop.is_slowest,
    )  # fmt: skip


def _words(whole: Whole) -> Iterator[str]:
    """Yield what happened in sentences, and what can be done."""
    event = whole.event
    if event.unreadable is not None:
        yield f"It is authentic and its body cannot be read, so no handler runs: {shown(event.unreadable)}."
    if event.pruned_at is not None:
        yield f"It was pruned on {event.pruned_at:%Y-%m-%d}: its body and its jobs are gone."
    if event.same_as is not None:
        yield f"It came late: its jobs are those of @{event.same_as}, which was made because it had not come."
    if event.is_unwanted:
        yield "No handler wants it, so it is done."
    for late in whole.late[:DELIVERIES]:
        yield f"A webhook came late for it, and ran nothing: @{late.key}."
    for variant in whole.variants[:DELIVERIES]:
        yield f"Another body came with its id, and is in quarantine: @{variant.key}."
    for job in event.jobs[:JOBS]:
        yield _job_in_words(whole, job)


def _job_in_words(whole: Whole, job: StoredJob) -> str:
    why = "" if job.error is None else f": {shown(job.error)}"
    tried = f"{job.attempt} attempt{'' if job.attempt == 1 else 's'}"
    drop = whole.drop_of(job)
    if drop is not None:
        reason = "" if drop.reason is None else f": {shown(drop.reason)}"
        return f"{job.handler} was dropped by {shown(drop.dropped_by)}{reason}."
    if job.state == "dead":
        return f"{job.handler} is dead after {tried}{why}. It runs again only when somebody replays it."
    if job.waiting_since is not None:
        return f"{job.handler} waits for turns, money, a key, or what its handler waits for{why}."
    if job.state == "pending":
        return f"{job.handler} is to be tried{' again' if job.attempt else ''}, after {tried}{why}."
    return f"{job.handler} {'runs now' if job.state == 'running' else f'is {job.state}'}, {tried}."

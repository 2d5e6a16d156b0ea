"""What happened to an event, hop by hop, with the time that each took. Pure.

    came ──spooled──▶ stored ──waited──▶ claimed ──tried──▶ failed ──waited──▶ claimed ──tried──▶ done, or dead
                                                              dead, or done ──left──▶ replayed and claimed again

The slowest hop is the longest of those that a person can do something about: a job is left for as long as people want.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from receiver.inbox.attempts import Attempt
from receiver.inbox.listing import StoredJob
from receiver.inbox.lookup import Drop, Whole

Kind = Literal["spooled", "waited", "tried", "left", "unknown"]


@dataclass(frozen=True, slots=True)
class Hop:
    """A part of a life.

    Attributes:
        kind: `spooled`: it was in the spool; `waited`: its job waited for a worker; `tried`: an attempt; `left`: its
            job had ended, until somebody replayed it; `unknown`: attempts that are not kept one by one.
        at: when it ended.
        seconds: how long it took; None if that is not known.
        attempt: the attempt, if it is one.
        number: of attempts that are not kept.
        is_slowest: whether no other hop took longer.
    """

    kind: Kind
    at: datetime
    seconds: float | None
    attempt: Attempt | None = None
    number: int = 0
    is_slowest: bool = False


@dataclass(frozen=True, slots=True)
class JobLife:
    """What happened to a job; and who has dropped it, if it is dropped."""

    job: StoredJob
    hops: tuple[Hop, ...]
    drop: Drop | None


@dataclass(frozen=True, slots=True)
class Life:
    """What happened to an event: how long it was in the spool, if it was, and to each of its jobs."""

    spooled: Hop | None
    jobs: tuple[JobLife, ...]


def of(whole: Whole) -> Life:
    """Return the life of an event."""
    event = whole.event
    first = next((one for one in whole.delivered if one.number == 1 and one.how == "spooled"), None)
    spooled = None if first is None else Hop("spooled", event.received_at, _between(first.at, event.received_at))
    jobs = [(job, list(_hops(event.received_at, whole.attempts_at(job)))) for job in event.jobs]
    every = [hop for hop in (spooled, *(hop for _, hops in jobs for hop in hops)) if hop is not None]
    slowest = _slowest(every)
    return Life(
        None if spooled is None else replace(spooled, is_slowest=spooled is slowest),
        tuple(
            JobLife(job, tuple(replace(hop, is_slowest=hop is slowest) for hop in hops), whole.drop_of(job))
            for job, hops in jobs
        ),
    )


def _hops(stored_at: datetime, attempts: Sequence[Attempt]) -> Iterator[Hop]:
    since: datetime | None = stored_at
    number, outcome = 0, ""
    for one in attempts:
        if missing := one.attempt - number - 1:
            yield Hop("unknown", one.claimed_at or one.ended_at, None, number=missing)
            since = None
        if one.claimed_at is not None:
            kind: Kind = "left" if outcome in ("dead", "done") else "waited"
            yield Hop(kind, one.claimed_at, None if since is None else _between(since, one.claimed_at))
        yield Hop("tried", one.ended_at, one.seconds, one)
        since, number, outcome = one.ended_at, one.attempt, one.outcome


def _slowest(hops: Sequence[Hop]) -> Hop | None:
    """Return the hop that took longest; None if none took any time, or there is no other to compare it with."""
    timed = [hop for hop in hops if hop.seconds and hop.kind != "left"]
    return max(timed, key=lambda hop: hop.seconds or 0.0) if len(timed) > 1 else None


def _between(one: datetime, other: datetime) -> float:
    """Return the seconds between two moments. Two clocks can disagree: then it is nothing."""
    return max(0.0, (other - one).total_seconds())

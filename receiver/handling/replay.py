"""Run an event's jobs again.

name ──▶ the event with that name ──▶ a quarantined body is read again ──▶ jobs are pending, with a new quota
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from receiver import events, providers
from receiver.database import Connection, Pool
from receiver.errors import ImpossibleError
from receiver.handling import discovery
from receiver.handling.api import Handler
from receiver.inbox import deliveries, jobs, listing, lookup, unannounced
from receiver.inbox.jobs import SUBMISSIONS
from receiver.inbox.listing import Stored
from receiver.logs import clock


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of an event's jobs. Each is named by its handler.

    Attributes:
        event: the name that the event was asked for by.
        instead: the event whose jobs these are, if it is another one, because the webhook asked for came late.
        pending: the jobs that run again.
        running: the jobs that should run again, but run now, and were left alone.
        gone: the jobs that have not ended well, or been dropped, and whose handlers are not known.
    """

    event: str
    instead: str | None
    pending: tuple[str, ...]
    running: tuple[str, ...]
    gone: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `replay --json` prints."""
        return {
            "event": self.event,
            "jobs_of": self.instead or self.event,
            "pending": self.pending,
            "running": self.running,
        }

    def require_all(self) -> None:
        """Refuse a replay that has left jobs alone which should run again. The others run again nevertheless.

        Raises:
            ImpossibleError: jobs run now.
        """
        if self.running:
            raise ImpossibleError(f"running, so left alone: {', '.join(self.running)}; replay when they have ended")


def chosen(known: Mapping[str, Handler], only: str | None) -> list[Handler]:
    """Return the handlers whose jobs should run again: all, or the one named `only`.

    Raises:
        ImpossibleError: no handler has that name.
    """
    if only is None:
        return list(known.values())
    if only not in known:
        raise ImpossibleError(discovery.no_such(only, known))
    return [known[only]]


async def replay(db: Pool, name: str, handlers: Sequence[Handler], *, known: Container[str]) -> Replayed:
    """Run an event's jobs of these handlers again. A handler that has no job for the event yet gets one.

    Args:
        db: the database.
        name: a name of the event.
        handlers: the chosen ones.
        known: the names of all handlers, also of those that are not chosen.

    Raises:
        ImpossibleError: the name means no event or several, its body is pruned, or it is quarantined and still cannot
            be read.
    """
    asked = await lookup.one(db, name)
    found = await lookup.with_jobs(db, asked)
    _require_body(found)
    async with db.acquire() as connection, connection.transaction():
        event_type, key = (found.type, found.key) if found.type else await _read_again(connection, found)
        is_own_work = event_type == events.SUBMISSION
        wanted = [SUBMISSIONS] if is_own_work else discovery.interested(handlers, event_type, found.source)
        pending = await jobs.replay(connection, key, wanted)
    await jobs.nudge(db)
    found = await lookup.one(db, f"@{key}")
    _require_body(found)
    return Replayed(
        event=name,
        instead=None if found.key == asked.key else f"{found.source}/{found.id}",
        pending=tuple(pending),
        running=tuple(job.handler for job in found.jobs if job.handler in wanted and job.handler not in pending),
        gone=tuple(
            job.handler
            for job in found.jobs
            if job.state not in ("done", "dropped") and job.handler not in known and job.handler != SUBMISSIONS
        ),
    )


def _require_body(found: Stored) -> None:
    if found.pruned_at is not None:
        text = f"the body of {found.source}/{found.id} was pruned at {clock(found.pruned_at)}"
        raise ImpossibleError(f"{text}, so no handler can run with it")


async def _read_again(connection: Connection, found: Stored) -> tuple[str, int]:
    """Read a quarantined event again, and take it out of quarantine. Return its type, and the event with its jobs."""
    content = providers.read(found.source, await listing.raw(connection, found.key))
    if found.callback_for is not None:  # the callback's secret proves nothing about another transcription
        content = events.about(content, found.callback_for)
    if isinstance(content, events.Unreadable):
        raise ImpossibleError(f"it still cannot be read: {content.reason}")
    await unannounced.lock(connection)
    key = await deliveries.accept_quarantined(connection, found.key, content)
    if key is None:
        raise ImpossibleError(f"its event {content.id} is already stored")
    return content.type, key

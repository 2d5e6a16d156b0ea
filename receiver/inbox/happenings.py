"""Find what has happened since the last look: events that came, and jobs that ended or wait for another try."""

from collections.abc import Sequence
from dataclasses import dataclass

from receiver.database import Database
from receiver.inbox import listing
from receiver.inbox.listing import Stored, StoredJob

EVENTS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Happening:
    """An event came, or came again; or, if there is a `job`, this job of the event ended or waits for another try."""

    event: Stored
    job: StoredJob | None = None


class Happenings:
    """What happens with the events after `newest`, the key of the last event that is not looked at. Nothing repeats."""

    def __init__(self, newest: int) -> None:
        self._newest = newest
        self._seen: dict[int, object] = {}  # the state of each job, and with a negative key of each event

    async def look(self, db: Database) -> list[Happening]:
        """Return what has happened since the last look, oldest event first. Of many new events only the last count."""
        return self.among(await listing.recent(db, limit=EVENTS_AT_ONCE))

    def among(self, recent: Sequence[Stored]) -> list[Happening]:
        """Return what is new in `recent` events, oldest event first. The recent events come newest first."""
        listed = {-event.key for event in recent} | {job.id for event in recent for job in event.jobs}
        self._seen = {key: state for key, state in self._seen.items() if key in listed}
        found = []
        for event in reversed([event for event in recent if event.key > self._newest]):
            if self._is_new(-event.key, event.deliveries):
                found.append(Happening(event))
            found += [
                Happening(event, job)
                for job in event.jobs
                if self._is_new(job.id, (job.state, job.attempt, job.error))
                and (job.state in ("done", "dead") or (job.state == "pending" and job.error))
            ]
        return found

    def _is_new(self, key: int, state: object) -> bool:
        is_new = self._seen.get(key) != state
        self._seen[key] = state
        return is_new

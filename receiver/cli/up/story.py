"""Print what happens: one line for each event, and for each job that ends or waits."""

import asyncio
import logging
import shlex

from receiver.database import AWAY, Pool
from receiver.inbox import deliveries
from receiver.inbox.deliveries import Stored, StoredJob
from receiver.logs import printable, say

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 0.25
EVENTS_AT_ONCE = 200


class Story:
    """The lines about events after `newest`, the key of the last event before the story began. No line is repeated."""

    def __init__(self, newest: int) -> None:
        self._newest = newest
        self._seen: dict[int, object] = {}  # the state of each job, and with a negative key of each event

    async def run(self, db: Pool) -> None:
        """Print new lines until cancelled. After a failure a new call continues with the next line."""
        while True:
            try:
                for line in self.lines(await deliveries.recent(db, limit=EVENTS_AT_ONCE)):
                    say(line)
            except AWAY as exc:  # the web server and the worker log that the database is away
                log.debug("the events cannot be read now: %s", type(exc).__name__)
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def lines(self, recent: list[Stored]) -> list[str]:
        """Return the new lines about `recent` events. The events come newest first, the lines oldest first."""
        listed = {-event.key for event in recent} | {job.id for event in recent for job in event.jobs}
        self._seen = {key: state for key, state in self._seen.items() if key in listed}
        lines = []
        for event in reversed([event for event in recent if event.key > self._newest]):
            if self._is_new(-event.key, event.deliveries):
                lines.append(_event_line(event))
            lines += [
                _job_line(event, job)
                for job in event.jobs
                if self._is_new(job.id, (job.state, job.attempt, job.error))
                and (job.state in ("done", "dead") or (job.state == "pending" and job.error))
            ]
        return lines

    def _is_new(self, key: int, state: object) -> bool:
        is_new = self._seen.get(key) != state
        self._seen[key] = state
        return is_new


def _event_line(event: Stored) -> str:
    if event.unreadable is not None:
        return f"event  {event.id} quarantined: {event.unreadable}"
    about = "" if event.transcription_id is None else f", transcription {event.transcription_id}"
    again = "" if event.deliveries == 1 else f", delivered {event.deliveries} times"
    unwanted = "" if event.jobs else ", no handler"
    return f"event  {event.type} {event.id}{about}{again}{unwanted}"


def _job_line(event: Stored, job: StoredJob) -> str:
    if job.state == "done":
        return f"job    {job.handler} done, for {event.id}"
    if job.state == "dead":
        again = f"receiver replay {shlex.quote(event.id)} --handler {shlex.quote(job.handler)}"
        return f"job    {job.handler} DEAD, for {event.id}: {printable(job.error or '')} (`{again}`)"
    seconds = max(job.waits_seconds, 0)
    return f"job    {job.handler} retrying in {seconds:.0f} s, for {event.id}: {printable(job.error or '')}"

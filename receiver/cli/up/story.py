"""Tell what happens: one line for each event, and for each job that ends or waits."""

import asyncio
import logging
import shlex

from receiver.database import AWAY, Pool
from receiver.inbox import deliveries
from receiver.inbox.deliveries import Stored, StoredJob
from receiver.logs import printable, say

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 0.25
TOLD_AT_ONCE = 200


class Story:
    """What has been told of the events since `newest`, the key of the last one before the story began."""

    def __init__(self, newest: int) -> None:
        self._newest = newest
        self._told: dict[int, object] = {}

    async def tell(self, db: Pool) -> None:
        """Tell until cancelled; begun again after a failure it goes on where it was."""
        while True:
            try:
                for line in self.lines(await deliveries.recent(db, limit=TOLD_AT_ONCE)):
                    say(line)
            except AWAY as exc:  # the web server and the worker say in the log that the database is away
                log.debug("nothing can be told now: %s", type(exc).__name__)
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def lines(self, recent: list[Stored]) -> list[str]:
        """Return what is new in `recent` events (newest first), oldest first."""
        listed = {-event.key for event in recent} | {job.id for event in recent for job in event.jobs}
        self._told = {key: state for key, state in self._told.items() if key in listed}
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
        new = self._told.get(key) != state
        self._told[key] = state
        return new


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
    return (
        f"job    {job.handler} again in {max(job.waits_seconds, 0):.0f} s, for {event.id}: {printable(job.error or '')}"
    )

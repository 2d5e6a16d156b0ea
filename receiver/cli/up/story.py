"""Print what happens: one line for each event, and for each job that ends or waits."""

import asyncio
import logging
import shlex

from receiver.database import AWAY, Pool
from receiver.events import DEFAULT_ACCOUNT
from receiver.inbox.happenings import Happening, Happenings
from receiver.inbox.listing import Stored, StoredJob
from receiver.logs import printable, say
from receiver.settings.accounts import TRANSCRIBE

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 0.25


async def tell(db: Pool, happenings: Happenings) -> None:
    """Print new lines until cancelled. After a failure a new call continues with the next line."""
    while True:
        try:
            for happening in await happenings.look(db):
                say(line(happening))
        except AWAY as exc:  # the web server and the worker log that the database is away
            log.debug("the events cannot be read now: %s", type(exc).__name__)
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


def line(happening: Happening) -> str:
    """Return what has happened as one line."""
    if happening.job is None:
        return _event_line(happening.event)
    return _job_line(happening.event, happening.job)


def _event_line(event: Stored) -> str:
    if event.unreadable is not None:
        return f"event  {event.id}{_of(event)} quarantined: {event.unreadable}"
    about = "" if event.transcription_id is None else f", transcription {event.transcription_id}"
    again = "" if event.deliveries == 1 else f", delivered {event.deliveries} times"
    unwanted = ", no handler" if event.is_unwanted else ""
    return f"event  {event.type} {event.id}{_of(event)}{about}{again}{unwanted}"


def _of(event: Stored) -> str:
    """Return whose event it is; nothing for the default account of transcribe.so."""
    if event.account != DEFAULT_ACCOUNT:
        return f" of {event.source}/{event.account}"
    return "" if event.source == TRANSCRIBE.source else f" of {event.source}"


def _job_line(event: Stored, job: StoredJob) -> str:
    if job.state == "done":
        return f"job    {job.handler} done, for {event.id}"
    if job.state == "dead":
        again = f"receiver replay {shlex.quote(event.id)} --handler {shlex.quote(job.handler)}"
        return f"job    {job.handler} DEAD, for {event.id}: {printable(job.error or '')} (`{again}`)"
    seconds = max(job.waits_seconds, 0)
    return f"job    {job.handler} retrying in {seconds:.0f} s, for {event.id}: {printable(job.error or '')}"

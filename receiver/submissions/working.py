"""Carry a submission as far as it can be carried now: the work of its job.

    intended, with an address ──fetched, uploaded──▶ uploaded
    uploaded ──`paying`──▶ accepted, ended, failed, unknown, or uploaded again: nothing was done
    sent ──▶ unknown: whoever sent it died before the answer was kept
    unknown ──▶ what the source repeats; else accepted, if its list shows the work; else what was wished; else a person
    ended ──▶ its files are fetched ──▶ done, with its event

The job ends when nothing can be done now: the submission is over, the provider works on it, or a person must decide.
Whoever moves the submission later wakes the job. So the job's last transaction locks the submission, and ends the job
only if nobody has moved it in between.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import cast

import httpx

from receiver.database import Connection
from receiver.errors import (
    BusyError,
    GiveUp,
    ImpossibleError,
    InvalidRequest,
    NotFound,
    Postpone,
    ProviderError,
    ProviderUnavailable,
)
from receiver.events import SUBMISSION, Event
from receiver.handling import Context, Handler
from receiver.inbox import deliveries, jobs, unannounced
from receiver.inbox.artifacts import Artifact
from receiver.inbox.artifacts import keep as keep_artifacts
from receiver.inbox.deliveries import Delivery
from receiver.inbox.retry import RetryPolicy
from receiver.providers import Source, archive, egress
from receiver.providers.orders import CALL_SECONDS
from receiver.submissions import announcing, finding, paying, records
from receiver.submissions.announcing import Interested
from receiver.submissions.moves import State
from receiver.submissions.paying import MovedError
from receiver.submissions.records import Change, Submission
from receiver.submissions.shelf import Shelf, here

log = logging.getLogger(__name__)

# A provider that cannot be reached costs nothing, so it is tried for days.
POLICY = RetryPolicy(attempts=100, first=timedelta(seconds=5), limit=timedelta(hours=1))
# A call must end before its job does. As much time as may pass before it is left to keep its answer.
BEFORE_CALL_SECONDS = 900.0
JOB_SECONDS = CALL_SECONDS + 2 * BEFORE_CALL_SECONDS
AFTER_BUSY = timedelta(seconds=5)
FIND_FOR = timedelta(minutes=20)  # after it was sent; then a person is asked
EXPIRED = "the provider has thrown the upload away: run the same command again"
NO_ANSWER = "it was sent, and no answer was kept"


def handler(work: "Working") -> Handler:
    """Return the handler of submissions."""
    return Handler(work.run, (SUBMISSION,), jobs.SUBMISSIONS, POLICY, JOB_SECONDS)


@dataclass(frozen=True, slots=True)
class Working:
    """The function of the handler.

    Attributes:
        interested: names the handlers that want the event of an end.
        shelf: where files lie.
        pays: whether it sends what is paid for. If not, it leaves that to another worker.
        browser: returns an HTTP client that fetches recordings.
        clock: returns the time, in seconds since some moment.
    """

    interested: Interested
    shelf: Shelf
    pays: bool = True
    browser: Callable[[], httpx.AsyncClient] = egress.client
    clock: Callable[[], float] = time.monotonic

    async def run(self, event: Event, ctx: Context) -> None:
        """Carry the event's submission as far as it can be carried now.

        Raises:
            ProviderError, BucketError: nothing was done, or the files do not come; the job comes back.
            Postpone, GiveUp: as they say.
        """
        began = self.clock()
        while True:
            found = await records.find(ctx.db, event.id)
            if found is None:
                raise GiveUp("its submission is gone")
            if found.state is State.UPLOADED and self.clock() - began > BEFORE_CALL_SECONDS:
                raise Postpone("it is sent by another attempt, which has time for a call", after=0.0)
            try:
                if await self._step(found, ctx):
                    break
            except MovedError:
                continue
        await jobs.nudge(ctx.db)

    async def _step(self, submission: Submission, ctx: Context) -> bool:
        """Do the next step. Return whether the job has ended with it.

        Raises:
            MovedError: somebody else has moved the submission.
        """
        match submission.state:
            case State.INTENDED if submission.url is not None:
                await self._fetch(submission, ctx)
            case State.UPLOADED if not self.pays:
                raise Postpone("it is sent by a lane for calls", after=0.0)
            case State.UPLOADED if paying.is_expired(submission):
                await _move(submission, ctx, State.INTENDED, Change(error=EXPIRED))
                if submission.url is not None:
                    raise Postpone("its upload has expired: it is fetched again", after=60.0)
            case State.UPLOADED if submission.is_permitted:
                await paying.pay(submission, ctx, self.shelf)
            case State.SENT:
                await _move(submission, ctx, State.UNKNOWN, Change(error=NO_ANSWER))
            case State.UNKNOWN:
                return await self._resolve(submission, ctx)
            case State.ENDED:
                artifacts = await self._bring(submission, ctx)
                await self._end(submission, ctx, await self._announcement(submission, ctx), artifacts)
                return True
            case State.FAILED if submission.event is None:
                await self._end(submission, ctx, await self._announcement(submission, ctx))
                return True
            case _:
                await self._end(submission, ctx, None)
                return True
        return False

    async def _fetch(self, submission: Submission, ctx: Context) -> None:
        """Fetch the recording from its address, and bring it to where the provider wants it.

        Raises:
            ProviderUnavailable: it did not come, or could not be uploaded. Nothing was paid for.
        """
        client = cast("Source", ctx.client)
        try:
            # A client of its own: connections that others have opened were not checked.
            async with self.browser() as http:
                file = await self.shelf.fetch(http, submission)
            client.check(submission.operation, file, submission.duration_seconds)
            change = Change(remote_file=here(), bytes=file.size)
            if client.uploads:
                keep = partial(records.keep_upload, ctx.db, submission.id)
                uploaded = await client.upload(file, submission.upload, keep, lambda _: None)
        except (InvalidRequest, ImpossibleError) as exc:
            await _move(submission, ctx, State.FAILED, Change(error=f"the recording cannot be fetched: {exc}"))
            return  # the end of a failure removes what there is of the file
        if client.uploads:
            change = Change(remote_file=uploaded.file_id, remote_file_expires_at=uploaded.expires_at, bytes=file.size)
        await _move(submission, ctx, State.UPLOADED, change)
        if client.uploads:
            await self.shelf.forget({submission.id})

    async def _resolve(self, submission: Submission, ctx: Context) -> bool:
        """Find out what became of a submission with a lost answer, or do what was wished for that case.

        Return whether the job has ended with it: a person must decide.
        """
        if await finding.is_repeatable(ctx.db, submission) and await paying.repeat(submission, ctx, self.shelf):
            return False
        found = await self._found(submission, ctx)
        if found is not None:
            log.warning("%s: its answer was lost; it has become %s", submission.id, found)
            await _move(submission, ctx, State.ACCEPTED, Change(remote_id=found, look_after=timedelta(0)))
        elif submission.remote_id is not None:  # its answer was not lost: a person must see what has become of it
            await self._end(submission, ctx, announcing.of_unknown(submission, self.interested))
            return True
        elif submission.if_lost == "again" and submission.is_permitted:
            log.warning("%s: its answer was lost, and it is sent again, as was wished", submission.id)
            await _move(submission, ctx, State.UPLOADED, Change())
        elif submission.if_lost == "fail":
            await _move(submission, ctx, State.FAILED, Change(error=submission.error))
        else:
            await self._end(submission, ctx, announcing.of_unknown(submission, self.interested))
            return True
        return False

    async def _found(self, submission: Submission, ctx: Context) -> str | None:
        """Return the work that a submission with a lost answer has become, if that is certain.

        Raises:
            ProviderError: the provider cannot be asked now; the job comes back, but not for ever.
        """
        client = cast("Source", ctx.client)
        if client.synchronous:
            return None
        try:
            return await finding.work_of(ctx.db, client, submission, paying.order_of(submission, client, self.shelf))
        except (GiveUp, ImpossibleError) as exc:
            log.warning("%s: this version cannot find out what it has become: %s", submission.id, exc)
            return None
        except ProviderError as exc:
            if submission.sent_at is not None and datetime.now(UTC) - submission.sent_at < FIND_FOR:
                raise
            log.warning("%s: nobody could find out what it has become: %s", submission.id, exc)
            return None

    async def _bring(self, submission: Submission, ctx: Context) -> list[Artifact]:
        """Bring the files of a submission here, and its text into the archive.

        Raises:
            ProviderUnavailable, BucketError: they do not come now, or the bucket does not take them. They are paid for,
                so the job comes back for days.
        """
        client = cast("Source", ctx.client)
        if client.synchronous or client.announces:
            return []
        try:
            artifacts, text = await self.shelf.bring(client, ctx.http, submission)
            await _keep_text(client, ctx, submission, text)
        except NotFound as exc:
            raise ProviderUnavailable(f"its files do not come: {exc}", code="no_files") from exc
        return artifacts

    async def _announcement(self, submission: Submission, ctx: Context) -> Delivery:
        """Return the event of an end, in the source's own words if it has words for it."""
        client, about = cast("Source", ctx.client), None
        if client.announces:
            about = {} if submission.remote_id is None else await client.about(submission.remote_id)
        return announcing.of_end(submission, self.interested, about)

    async def _end(
        self, submission: Submission, ctx: Context, announcement: Delivery | None, artifacts: Sequence[Artifact] = ()
    ) -> None:
        """End the job, with an event and the files, in one transaction."""
        async with ctx.completing() as connection:
            now = await records.locked(connection, submission.id)
            if now is None or (now.state, now.paid_tries) != (submission.state, submission.paid_tries):
                raise MovedError
            if announcement is None:
                return
            if artifacts:
                await keep_artifacts(connection, submission.id, artifacts)
            # The provider's own event can have come while a look has shown the end: one end has one event.
            await _lock_gate(connection, cast("Source", ctx.client))
            heard = None if now.state is State.UNKNOWN else await records.announced_end(connection, submission.id)
            if heard is None:
                await deliveries.append(connection, [announcement])
            if now.state is not State.UNKNOWN:
                await records.announced(connection, submission.id, heard or announcement.content.id)
            if now.state is State.ENDED:
                await records.move(connection, submission.id, State.DONE)
        if submission.state in (State.ENDED, State.FAILED):
            await self.shelf.forget({submission.id})


async def _lock_gate(connection: Connection, client: Source) -> None:
    """Let no announcement of the provider's come in between."""
    if client.announces:
        try:
            await unannounced.lock(connection)
        except BusyError as exc:
            raise Postpone(str(exc), after=AFTER_BUSY) from exc


async def _move(submission: Submission, ctx: Context, to: State, change: Change) -> None:
    if await records.move_held(ctx.db, (ctx.job, ctx.attempt), submission, to, change) is None:
        raise MovedError


async def _keep_text(client: Source, ctx: Context, submission: Submission, text: bytes | None) -> None:
    """Keep the text of one of the files as the result.

    Raises:
        ProviderUnavailable: there is none, or it cannot be read.
    """
    if text is not None:
        await archive.transcript_in(type(client), submission.operation, text)
        await archive.keep(ctx.db, announcing.subject(submission), "result", text)
    elif announcing.brings_text(submission):
        raise ProviderUnavailable("none of its files has the text", code="no_text")

"""Claim jobs, run each in its own lane, and write its outcome.

A worker claims pending jobs. A worker for `lapsed` jobs claims jobs whose lease ran out, one after the other, and ends
when none is left (see `worker.lapsed`).
"""

import asyncio
import logging
import random
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from receiver import providers
from receiver.database import Connections, Pool
from receiver.database.apart import together
from receiver.database.hint import Hint
from receiver.errors import (
    ImpossibleError,
    ProviderError,
    StoreUnavailableError,
    Unauthenticated,
    Verdict,
)
from receiver.events import AccountId, Event, Unreadable
from receiver.failpoints import Failpoint, reach
from receiver.handling import Context, Handler
from receiver.health.counts import ATTEMPT_SECONDS, ATTEMPTS, Counts
from receiver.inbox import jobs
from receiver.inbox.jobs import Claim
from receiver.inbox.retry import Dead, Later, Outcome, decide
from receiver.logs.reasons import at_home
from receiver.logs.seldom import Heard, Seldom
from receiver.providers import Source
from receiver.providers.egress import Clients
from receiver.settings import Settings
from receiver.worker import attempt
from receiver.worker.attempt import LeftBehind
from receiver.worker.claims import Claims
from receiver.worker.lane import Lane, Stage
from receiver.worker.leases import Key
from receiver.worker.queues import Queues
from receiver.worker.settling import Settling

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The deadlines and pauses of a worker, in seconds.

    Attributes:
        statement: how long to wait for the database.
        server: the time after which the server ends a stuck statement. The fault is then the statement's, not the
            database's.
        aside: how long a job that cannot be claimed is skipped.
        failing: after how long failing claims are reported as trouble.
        release: the time limit for giving jobs back.
        finish_again: the pause between two tries to write an outcome.
        between_key_lines: the pause between two lines about a wrong key.
        grace: how long a cancelled handler is given to clean up.
    """

    statement: float = 10.0
    server: float = 5.0
    aside: float = 15.0
    failing: float = 10.0
    release: float = 3.0
    finish_again: float = 1.0
    between_key_lines: float = 60.0
    grace: float = attempt.GRACE_SECONDS


class Worker:
    """Claims and runs jobs of the handlers it knows, for the events of its accounts.

        run ──leave(), too many handlers left behind, or no lapsed job left──▶ held jobs continue ──stop()──▶ over

    `run` claims jobs, and tries again if a claim fails (`Claims`). After `run` the worker claims no more jobs, but held
    jobs are still renewed, lost and settled. `stop` ends that: it gives back every job that does not end in time.

    Args:
        connections: for claims and outcomes, each with a deadline.
        db: the handlers' pool: two connections for each lane, and a few more.
        providers: the client of each account that the worker serves.
        http: makes an HTTP client for each attempt.
        configured: the settings that handlers can read.
        lanes: how many jobs to hold at the same time.
        each: how many of them one account can have; None: all.
        counts: what this process counts.
        lease: how long a claim holds without being renewed.
        poll: how long to wait at most before looking for due jobs again.
        lapsed: whether to claim jobs whose lease ran out, and to end when none is left. With one lane each job runs
            alone.
    """

    def __init__(
        self,
        *,
        connections: Connections,
        db: Pool,
        handlers: Mapping[str, Handler],
        providers: Mapping[AccountId, Source],
        http: Clients,
        configured: Settings,
        lanes: int,
        lease: timedelta,
        poll: timedelta,
        each: int | None = None,
        counts: Counts | None = None,
        lapsed: bool = False,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._connections = connections
        self._db = db
        self._handlers = handlers
        self._lapsed = lapsed
        self._providers = providers
        self._http = http
        self._configured = configured
        self._lanes, self._lease, self._poll = lanes, lease, poll
        self._held: dict[Key, Lane] = {}
        self._wake = Hint()
        self._left_behind = LeftBehind()
        self._deadlines = deadlines or Deadlines()
        self._queues = Queues(providers, list(handlers), each=lanes if each is None else each)
        self._claims = Claims(
            connections, queues=self._queues, lapsed=lapsed, lease=lease,
            seconds=self._deadlines.statement, aside_seconds=self._deadlines.aside,
            failing_seconds=self._deadlines.failing,
        )  # fmt: skip
        self._settling = Settling(
            connections, lease=lease, seconds=self._deadlines.statement, again=self._deadlines.finish_again
        )
        self._counts, self._leaving = counts or Counts(), False
        self._keyless = Seldom(self._log_keyless, seconds=self._deadlines.between_key_lines)

    def wake(self) -> None:
        """Look for due jobs now."""
        self._wake.give()

    def leave(self) -> None:
        """Claim nothing more. `run` still starts the jobs of a claim under way: no other worker would."""
        self._leaving = True
        self._wake.give()

    async def run(self) -> None:
        """Claim and run jobs until `leave` is called, too many handlers are left behind, or no lapsed job is left.

        A database that is away does not end this, nor does any other failure of a claim.
        """
        while not self._leaving and not self._left_behind.are_too_many:
            self._wake.take()
            if not await self._claims.take(self.free(), self._start):
                await asyncio.sleep(self._poll.total_seconds())
                continue
            if self._lapsed and not self._held:
                return
            await self._wake.within(self._poll.total_seconds())

    async def stop(self, *, within: timedelta) -> None:
        """Let held jobs end `within` a time, then stop the rest and give them back uncounted. Call it after `run`."""
        tasks = {lane.task for lane in self._held.values()}
        if tasks:
            log.info("waiting up to %g s for %d running jobs to finish", within.total_seconds(), len(tasks))
            await asyncio.wait(tasks, timeout=within.total_seconds())
        left = list(self._held.values())
        if not left:
            return
        for lane in left:
            lane.stop()
        await asyncio.wait({lane.task for lane in left}, timeout=self._deadlines.grace + 1)
        claims = [lane.claim for lane in left]
        with suppress(StoreUnavailableError):
            released = await together(self._connections, claims, jobs.release, seconds=self._deadlines.release)
            for claim, result in zip(claims, released, strict=True):
                if isinstance(result, StoreUnavailableError):
                    log.warning("job %d was not given back; its lease must run out first: %s", claim.job, result)
            if back := released.count(True):
                log.info("put %d unfinished jobs back into the queue", back)

    def trouble(self) -> str | None:
        """Return why this worker cannot claim jobs, as text; None if it can, or if the trouble has only just begun."""
        return self._claims.trouble

    def free(self) -> int:
        """Return how many jobs can be claimed.

        A job whose outcome is being written does not count: the next one runs meanwhile. That more than doubles the
        rate of short handlers. There are as many of them as lanes at most, so that a database that is away ends the
        claims too. A lapsed job might kill this process: no other one may be in it.
        """
        busy = sum(lane.is_busy for lane in self._held.values())
        most = self._lanes if self._lapsed else 2 * self._lanes
        return min(self._lanes - busy, most - len(self._held))

    def held(self) -> list[Key]:
        """Return the (job, attempt) of every held job. Any thread can call this."""
        return list(self._held)

    def names(self) -> list[str]:
        """Return the events of the held jobs."""
        return [lane.claim.event_id for lane in self._held.values()]

    async def drained(self) -> None:
        """Wait until the held jobs have ended. Call it after `run`."""
        while self._held:
            await asyncio.wait({lane.task for lane in self._held.values()})
            await asyncio.sleep(0)  # the lanes' callbacks

    def lose(self, keys: Collection[Key]) -> None:
        """Stop the handlers of jobs that this worker no longer holds."""
        for lane in [self._held[key] for key in keys if key in self._held]:
            if lane.is_undecided:
                lane.stop()
                log.warning("the lease of %s was lost; stopping its handler", lane.name, extra=lane.facts)

    def _start(self, claim: Claim) -> None:
        reach(Failpoint.AFTER_CLAIM)
        lane = Lane(claim)
        self._held[lane.key] = lane
        self._queues.holds(lane.queue, more=1)
        lane.task = asyncio.create_task(self._work(lane))
        lane.task.add_done_callback(lambda _: self._end(lane))

    def _end(self, lane: Lane) -> None:
        del self._held[lane.key]
        self._vacate(lane)
        error = None if lane.task.cancelled() else lane.task.exception()
        if error is not None:
            log.error("a bug in receiver ended %s; its lease will run out", lane.name, exc_info=error, extra=lane.facts)

    def _vacate(self, lane: Lane) -> None:
        if lane.is_busy:
            lane.is_busy = False
            self._queues.holds(lane.queue, more=-1)
        self._wake.give()

    def _context(self, lane: Lane, event: Event) -> Context:
        claim = lane.claim
        client = self._providers[lane.queue.account]
        return Context(
            event=event, handler=claim.handler, job=claim.job, attempt=claim.attempt,
            idempotency_key=claim.idempotency_key, db=self._db,
            account=lane.queue.account, client=client.low_priority() if claim.is_replay else client,
            http=self._http.another(),
            configured=self._configured, completion=lane.completion,
            log=attempt.EventLog(logging.getLogger(f"handlers.{claim.handler}"), lane.facts),
        )  # fmt: skip

    async def _work(self, lane: Lane) -> None:
        started = time.monotonic()
        with lane.traced() as span:
            outcome = await self._attempt(lane)
            lane.note_outcome(span, outcome)
        self._counts.observe(ATTEMPT_SECONDS, time.monotonic() - started, lane.claim.handler)
        if isinstance(outcome, Later) and outcome.account_lacks:
            self._queues.rest(lane.queue, outcome.after.total_seconds())
        lane.stage = Stage.SETTLING
        self._vacate(lane)
        settled = await self._settling.settle(lane, outcome)
        if settled is not None:
            lane.log_outcome(settled, time.monotonic() - started)
            self._counts.add(ATTEMPTS, lane.claim.handler, type(settled).__name__.lower())

    async def _attempt(self, lane: Lane) -> Outcome:
        """Run the handler, if it can be run, and return the job's outcome, even if something else fails."""
        handler, tries = self._handlers[lane.claim.handler], lane.claim.tries
        try:
            content = _content(lane.claim)
            if isinstance(content, Unreadable):
                return Dead(f"this version cannot read its event: {content.reason}")
            if tries > handler.retry.attempts:
                return Dead(f"its worker died or hung, and its {handler.retry.attempts} tries are used up")
            error = await attempt.run(
                handler, content, self._context(lane, content),
                left_behind=self._left_behind, grace=self._deadlines.grace,
            )  # fmt: skip
        except Exception as exc:  # noqa: BLE001 - our own bug costs a try, like the handler's
            error = exc
        self._log_error(lane, error)
        jitter = random.random()  # noqa: S311 - not a secret
        return decide(handler.retry, tries, error, jitter=jitter, home=handler.module)

    def _log_error(self, lane: Lane, error: BaseException | None) -> None:
        """Log where a user's exception came from. One line is enough for our own exceptions."""
        try:
            if isinstance(error, Unauthenticated):
                variable = self._providers[lane.queue.account].key_variable(lane.claim.account)
                self._keyless.note(f"{lane.claim.api_url} does not accept {variable}: {error}")
            elif error is not None and not isinstance(error, Verdict | ProviderError | ImpossibleError):
                # From the handler's first frame on. As a tuple, because a user's exception can be falsy.
                steps = at_home(error, self._handlers[lane.claim.handler].module)
                trace = (type(error), error, steps[0] if steps else error.__traceback__)
                # For most errors the outcome's line is enough: it names the place in the handler.
                level = logging.WARNING if error.__traceback__ and not steps else logging.DEBUG
                log.log(level, "%s raised %s", lane.name, type(error).__name__, exc_info=trace, extra=lane.facts)
        except BaseException:  # noqa: BLE001 - a user's exception can raise anything when it is read
            log.warning("%s raised an exception that cannot be shown", lane.name, extra=lane.facts)

    def _log_keyless(self, heard: Sequence[Heard]) -> None:
        for kind in heard:
            log.error("jobs wait, because %s", kind.what)


def _content(claim: Claim) -> Event | Unreadable:
    return providers.read_stored(claim.source, claim.raw, claim.origin, claim.event_id)

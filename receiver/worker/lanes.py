"""Claim jobs into lanes, run each in its own, and settle what becomes of it.

A worker claims jobs that are pending. One for `lapsed` jobs claims those whose lease ran out, one after the other, and
ends when there are none (see `lapsed`).
"""

import asyncio
import logging
import random
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from receiver import events
from receiver.database import Connections, Pool
from receiver.database.apart import together
from receiver.database.hint import Hint
from receiver.errors import (
    ImpossibleError,
    ProviderError,
    StoreRefusedError,
    StoreUnavailableError,
    Unauthenticated,
    Verdict,
)
from receiver.events import Event, Unreadable
from receiver.failpoints import Failpoint, reach
from receiver.handling import Context, Handler
from receiver.inbox import jobs
from receiver.inbox.jobs import Claim
from receiver.inbox.retry import Dead, Outcome, decide
from receiver.logs.reasons import at_home
from receiver.logs.seldom import Heard, Seldom
from receiver.providers import TranscribeSo
from receiver.providers.egress import Clients
from receiver.worker import attempt
from receiver.worker.attempt import LeftBehind
from receiver.worker.claims import Claims
from receiver.worker.lane import Lane, Stage
from receiver.worker.leases import Key
from receiver.worker.settling import Settling

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a worker gives its statements and what it stops, and pauses between tries or lines, in seconds.

    Attributes:
        statement: how long to wait for the database.
        server: when the server ends a statement that is stuck, as its own trouble.
        aside: how long a job that cannot be claimed is left.
        failing: after how long it is told that no claim goes through.
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
    """Claims and runs jobs of the handlers it knows, for the events of one API.

        run ──leave(), too many handlers left behind, or no lapsed job left──▶ what it holds goes on ──stop()──▶ over

    While it runs it claims; where that fails (`Claims`) it goes on trying. Behind that nothing is claimed any more, and
    what it holds is still renewed, lost and settled. `stop` ends it: whatever is not over in time is given back.

    Args:
        connections: for claims and outcomes, each with a deadline.
        db: for the handlers: enough for two connections in each lane, and a few more.
        http: a client of these for each attempt.
        lanes: how many jobs to hold at once.
        lease: how long a claim holds without being renewed.
        poll: how long to wait at most before looking for due jobs again.
        lapsed: take jobs whose lease ran out, and end when there are none; with one lane each runs alone.
    """

    def __init__(
        self,
        *,
        connections: Connections,
        db: Pool,
        handlers: Mapping[str, Handler],
        provider: TranscribeSo,
        http: Clients,
        formats: tuple[str, ...],
        lanes: int,
        lease: timedelta,
        poll: timedelta,
        lapsed: bool = False,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._connections = connections
        self._db = db
        self._handlers = handlers
        self._lapsed = lapsed
        self._provider = provider
        self._http = http
        self._formats = formats
        self._lanes = lanes
        self._lease = lease
        self._poll = poll
        self._held: dict[Key, Lane] = {}
        self._wake = Hint()
        self._left_behind = LeftBehind()
        self._deadlines = deadlines or Deadlines()
        self._claims = Claims(
            connections, handlers=list(handlers), api_url=provider.api_url, lapsed=lapsed, lease=lease,
            seconds=self._deadlines.statement, aside_seconds=self._deadlines.aside,
            failing_seconds=self._deadlines.failing,
        )  # fmt: skip
        self._settling = Settling(
            connections, lease=lease, seconds=self._deadlines.statement, again=self._deadlines.finish_again
        )
        self._leaving = False
        self._keyless = Seldom(self._say_keyless, seconds=self._deadlines.between_key_lines)

    def wake(self) -> None:
        """Look for due jobs now."""
        self._wake.give()

    def leave(self) -> None:
        """Claim nothing more. A claim under way is waited for: what it takes would be nobody's."""
        self._leaving = True
        self._wake.give()

    async def run(self) -> None:
        """Claim and run jobs until `leave` is called or too many handlers are left behind, or no lapsed one is left.

        Outlives the database's absence, and whatever else keeps it from claiming for a while.
        """
        while not self._leaving and not self._left_behind.are_too_many:
            self._wake.take()
            if not await self._claims.take(self._lanes - len(self._held), self._start):
                await asyncio.sleep(self._poll.total_seconds())
                continue
            if self._lapsed and not self._held:
                return
            await self._wake.within(self._poll.total_seconds())

    async def stop(self, *, within: timedelta) -> None:
        """Let what is held end `within`, then stop it and give it back uncounted. Call it when `run` has ended."""
        tasks = {lane.task for lane in self._held.values()}
        if tasks:
            log.info("waiting up to %g s for %d jobs", within.total_seconds(), len(tasks))
            await asyncio.wait(tasks, timeout=within.total_seconds())
        left = list(self._held.values())
        if not left:
            return
        for lane in left:
            lane.stop()
        await asyncio.wait({lane.task for lane in left}, timeout=self._deadlines.grace + 1)
        keys = [lane.key for lane in left]
        with suppress(StoreUnavailableError):
            for some, came in await together(self._connections, keys, jobs.release, seconds=self._deadlines.release):
                if isinstance(came, StoreRefusedError):
                    log.warning("job %d was not given back, and its lease will run out: %s", some[0][0], came)
                else:
                    log.info("gave back %d jobs that were not finished", len(some))

    def trouble(self) -> str | None:
        """What keeps jobs from being claimed here, in words; None where nothing does, or only just began to."""
        return self._claims.trouble

    def held(self) -> list[Key]:
        """Return what is in our hands; from any thread."""
        return list(self._held)

    def lose(self, keys: Collection[Key]) -> None:
        """Stop the handlers of what is ours no longer."""
        for lane in [self._held[key] for key in keys if key in self._held]:
            if lane.is_undecided:
                lane.stop()
                log.warning("%s: its lease was lost; stopping it", lane.name, extra=lane.facts)

    def _start(self, claim: Claim) -> None:
        reach(Failpoint.AFTER_CLAIM)
        lane = Lane(claim)
        self._held[lane.key] = lane
        lane.task = asyncio.create_task(self._work(lane))
        lane.task.add_done_callback(lambda _: self._end(lane))

    def _end(self, lane: Lane) -> None:
        del self._held[lane.key]
        self._wake.give()
        error = None if lane.task.cancelled() else lane.task.exception()
        if error is not None:
            log.error("%s: a bug of ours; its lease will run out", lane.name, exc_info=error, extra=lane.facts)

    def _context(self, lane: Lane, event: Event) -> Context:
        claim = lane.claim
        return Context(
            event=event, handler=claim.handler, job=claim.job, attempt=claim.attempt,
            idempotency_key=claim.idempotency_key, db=self._db,
            provider=self._provider.behind() if claim.is_replay else self._provider, http=self._http.another(),
            formats=self._formats, completion=lane.completion,
            log=attempt.EventLog(logging.getLogger(f"handlers.{claim.handler}"), lane.facts),
        )  # fmt: skip

    async def _work(self, lane: Lane) -> None:
        started = time.monotonic()
        outcome = await self._attempt(lane)
        lane.stage = Stage.SETTLING
        settled = await self._settling.settle(lane, outcome)
        if settled is not None:
            lane.say(settled, time.monotonic() - started)

    async def _attempt(self, lane: Lane) -> Outcome:
        """Run the handler, unless it cannot be; returns what is to become of the job, whatever fails on the way."""
        handler, tries = self._handlers[lane.claim.handler], lane.claim.tries
        try:
            content = events.read(lane.claim.source, lane.claim.raw)
            if isinstance(content, Unreadable):
                return Dead(f"this version cannot read its event: {content.reason}")
            if tries > handler.retry.attempts:
                return Dead(f"its worker died or hung, and its {handler.retry.attempts} tries are used up")
            error = await attempt.run(
                handler, content, self._context(lane, content),
                left_behind=self._left_behind, grace=self._deadlines.grace,
            )  # fmt: skip
        except Exception as exc:  # noqa: BLE001 - a bug of ours: it costs a try like one of the handler's, not the lane
            error = exc
        self._say_error(lane, error)
        jitter = random.random()  # noqa: S311 - it spreads, it hides nothing
        return decide(handler.retry, tries, error, jitter=jitter, home=handler.module)

    def _say_error(self, lane: Lane, error: BaseException | None) -> None:
        """Show where a stranger's exception came from; ours say all in one line. Whatever it is made of, no more."""
        try:
            if isinstance(error, Unauthenticated):
                self._keyless.note(str(error))
            elif error is not None and not isinstance(error, Verdict | ProviderError | ImpossibleError):
                # From where it is the handler's. As a tuple: an exception of a stranger's may be false.
                steps = at_home(error, self._handlers[lane.claim.handler].module)
                trace = (type(error), error, steps[0] if steps else error.__traceback__)
                # What the outcome's line says of it, with the place in the handler, is enough for most.
                level = logging.WARNING if error.__traceback__ and not steps else logging.DEBUG
                log.log(level, "%s raised %s", lane.name, type(error).__name__, exc_info=trace, extra=lane.facts)
        except BaseException:  # noqa: BLE001 - a stranger's attributes, which may raise SystemExit too
            log.warning("%s raised what cannot be shown", lane.name, extra=lane.facts)

    def _say_keyless(self, heard: Sequence[Heard]) -> None:
        for one in heard:
            log.error("jobs wait for a TRANSCRIBE_API_KEY that %s takes: %s", self._provider.api_url, one.what)

"""Look at what the providers work on, and wake the jobs of what has ended.

    every 5 s: an event of the provider says that it has ended ──▶ done or failed, with that event

    every second: what is to be looked at now ──by account──▶ Source.look ──┬▶ waiting: when to look next
                  at most 100 of an account, with a short lease              ├▶ ended, failed: moved; its job is woken
                                                                             └▶ not known for ten minutes: unknown

Jobs work, the watcher looks: a look is free and can be repeated, so it needs no fence, no lane and no attempt. Ten
thousand submissions under way are ten thousand rows that sleep. A look has low priority: it leaves the burst of a key's
turns to live requests.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from receiver.database import AWAY, Pool
from receiver.errors import ProviderError, RateLimited
from receiver.events import AccountId
from receiver.inbox import deliveries, jobs
from receiver.logs.seldom import Seldom
from receiver.providers import Source
from receiver.providers.orders import Seen
from receiver.submissions import announcing, looks, records, timing
from receiver.submissions.announcing import Interested
from receiver.submissions.looks import Look
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission
from receiver.submissions.timing import Times

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
HEAR_SECONDS = 5.0
LEASE = timedelta(minutes=2)
AT_ONCE = 100
MISSING = timedelta(minutes=10)
AFTER_TROUBLE = timedelta(minutes=1)
AGAIN_IF_MISSING = timedelta(minutes=2)
FAILED_THERE = "the provider says that it failed"
GONE = "the provider does not know it any more"


@dataclass(slots=True)
class Watcher:
    """Looks at the submissions of some accounts.

    Attributes:
        db: the database.
        clients: the client of each account.
        interested: names the handlers that want the event of a submission that takes too long.
    """

    db: Pool
    clients: Mapping[AccountId, Source]
    interested: Interested
    _resting: dict[AccountId, float] = field(default_factory=dict)
    _heard: float = 0.0

    async def watch(self) -> None:
        """Look every second, until cancelled. While the database is away, nothing is looked at."""
        said = Seldom.warning(log, "submissions cannot be looked at")
        while True:
            try:
                await self.look()
            except AWAY as exc:
                said.note(str(exc))
            except Exception:
                log.exception("a bug in receiver: submissions could not be looked at")
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> None:
        """Do what is due now: end what was announced, then ask about what is to be looked at."""
        now = time.monotonic()
        if now >= self._heard + HEAR_SECONDS:
            self._heard = now
            await self._hear()
        self._resting = {account: until for account, until in self._resting.items() if until > now}
        awake = [account for account, client in self.clients.items() if client.operations and not client.synchronous]
        taken = await looks.take(
            self.db, [account for account in awake if account not in self._resting], lease=LEASE, limit=AT_ONCE
        )
        by_account: dict[AccountId, list[Submission]] = {}
        for submission in taken:
            by_account.setdefault(submission.whose, []).append(submission)
        await asyncio.gather(*(self._look_for(account, those) for account, those in by_account.items()))

    async def _hear(self) -> None:
        """End the submissions whose end the provider has announced. Its event is theirs."""
        sources = [account.source for account, client in self.clients.items() if client.announces]
        for one in await looks.announced(self.db, sources, limit=AT_ONCE):
            async with self.db.acquire() as connection, connection.transaction():
                to = State.FAILED if one.has_failed else State.ENDED
                change = Change(error=FAILED_THERE if one.has_failed else None)
                froms = {State.ACCEPTED, State.UNKNOWN}  # it can have been missed before
                moved = await records.move(connection, one.submission, to, change, only_from=froms)
                if moved is None:
                    continue
                await records.announced(connection, one.submission, one.event_id)
                if to is State.ENDED:
                    await records.move(connection, one.submission, State.DONE)

    async def _look_for(self, account: AccountId, submissions: Sequence[Submission]) -> None:
        client = self.clients[account].low_priority()
        for at in range(0, len(submissions), client.per_look):
            some = submissions[at : at + client.per_look]
            try:
                seen = await client.look([one.remote_id for one in some if one.remote_id is not None])
            except ProviderError as exc:
                after = exc.retry_after if isinstance(exc, RateLimited) and exc.retry_after else AFTER_TROUBLE
                self._resting[account] = time.monotonic() + after.total_seconds()
                log.warning("%s (%s) cannot be asked about submissions: %s", account.source, account.account, exc)
                rest = submissions[at:]
                await looks.saw(self.db, [Look(one.id, None, None, is_known=None, next_after=after) for one in rest])
                times = await looks.times(self.db, account, rest)
                for one in rest:  # it takes too long, whatever the provider would say
                    await self._tell_if_overdue(one, times[one.id])
                return
            others = await looks.by_work(self.db, account, [*seen.keys() - {one.remote_id for one in some}])
            await self._note(account, [*some, *others], seen)

    async def _note(self, account: AccountId, submissions: Sequence[Submission], seen: Mapping[str, Seen]) -> None:
        """Note what the provider has said of some submissions."""
        times = await looks.times(self.db, account, submissions)
        noted = list[Look]()
        for one in submissions:
            what = seen.get(one.remote_id or "")
            if await self._has_left(one, what):
                continue
            await self._tell_if_overdue(one, times[one.id])
            elapsed = _since(one.accepted_at).total_seconds()
            after = timedelta(seconds=timing.until_next_look(elapsed, times[one.id]))
            after = min(after, AGAIN_IF_MISSING) if what is None else after
            said, progress = (None, None) if what is None else (what.said, what.progress)
            noted.append(Look(one.id, said, progress, what is not None, after))
        await looks.saw(self.db, noted)

    async def _has_left(self, one: Submission, what: Seen | None) -> bool:
        """Move a submission that has ended or that the provider does not know any more. Return whether it has."""
        if what is None:
            if one.missing_since is None or _since(one.missing_since) < MISSING:
                return False
            to, change = State.UNKNOWN, Change(error=GONE)
        elif what.state == "waiting":
            return False
        else:
            to = State.ENDED if what.state == "completed" else State.FAILED
            error = None if to is State.ENDED else what.error or f"the provider says {what.said}"
            change = Change(said=what.said, charged=what.charged, error=error)
        async with self.db.acquire() as connection, connection.transaction():
            moved = await records.move(connection, one.id, to, change, only_from={State.ACCEPTED})
            if moved is not None:
                await records.wake(connection, [moved])
        await jobs.nudge(self.db)
        return True

    async def _tell_if_overdue(self, one: Submission, times: Times) -> None:
        """Tell a person, once, of a submission that takes too long."""
        if one.overdue_at is not None or not timing.is_overdue(_since(one.accepted_at).total_seconds(), times):
            return
        async with self.db.acquire() as connection, connection.transaction():
            if await looks.overdue(connection, one.id):
                await deliveries.append(connection, [announcing.of_overdue(one, self.interested)])
        await jobs.nudge(self.db)


def _since(moment: datetime | None) -> timedelta:
    """Return the time since a moment of the database's clock. A clock that is a little wrong does no harm here."""
    return timedelta(0) if moment is None else datetime.now(UTC) - moment

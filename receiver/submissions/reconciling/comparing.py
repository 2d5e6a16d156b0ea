"""Compare what the provider lists with what it has announced to us, for one account.

    the list, newest first, down to the watermark ──▶ what each item means ──▶ noted
                                                          └─ ended, and ripe ──▶ has no event? ──▶ stored as one
    what is under way and too old for the list ──one by one──▶ the same

The watermark follows behind what is under way or not ripe: whatever was created before it needs no look at the list.
Requests have low priority. A comparison that is broken off has stored what it found, and begins anew.
"""

import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from receiver.database import Pool
from receiver.errors import InvalidRequest, ProviderError, ProviderUnavailable, RateLimited, Unauthenticated
from receiver.events import AccountId, Event
from receiver.failpoints import Failpoint, reach
from receiver.inbox import jobs, unannounced
from receiver.inbox.deliveries import Delivery
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import Listed, TranscriptionStatus
from receiver.providers.transcribe_so.answers import told
from receiver.providers.transcribe_so.envelope import is_its_own
from receiver.submissions import timing
from receiver.submissions.announcing import Interested
from receiver.submissions.reconciling import ends, records
from receiver.submissions.reconciling.ends import Meaning, Terms
from receiver.submissions.reconciling.records import Noted, Taken

log = logging.getLogger(__name__)

AT_ONCE = 100
QUESTIONS = 20  # asked one by one in a comparison
RAW_BYTES = 64 * 1024
OLD_ENOUGH = 20  # items, one after the other, behind which nothing younger comes: one of them can tell an odd time
MALFORMED = "malformed_answer"
MOST, MOST_UNTIMED = 100_000, 1000  # items of a list

OF_ALL = (RateLimited, Unauthenticated)  # errors that the next request would have too

Progressed: TypeAlias = Callable[[int, int], None]  # items compared, and ends found


@dataclass(frozen=True, slots=True)
class Account:
    """What an account is compared with.

    Attributes:
        db: the database.
        client: the account's client.
        interested: names the handlers that want an event.
        grace: how long an announcement can take.
        everything: whether to list what was not submitted through the API too.
        patiently: whether to wait for turns, because a person waits too.
        progressed: called now and then.
    """

    db: Pool
    client: TranscribeSo
    id: AccountId
    interested: Interested
    grace: timedelta
    everything: bool = False
    patiently: bool = False
    progressed: Progressed = lambda *_: None

    def listed(self) -> AsyncIterator[Listed]:
        """Yield what the provider lists, newest first."""
        return self.client.listed(api_only=not self.everything, patiently=self.patiently)

    def delivery(self, listed: Listed, restarted_at: datetime | None) -> Delivery | None:
        """Return the event of an end that nobody has announced; None if what the list says of it cannot be read."""
        event_id = ends.event_id(self.id, listed.status, restarted_at)
        content = self.client.read_item(listed.raw, event_id)
        if not isinstance(content, Event) or len(listed.raw) > RAW_BYTES:  # half a character, for example
            content = self.client.read_item(json.dumps(told(listed.status)).encode(), event_id)
        if not isinstance(content, Event):
            log.warning("what %s lists of transcription %d cannot be read: %s", self.id.source, listed.status.id,
                        content.reason)  # fmt: skip
            return None
        handlers = tuple(self.interested(content.type, content.source))
        return Delivery(content, self.id.api_url, "", handlers, self.id.account, own="reconciled")

    async def store_behind(self, found: Sequence[Delivery]) -> list[Delivery]:
        """Store the ends among these that have no event, with jobs behind what is live; return what was stored.

        Raises:
            BusyError: a delivery that is being stored takes too long. Nothing was stored; try again later.
        """
        async with self.db.acquire() as connection, connection.transaction():
            stored = await unannounced.append(connection, self.id, found, behind=True)
        await self._tell(stored)
        return stored

    async def note(
        self, items: Sequence[TranscriptionStatus], asked_at: Sequence[datetime],
        ends_of: Callable[[Mapping[int, Noted]], Sequence[Delivery]],
    ) -> tuple[Mapping[int, Noted], list[Delivery]]:  # fmt: skip
        """Note what the provider says, and store the ends among it that have no event: both or neither.

        What is noted as ended is not looked for again. `ends_of` is called with what is noted of each item.

        Raises:
            BusyError: as in `store_behind`.
        """
        async with self.db.acquire() as connection, connection.transaction():
            noted = await records.note(connection, self.id, items, asked_at)
            stored = await unannounced.append(connection, self.id, ends_of(noted))
        await self._tell(stored)
        return noted, stored

    async def _tell(self, stored: Sequence[Delivery]) -> None:
        if stored:
            reach(Failpoint.AFTER_RECONCILED)
            await jobs.nudge(self.db)
        for one in stored:
            content = one.content
            assert isinstance(content, Event)
            level = logging.DEBUG if self.patiently else logging.WARNING  # a person is told how many there are
            log.log(level, "%s of transcription %s was never announced: stored as %s", content.type,
                    content.transcription.id, content.id)  # fmt: skip

    async def ask(self, transcription_id: str) -> Listed | None:
        """Return what the provider says of a transcription; None if it knows none of this id.

        Raises:
            ProviderError: it does not say, or something before it answers, which knows no transcription.
        """
        try:
            return await self.client.one(transcription_id)
        except InvalidRequest as exc:
            if not is_its_own(exc):
                raise
            return None


class Comparison:
    """One comparison of an account's list. The account is ours `leased_until` then."""

    def __init__(self, account: Account, taken: Taken) -> None:
        self._account = account
        self.leased_until = taken.leased_until
        self._taken = taken
        self._terms = Terms(taken.taken_at, taken.reconcile_from, account.grace)
        self._watermark = taken.taken_at - ends.OVERLAP
        self._began = time.monotonic()
        self._old = self._untimed = 0
        self._unripe = list[Delivery]()
        self.compared = self.found = self.unripe = 0

    async def compare(self) -> datetime:
        """Compare the list, then ask about what it does not reach; return the new watermark."""
        account = self._account
        begun_at = await records.note_user(account.db, account.id, (await account.client.me()).user_id)
        if begun_at is not None:
            log.warning("%s (%s) has the key of another user now: what ended before is not looked for",
                        account.id.source, account.id.account)  # fmt: skip
            self._terms = replace(self._terms, since=begun_at)
        chunk = list[Listed]()
        async for listed in self._account.listed():
            if listed.status.began is not None and listed.status.began < self._taken.watermark:
                self._old += 1
                if self._old == OLD_ENOUGH:
                    break
                continue
            self._old = 0
            chunk.append(listed)
            self._require_an_end(listed)
            if len(chunk) == AT_ONCE:
                await self._take(chunk)
                chunk = []
        await self._take(chunk)
        await self._ask()
        return max(self._watermark, self._taken.watermark)

    def _require_an_end(self, listed: Listed) -> None:
        """Refuse a list that does not come to an end.

        Raises:
            ProviderUnavailable: there are too many items, or too many that tell no time.
        """
        self._untimed += listed.status.began is None
        if self._untimed > MOST_UNTIMED or self.compared > MOST:
            raise ProviderUnavailable("the list of transcriptions does not come to an end", code=MALFORMED)

    def _asked_at(self, listed: Listed) -> datetime:
        """Return when an item was asked for, by the database's clock, or a little before."""
        return self._taken.taken_at + timedelta(seconds=listed.asked_at - self._began)

    async def _take(self, chunk: Sequence[Listed]) -> None:
        meant = [(one, self._terms.meaning(one.status)) for one in chunk]
        # Whatever the list says of its end, it was under way in our time.
        before = [one.status.id for one, meaning in meant if meaning is Meaning.BEFORE]
        ours = await records.under_way(self._account.db, self._account.id, before)
        meant = [(one, Meaning.ENDED if one.status.id in ours else meaning) for one, meaning in meant]
        # What was quoted only and what ended before our time leave no trace here.
        relevant = [
            one for one, meaning in meant
            if meaning in (Meaning.UNDER_WAY, Meaning.ENDED) or one.status.status == ends.CANCELLED
        ]  # fmt: skip
        noted, stored = await self._account.note(
            [one.status for one in relevant], [*map(self._asked_at, relevant)],
            lambda noted: self._ripe([one for one, meaning in meant if meaning is Meaning.ENDED], noted),
        )  # fmt: skip
        self.found += len(stored)
        self.unripe += len(await unannounced.among(self._account.db, self._account.id, self._unripe))
        self._unripe = []
        held_up = [
            one.status for one, meaning in meant
            if meaning is Meaning.UNDER_WAY and self._terms.holds_up(one.status)
        ]  # fmt: skip
        self._hold_up(held_up)
        await self._tell_overdue([one.status for one, meaning in meant if meaning is Meaning.UNDER_WAY], noted)
        self.compared += len(chunk)
        self.leased_until = await records.keep(self._account.db, self._account.id, self.leased_until)
        self._account.progressed(self.compared, self.found)

    def _ripe(self, ended: Sequence[Listed], noted: Mapping[int, Noted]) -> list[Delivery]:
        """Return the events of the ends that should have been announced by now. The others are looked at again."""
        found = list[Delivery]()
        for one in ended:
            if self._terms.is_ripe(one.status, noted[one.status.id].since):
                found += self._ends(one, noted)
            else:
                self._unripe += self._ends(one, noted)
                self._hold_up([one.status])
        return found

    def _hold_up(self, items: Sequence[TranscriptionStatus]) -> None:
        """Let the next comparison look at some items again."""
        self._watermark = min((self._watermark, *(item.began for item in items if item.began is not None)))

    async def _ask(self) -> None:
        """Ask about what is under way and was created before the list begins, one by one."""
        db, account = self._account.db, self._account.id
        for one in await records.questions(db, account, self._taken.watermark, limit=QUESTIONS):
            try:
                listed = await self._account.ask(one)
            except OF_ALL:
                raise
            except ProviderError as exc:
                log.warning("%s says nothing of transcription %s now: %s", account.source, one, exc)
                continue
            if listed is None:
                await records.forget(db, account, one)
            else:
                await self._settle(listed)

    async def _settle(self, listed: Listed) -> None:
        """Note what the provider says of a transcription that it was asked about. It was under way in our time."""
        item, has_ended = listed.status, listed.status.status in ends.ENDED
        if has_ended and not self._terms.is_ripe(item, self._terms.since):
            self.unripe += 1  # it is not noted, so it is asked about again
            return
        noted, stored = await self._account.note(
            [item], [self._asked_at(listed)], lambda noted: self._ends(listed, noted) if has_ended else []
        )
        self.found += len(stored)
        if not has_ended:
            await self._tell_overdue([item], noted)

    def _ends(self, listed: Listed, noted: Mapping[int, Noted]) -> list[Delivery]:
        delivery = self._account.delivery(listed, noted[listed.status.id].restarted_at)
        return [] if delivery is None else [delivery]

    async def _tell_overdue(self, under_way: Sequence[TranscriptionStatus], noted: Mapping[int, Noted]) -> None:
        """Note what takes longer than its length suggests. The provider has just said that it has not ended."""
        shares, late = dict[str, float | None](), list[str]()
        for item in under_way:
            code = item.pipeline_code or ""
            if code not in shares:
                shares[code] = await records.usual_share(self._account.db, self._account.id, code)
            begun = max((at for at in (item.began, noted[item.id].restarted_at) if at is not None), default=None)
            times = timing.times(item.duration_seconds, shares[code])
            if begun is not None and timing.is_overdue((self._terms.now - begun).total_seconds(), times):
                late.append(str(item.id))
        for transcription in await records.overdue(self._account.db, self._account.id, late):
            log.warning("transcription %s takes longer than its length suggests", transcription)

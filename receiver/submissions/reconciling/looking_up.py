"""Look up what deliveries have announced that were refused for their time.

a doubt ──▶ GET /transcriptions/:id ──┬▶ has ended, in our time, and has no event: stored as one, without a grace
                                      ├▶ has ended, and was announced, or before our time: known
                                      ├▶ has not ended: running
                                      └▶ the provider does not know it, or nobody announces such an end: gone
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from receiver.database import Pool
from receiver.errors import BusyError, ProviderError
from receiver.events import AccountId
from receiver.inbox.deliveries import Delivery
from receiver.submissions.reconciling import records
from receiver.submissions.reconciling.comparing import MALFORMED, OF_ALL, Account
from receiver.submissions.reconciling.ends import Meaning, Terms
from receiver.submissions.reconciling.records import Noted
from receiver.webhooks import doubts
from receiver.webhooks.doubts import Outcome, Taken

log = logging.getLogger(__name__)

AT_ONCE = 20  # of all accounts


async def look_up(db: Pool, accounts: Mapping[AccountId, Account]) -> None:
    """Look up the doubts of some accounts that wait. What cannot be looked up now is taken again later."""
    waiting = dict[AccountId, list[Taken]]()
    for doubt in await doubts.take(db, accounts, AT_ONCE):
        waiting.setdefault(doubt.account, []).append(doubt)
    await asyncio.gather(*(_look_up(accounts[account], those) for account, those in waiting.items()))


async def _look_up(account: Account, waiting: Sequence[Taken]) -> None:
    for doubt in waiting:
        try:
            outcome = await _outcome(account, doubt)
        except (ProviderError, BusyError) as exc:
            what = f"transcription {doubt.transcription_id} of {account.id.source} ({account.id.account})"
            log.warning("%s cannot be looked up now: %s", what, exc)
            if isinstance(exc, OF_ALL):
                return
            if not isinstance(exc, ProviderError) or exc.code != MALFORMED:
                continue
            outcome = "gone"  # nobody can read it, and nobody could later: a comparison of the list is left
        await doubts.looked(account.db, doubt, outcome)


async def _outcome(account: Account, doubt: Taken) -> Outcome:
    now, since = await records.times(account.db, account.id)
    listed = await account.ask(doubt.transcription_id)
    if listed is None:
        return "gone"
    meaning = Terms(now, since, account.grace).meaning(listed.status)
    if meaning is Meaning.UNDER_WAY:
        return "running"
    if meaning is Meaning.NOTHING:
        return "gone"
    if meaning is Meaning.BEFORE and not await records.under_way(account.db, account.id, [listed.status.id]):
        return "known"

    def end(noted: Mapping[int, Noted]) -> list[Delivery]:
        delivery = account.delivery(listed, noted[listed.status.id].restarted_at)
        return [] if delivery is None else [delivery]

    _, stored = await account.note([listed.status], [now], end)
    return "stored" if stored else "known"

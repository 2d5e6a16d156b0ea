"""Look up what deliveries have announced that were refused for their time.

a doubt ──▶ GET /transcriptions/:id ──┬▶ has ended, in our time, and has no event: stored as one, without a grace
                                      ├▶ has ended, and was announced, or before our time: known
                                      ├▶ has not ended: running
                                      └▶ the provider does not know it, or nobody announces such an end: gone
"""

from receiver.errors import NotFound
from receiver.submissions.reconciling import records
from receiver.submissions.reconciling.comparing import Account
from receiver.submissions.reconciling.ends import Meaning, Terms
from receiver.webhooks import doubts
from receiver.webhooks.doubts import Outcome, Taken

AT_ONCE = 20


async def look_up(account: Account) -> None:
    """Look up the doubts of an account that wait.

    Raises:
        ProviderError: the provider cannot be asked now. What was not looked up is taken again later.
        BusyError: a delivery that is being stored takes too long.
    """
    for doubt in await doubts.take(account.db, [account.id], AT_ONCE):
        await doubts.looked(account.db, doubt, await _outcome(account, doubt))


async def _outcome(account: Account, doubt: Taken) -> Outcome:
    now, since = await records.times(account.db, account.id)
    try:
        listed = await account.client.one(doubt.transcription_id)
    except NotFound:
        return "gone"
    meaning = Terms(now, since, account.grace).meaning(listed.status)
    if meaning is Meaning.UNDER_WAY:
        return "running"
    if meaning is Meaning.NOTHING:
        return "gone"
    if meaning is Meaning.BEFORE and not await records.under_way(account.db, account.id, [listed.status.id]):
        return "known"
    noted = (await records.note(account.db, account.id, [listed.status], [now]))[listed.status.id]
    delivery = account.delivery(listed, noted.restarted_at)
    return "stored" if delivery is not None and await account.store([delivery]) else "known"

"""Check whether an account's webhooks come, and its transcriptions end."""

from collections.abc import Sequence

from receiver.database import Connection
from receiver.health.finding import Finding
from receiver.logs import clock
from receiver.settings import Account
from receiver.submissions.reconciling import feed, records


async def feed_of(connection: Connection, account: Account, secrets: Sequence[bytes]) -> Finding:
    """Check whether an account's feed is on, by the `secrets` of its webhook, and say what it has announced."""
    state = await feed.read(connection, account.id, secrets)
    heard = "no webhook has come yet" if state.heard_at is None else f"the last webhook came at {clock(state.heard_at)}"
    counted = await feed.coverage(connection, account.id)
    share = counted.share
    if share is not None:
        heard += f", and webhooks announced {100 * share:.1f} % of {counted.ended} ends of the last 30 days"
    if (trouble := await records.trouble(connection, account.id)) is not None:
        heard += f"; the provider's list could not be compared for more than an hour: {trouble}"
        todo = "see the log of the worker; what was never announced is not found meanwhile"
        return Finding("feed", holds=False, seen=heard, todo=todo).of(account.mark)
    todo = feed.LOOKS_OFF if state.looks_off else ""
    return Finding("feed", holds=not state.looks_off, seen=heard, todo=todo).of(account.mark)


async def transcriptions(connection: Connection, account: Account) -> list[Finding]:
    """Check whether an account's transcriptions end in time."""
    found = await records.count_under_way(connection, account.id)
    if not found.under_way:
        return []
    if not found.overdue:
        return [Finding("transcriptions", holds=True, seen=f"{found.under_way} under way").of(account.mark)]
    since = "" if found.since is None else f", the first begun at {clock(found.since)}"
    seen = f"{found.under_way} under way, {found.overdue} of them overdue{since}"
    todo = f"ask the provider about them: `receiver transcriptions{account.option}` lists them"
    return [Finding("transcriptions", holds=False, seen=seen, todo=todo).of(account.mark)]


async def silent(connection: Connection, account: Account, secrets: Sequence[bytes]) -> list[Finding]:
    """Report as advice that an account's feed looks switched off. What it does not announce is found nevertheless."""
    if not (await feed.read(connection, account.id, secrets)).looks_off:
        return []
    seen = "no webhook has announced what has ended"
    return [Finding("feed", holds=True, seen=seen, todo=feed.LOOKS_OFF).of(account.mark)]

"""Compare when a person asks for it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeAlias

from receiver.errors import BusyError, ImpossibleError
from receiver.events import AccountId, Event
from receiver.inbox import unannounced
from receiver.inbox.deliveries import Delivery
from receiver.submissions.reconciling import records
from receiver.submissions.reconciling.comparing import AT_ONCE, OLD_ENOUGH, Account, Comparison
from receiver.submissions.reconciling.ends import Meaning, Terms
from receiver.submissions.reconciling.reconciler import Reconciler
from receiver.submissions.reconciling.records import Taken

AGAIN_SECONDS = 1.0
TRIES = 20

Confirm: TypeAlias = Callable[[Sequence[Event]], None]


async def compare_now(reconciler: Reconciler, account: AccountId, *, waits: Callable[[], None]) -> Comparison:
    """Compare an account's list now. If another process compares it, call `waits` and wait for it.

    Raises:
        ImpossibleError: it could not be compared.
    """
    comparison, trouble = await reconciler.compare(await _taken(reconciler, account, waits))
    if trouble is not None:
        raise ImpossibleError(f"the list of {account.source} ({account.account}) was not compared: {trouble}")
    return comparison


async def take_since(account: Account, since: timedelta, *, confirm: Confirm) -> tuple[list[Delivery], int]:
    """Store what was created and has ended within a time and has no event, also of before our own beginning.

    Return what was stored, and how many transcriptions were compared. `confirm` is called with the events first; it
    raises to stop.
    """
    found, compared = await _missing(account, since)
    if not found:
        return [], compared
    confirm([one.content for one in found if isinstance(one.content, Event)])
    stored = list[Delivery]()
    for at in range(0, len(found), AT_ONCE):
        stored += await _store(account, found[at : at + AT_ONCE])
    return stored, compared


async def _taken(reconciler: Reconciler, account: AccountId, waits: Callable[[], None]) -> Taken:
    try:
        await records.begin(reconciler.db, [account])
    except BusyError as exc:
        raise ImpossibleError(str(exc)) from exc
    deadline = time.monotonic() + 2 * records.LEASE.total_seconds()
    while True:
        await records.hurry(reconciler.db, [account], within=timedelta(0))
        taken = await records.take(reconciler.db, [account])
        if taken:
            return taken[0]
        if time.monotonic() > deadline:
            raise ImpossibleError("another process compares this list, and does not end: try again later")
        waits()
        await asyncio.sleep(AGAIN_SECONDS)


async def _missing(account: Account, since: timedelta) -> tuple[list[Delivery], int]:
    now, _ = await records.times(account.db, account.id)
    terms = Terms(now, now - since, account.grace)
    found, chunk, compared, old = list[Delivery](), list[Delivery](), 0, 0
    async for listed in account.listed():
        item = listed.status
        if item.began is not None and item.began < terms.since:
            old += 1
            if old == OLD_ENOUGH:
                break
            continue
        old = 0
        if terms.meaning(item) is Meaning.ENDED and terms.is_ripe(item, item.began or terms.since):
            delivery = account.delivery(listed, None)
            chunk += [] if delivery is None else [delivery]
        compared += 1
        if len(chunk) == AT_ONCE:
            found += await unannounced.among(account.db, account.id, chunk)
            chunk = []
            account.progressed(compared, len(found))
    return found + await unannounced.among(account.db, account.id, chunk), compared


async def _store(account: Account, some: Sequence[Delivery]) -> list[Delivery]:
    for _ in range(TRIES):
        try:
            return await account.store_behind(some)
        except BusyError:
            await asyncio.sleep(AGAIN_SECONDS)
    raise ImpossibleError("deliveries are being stored all the time: try again later; what is stored stays")

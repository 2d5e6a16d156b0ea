"""Compare the lists of all accounts again and again, each in one process of the fleet at a time."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import asyncpg

from receiver.database import AWAY, Pool
from receiver.errors import BusyError, ProviderError, RateLimited, StoreUnavailableError
from receiver.events import AccountId
from receiver.failpoints import Failpoint, reach
from receiver.logs.seldom import Seldom
from receiver.providers import Source, TranscribeSo
from receiver.settings import Account as ConfiguredAccount
from receiver.settings import Settings
from receiver.submissions.announcing import Interested
from receiver.submissions.reconciling import feed, looking_up, records
from receiver.submissions.reconciling.comparing import Account, Comparison
from receiver.submissions.reconciling.feed import Feed
from receiver.submissions.reconciling.records import Taken
from receiver.webhooks import secrets

log = logging.getLogger(__name__)

TICK_SECONDS = 5.0
WHILE_OFF = timedelta(minutes=1)
AFTER_TROUBLE = timedelta(minutes=1)
SOON = timedelta(seconds=10)


@dataclass(slots=True)
class Reconciler:
    """Compares the lists of some accounts.

    Attributes:
        db: the database.
        accounts: what is compared, by account.
        configured: the same accounts in the settings, with their secrets.
        every: the pause between two comparisons; zero means that nothing is compared unasked.
        tick: seconds between two looks for an account that is due.
    """

    db: Pool
    accounts: Mapping[AccountId, Account]
    configured: Mapping[AccountId, ConfiguredAccount]
    every: timedelta
    tick: float = TICK_SECONDS
    _off: set[AccountId] = field(default_factory=set)

    async def watch(self) -> None:
        """Compare at once, and then whenever it is time, until cancelled. Without accounts there is nothing to do."""
        said, is_start = Seldom.warning(log, "nothing can be compared"), True
        while self.accounts and self.every:
            try:
                await records.begin(self.db, list(self.accounts))
                if is_start:
                    await records.hurry(self.db, list(self.accounts))
                is_start = False
                await self.reconcile()
            except (*AWAY, StoreUnavailableError, BusyError) as exc:
                said.note(str(exc))
            await asyncio.sleep(self.tick)

    async def watch_doubts(self) -> None:
        """Look up what deliveries have announced that were refused for their time, until cancelled."""
        said, users_are_known = Seldom.warning(log, "nothing can be compared"), False
        while self.accounts:
            try:
                await records.begin(self.db, list(self.accounts))
                if not users_are_known:
                    await self._know_users()
                users_are_known = True
                await looking_up.look_up(self.db, self.accounts)
            except (*AWAY, StoreUnavailableError, BusyError, ProviderError) as exc:
                said.note(str(exc))
            await asyncio.sleep(self.tick)

    async def _know_users(self) -> None:
        """Learn which accounts have keys of one user, also if nothing is compared: an end is theirs together."""
        for account in self.accounts.values() if len(self.accounts) > 1 else ():
            await records.note_user(self.db, account.id, (await account.client.me()).user_id)

    async def reconcile(self) -> None:
        """Compare the lists of the accounts that are due."""
        while taken := await records.take(self.db, list(self.accounts)):
            await asyncio.gather(*map(self.compare, taken))

    async def compare(self, taken: Taken) -> tuple[Comparison, str | None]:
        """Compare the list of an account that this process has taken, and give it back.

        Return the comparison, and why it was broken off; None if it was not.
        """
        comparison = Comparison(self.accounts[taken.account], taken)
        watermark, trouble, after, level = None, None, self.every, logging.WARNING
        try:
            watermark = await comparison.compare()
        except RateLimited as exc:
            trouble, after, level = str(exc), max(exc.retry_after or AFTER_TROUBLE, SOON), logging.INFO
        except BusyError as exc:
            trouble, after = str(exc), SOON
        except ProviderError as exc:
            trouble, after = str(exc), AFTER_TROUBLE
        except AWAY:
            raise
        except asyncpg.PostgresError as exc:  # one item must not end the comparisons of the others
            trouble = f"the database refuses what it lists: {exc.args[0]}"
        if trouble is not None:
            level = logging.DEBUG if self.accounts[taken.account].patiently else level
            log.log(level, "%s (%s) cannot be compared now: %s", taken.account.source, taken.account.account, trouble)
        elif await self._looks_off(taken.account):
            after = min(after, WHILE_OFF)
        reach(Failpoint.AFTER_COMPARED)
        await records.finish(
            self.db, taken.account, comparison.leased_until, watermark=watermark, found=comparison.found,
            trouble=trouble, after=after,
        )  # fmt: skip
        return comparison, trouble

    async def feed(self, account: AccountId) -> Feed:
        """Return the state of an account's feed."""
        known = await secrets.read(self.db, [account])
        return await feed.read(self.db, account, secrets.of_webhook(self.configured[account], known))

    async def _looks_off(self, account: AccountId) -> bool:
        """Return whether the account's feed looks switched off, and log it when that changes."""
        is_off = (await self.feed(account)).looks_off
        if self.accounts[account].patiently:  # who asks is told, and another process logs it
            return is_off
        if is_off and account not in self._off:
            log.error("%s (%s): %s", account.source, account.account, feed.LOOKS_OFF)
            self._off.add(account)
        elif not is_off and account in self._off:
            log.warning("%s (%s): webhooks come again", account.source, account.account)
            self._off.discard(account)
        return is_off


def of(db: Pool, clients: Mapping[AccountId, Source], configured: Settings, interested: Interested) -> Reconciler:
    """Return what compares the lists of all accounts that have a key."""
    accounts = {
        account.id: Account(
            db, client.low_priority(), account.id, interested, timedelta(seconds=configured.reconcile_grace_seconds),
            everything=configured.reconcile_all == "yes",
        )
        for account in configured.webhook_accounts
        if isinstance(client := clients.get(account.id), TranscribeSo) and client.has_key
    }  # fmt: skip
    its = {account.id: account for account in configured.webhook_accounts}
    return Reconciler(db, accounts, its, timedelta(seconds=configured.reconcile_seconds))

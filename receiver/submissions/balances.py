"""Keep what is left of each account's money, so that whoever looks at it asks no provider.

An organ of the workers asks each provider that tells it for free, and one process asks for all.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from receiver.database import AWAY, Database, Pool, query
from receiver.errors import ImpossibleError, ProviderError, RateLimited, StoreUnavailableError, Unauthenticated
from receiver.events import AccountId
from receiver.providers import Source
from receiver.submissions.costs import amount
from receiver.submissions.records import storable

log = logging.getLogger(__name__)

BETWEEN = timedelta(minutes=10)
LOOK_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left of an account's money.

    Attributes:
        balance: in `unit`; None if no free call tells.
        seen_at: when the provider said so; None if it has not.
        trouble: why it did not answer last; None if it did.
    """

    account: AccountId
    balance: float | None
    unit: str
    seen_at: datetime | None
    trouble: str | None

    @property
    def said(self) -> str:
        """The balance in words."""
        if self.balance is None:
            return "nobody knows what is left" if self.trouble is None else f"nobody knows what is left: {self.trouble}"
        return f"{f'{amount(self.balance)} {self.unit}'.rstrip()} left"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        seen = None if self.seen_at is None else self.seen_at.isoformat()
        return {"balance": self.balance, "unit": self.unit or None, "seen_at": seen, "trouble": self.trouble}


async def watch(db: Pool, providers: Mapping[AccountId, Source]) -> None:
    """Ask for each account's balance every few minutes, until cancelled. An outage of the database is ignored."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)  # first: at a start others need the turns
        try:
            await ask(db, providers)
        except AWAY as exc:
            log.debug("balances were not asked for: %s", exc)


async def ask(db: Pool, providers: Mapping[AccountId, Source], *, between: timedelta = BETWEEN) -> None:
    """Ask for the balances of the accounts for which nobody has asked for a while."""
    for account, client in providers.items():
        if await db.fetchval(query("submissions/take_balance"), *account, between):
            balance, trouble = await _ask(client)
            await db.execute(query("submissions/keep_balance"), *account, balance, client.unit, storable(trouble))


async def read(db: Database) -> dict[AccountId, Balance]:
    """Return what is known of each account's money."""
    found = await db.fetch(query("submissions/list_balances"))
    balances = [Balance(AccountId(*row[:3]), *row[3:]) for row in map(tuple, found)]
    return {balance.account: balance for balance in balances}


async def _ask(client: Source) -> tuple[float | None, str | None]:
    try:
        return await client.balance(), None
    except (RateLimited, Unauthenticated) as exc:
        return None, None if exc.status is None else str(exc)  # it was not asked: no turn was free, or no key is set
    except (ProviderError, StoreUnavailableError, ImpossibleError) as exc:
        return None, str(exc)

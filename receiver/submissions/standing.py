"""How each account of each provider stands: whether its key is accepted, what is left, what waits.

A free call tells what is left of an account's money, and that its key is accepted. No other call is made.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from receiver.database.opening import open_pool
from receiver.errors import ImpossibleError, ProviderError, StoreUnavailableError
from receiver.providers import Source, by_name
from receiver.providers.opening import open_client
from receiver.settings import Account
from receiver.submissions import counts
from receiver.submissions.costs import amount
from receiver.submissions.counts import Waiting

AT_ONCE = 4
NOTHING = Waiting()


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an account.

    Attributes:
        account: the account.
        kind: the class of its source.
        balance: what is left, in the source's unit; None if no free call tells.
        trouble: why the provider did not answer; None if it did, or was not asked.
        waiting: what waits of its submissions; None if nobody has counted.
    """

    account: Account
    kind: type[Source]
    balance: float | None = None
    trouble: str | None = None
    waiting: Waiting | None = None

    @property
    def has_key(self) -> bool:
        """Whether a key, or what keys are made of, is set."""
        return bool(self.account.key_fingerprint)

    @property
    def said(self) -> str:
        """The balance in words."""
        if self.trouble is not None:
            return f"no answer: {self.trouble}"
        return "not tried" if self.balance is None else f"{amount(self.balance)} {self.kind.unit}".rstrip()

    def to_json(self) -> dict[str, Any]:
        """Return what is known, as JSON."""
        waiting = self.waiting
        return {
            "source": self.account.source,
            "account": self.account.name,
            "api_url": self.account.api_url,
            "key": self.has_key,
            "operations": list(self.kind.operations),
            "requests_a_minute": self.account.requests_a_minute,
            "balance": self.balance,
            "unit": self.kind.unit or None,
            "trouble": self.trouble,
            "unfinished": None if waiting is None else waiting.unfinished,
            "unknown": None if waiting is None else waiting.unknown,
        }


async def of(accounts: Iterable[Account], url: str | None) -> Sequence[Standing]:
    """Ask for each account whose source has a client in this version. `url`: the database that counts requests."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def ask(account: Account, kind: type[Source]) -> Standing:
        async with turns:
            return await _of(account, kind, url)

    known = [(account, kind) for account in accounts if (kind := by_name(account.source)) is not None]
    return await asyncio.gather(*(ask(account, kind) for account, kind in known))


async def counted(accounts: Iterable[Account], url: str | None) -> Sequence[Standing]:
    """Ask for each account, and count its submissions if there is a database at `url`.

    Raises:
        SchemaError: the schema is older than this code.
        StoreUnavailableError: the database does not answer.
    """
    if url is None:
        return await of(accounts, None)
    async with open_pool(url) as db:
        found, number = await of(accounts, url), await counts.waiting(db)
    return [replace(one, waiting=number.get(one.account.id, NOTHING)) for one in found]


async def _of(account: Account, kind: type[Source], url: str | None) -> Standing:
    if not account.key_fingerprint:
        return Standing(account, kind)
    try:
        async with open_client(kind, account, url, retries=()) as client:
            return Standing(account, kind, await client.balance())
    except (ProviderError, StoreUnavailableError, ImpossibleError) as exc:
        return Standing(account, kind, trouble=str(exc))

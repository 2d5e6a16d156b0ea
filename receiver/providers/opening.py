"""Open what a question to the provider needs: the client of an account, and the database if there is one."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from receiver.database import Connections, Pool
from receiver.database.opening import open_database, open_pool
from receiver.errors import NoDataError
from receiver.events import AccountId
from receiver.providers import Source, TranscribeSo, budget, by_name
from receiver.providers.archive import Archive
from receiver.providers.asked import Call
from receiver.providers.budget import OwnBudget, SharedBudget
from receiver.providers.calls import RETRY_SECONDS
from receiver.providers.rate import Rate
from receiver.providers.tokens import OwnTokens, SharedTokens
from receiver.settings import Account, Settings

CONNECTIONS = 2  # of a client

S = TypeVar("S", bound=Source)


@asynccontextmanager
async def open_client(
    kind: type[S], account: Account, url: str | None, *, retries: tuple[float, ...] = RETRY_SECONDS
) -> AsyncIterator[S]:
    """Open the client of an account whose source has the class `kind`.

    All processes on the same database share the account's budget, and its token if it has one. Without a database
    (`url` is None) the client has its own.
    """
    if account.source != kind.name:  # or its key would go to another provider
        raise ValueError(f"{kind.__name__} is no client of {account.source}")
    rate = Rate.of(account.requests_a_minute)
    if url is None:
        async with kind.of(account, retries=retries, budget=OwnBudget(rate), tokens=OwnTokens()) as client:
            yield client
        return
    connections = Connections(url, size=CONNECTIONS, statement_seconds=budget.STATEMENT_SECONDS / 2)
    key = account.key_fingerprint
    shared = SharedBudget(connections, api_url=account.api_url, key_fingerprint=key, rate=rate)
    tokens = SharedTokens(connections, api_url=account.api_url, client=key)
    try:
        async with kind.of(account, retries=retries, budget=shared, tokens=tokens) as client:
            yield client
    finally:
        connections.close()


@asynccontextmanager
async def open_providers(
    accounts: Iterable[Account], url: str, *, heard: Callable[[AccountId, Call], None] | None = None
) -> AsyncIterator[dict[AccountId, Source]]:
    """Open the client of each account of which this version has one. They are for jobs, whose own backoff retries.

    `heard` is called with each request of theirs.
    """
    async with AsyncExitStack() as stack:
        clients: dict[AccountId, Source] = {
            account.id: await stack.enter_async_context(open_client(kind, account, url, retries=()))
            for account in accounts
            if (kind := by_name(account.source)) is not None
        }
        for account, client in clients.items():
            if heard is not None:
                client.tell(partial(heard, account))
        yield clients


@dataclass(frozen=True, slots=True)
class Desk:
    """What a question to the provider needs: the provider's client, and the database if there is one."""

    provider: TranscribeSo
    db: "Pool | None"

    @property
    def archive(self) -> Archive:
        """The provider's answers, kept in the database if there is one."""
        return Archive(self.provider, self.db)


@contextmanager
def open_database_if_any(configured: Settings, *, needs_key: bool) -> Iterator[str | None]:
    """Yield the URL of the configured database, or None if there is none and the provider can be asked without it.

    What the database alone can answer is asked with `needs_key=False`: it needs either a key or a database. This can
    block, as `open_database` does.

    Raises:
        ImpossibleError: a key is needed, and none is set.
        NoDataError: there is neither a key nor a database.
    """
    if needs_key:
        configured.account()
    with ExitStack() as stack:
        url = None
        try:
            url = stack.enter_context(open_database(configured, create=False))
        except NoDataError:
            if configured.chosen.key is None:
                raise
        yield url


@asynccontextmanager
async def open_desk(configured: Settings, url: str | None) -> AsyncIterator[Desk]:
    """Open the provider's client, and the database at `url` if there is one.

    Raises:
        SchemaError: the database's schema is older than this code.
        StoreUnavailableError: the database does not answer.
    """
    async with AsyncExitStack() as stack:
        db = None if url is None else await stack.enter_async_context(open_pool(url))
        yield Desk(await stack.enter_async_context(open_client(TranscribeSo, configured.chosen, url)), db)

"""What a command opens: the database, the spool, the provider's client."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from receiver import database
from receiver.cli.process import interruptible, run
from receiver.database import Pool, embedded, migrations
from receiver.errors import NoDataError
from receiver.inbox.spool import Spool
from receiver.providers import TranscribeSo
from receiver.providers.archive import Archive
from receiver.providers.opening import open_provider
from receiver.settings import Settings

T = TypeVar("T")


@contextmanager
def open_database(configured: Settings, *, create: bool, patience: float | None = None) -> Iterator[str]:
    """Yield the URL of the configured database: `DATABASE_URL`, or else that of the embedded database.

    `patience` is how many seconds to wait for an embedded database that is still starting.

    Raises:
        NoDataError: there is no embedded database and `create` is false.
    """
    if configured.dsn is not None:
        yield configured.dsn
        return
    with embedded.attach(configured.data_dir, create=create, patience=patience) as url:
        yield url


def open_spool(configured: Settings) -> Spool:
    """Return the spool of the configured folder, by default a folder in the data folder. Create nothing."""
    folder = configured.spool_dir or embedded.locate(configured.data_dir).path / "spool"
    megabyte = 1024 * 1024
    return Spool(
        folder, limit_bytes=int(configured.spool_max_mb * megabyte),
        room_bytes=int(configured.spool_reserve_mb * megabyte),
    )  # fmt: skip


@asynccontextmanager
async def _stored(url: str) -> AsyncIterator[Pool]:
    async with database.pool(url, size=2) as db:
        await migrations.require(db)
        yield db


def with_database(configured: Settings, work: Callable[[Pool], Awaitable[T]]) -> T:
    """Run `work` on the configured database, which must exist and have our schema.

    Raises:
        NoDataError: there is no database.
        SchemaError: its schema is older than this code.
    """

    async def main(url: str) -> T:
        async with _stored(url) as db:
            return await work(db)

    with open_database(configured, create=False) as url:
        return run(main(url))


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command needs to ask the provider: the provider's client, and the database if there is one."""

    provider: TranscribeSo
    db: "Pool | None"

    @property
    def archive(self) -> Archive:
        """The provider's answers, kept in the database if there is one."""
        return Archive(self.provider, self.db)


@asynccontextmanager
async def opened(configured: Settings, *, needs_key: bool = True) -> AsyncIterator[Desk]:
    """Open the provider's client, and the database if there is one.

    A command that can answer from the database alone passes `needs_key=False`: it needs either a key or a database.

    Raises:
        ImpossibleError: the command needs a key, and none is set.
        NoDataError: there is neither a key nor a database.
        SchemaError: the database's schema is older than this code.
    """
    if needs_key:
        configured.account()
    async with AsyncExitStack() as stack:
        url = db = None
        try:
            with interruptible():
                url = stack.enter_context(open_database(configured, create=False))
        except NoDataError:
            if configured.api_key is None:
                raise
        if url is not None:
            db = await stack.enter_async_context(_stored(url))
        yield Desk(await stack.enter_async_context(open_provider(configured, url)), db)

"""Open the configured database: `DATABASE_URL`, or else the embedded database."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from receiver.database import connections, embedded, migrations
from receiver.database.connections import Pool
from receiver.settings import Settings


@contextmanager
def open_database(configured: Settings, *, create: bool, patience: float | None = None) -> Iterator[str]:
    """Yield the URL of the configured database. This can block for a minute, while the embedded database starts.

    `patience` is how many seconds to wait for an embedded database that is still starting.

    Raises:
        NoDataError: there is no embedded database and `create` is false.
        EmbeddedError: the embedded database cannot run here.
    """
    if configured.dsn is not None:
        yield configured.dsn
        return
    with embedded.attach(configured.data_dir, create=create, patience=patience) as url:
        yield url


@asynccontextmanager
async def open_pool(url: str) -> AsyncIterator[Pool]:
    """Open a small pool on a database that has our schema.

    Raises:
        SchemaError: the schema is older than this code.
        StoreUnavailableError: the database does not answer.
    """
    async with connections.pool(url, size=2) as db:
        await migrations.require(db)
        yield db

"""What a command opens: the database, and the provider's client."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from typing import TypeVar

from receiver.cli.process import interruptible, run
from receiver.database import Pool
from receiver.database.opening import open_database, open_pool
from receiver.errors import NoDataError
from receiver.providers.opening import Desk, open_database_if_any, open_desk
from receiver.settings import Settings

T = TypeVar("T")


def with_database(configured: Settings, work: Callable[[Pool], Awaitable[T]]) -> T:
    """Run `work` on the configured database, which must exist and have our schema.

    Raises:
        NoDataError: there is no database.
        SchemaError: its schema is older than this code.
    """
    with database_url(configured) as url:
        return on_database(url, work)


@contextmanager
def database_url(configured: Settings) -> Iterator[str]:
    """Yield the URL of the configured database, which must exist and have our schema.

    Raises:
        NoDataError, SchemaError: as for `with_database`.
    """
    with open_database(configured, create=False) as url:
        yield url


def on_database(url: str, work: Callable[[Pool], Awaitable[T]]) -> T:
    """Run `work` on an open database. A command that asks a person in between does it several times."""

    async def main() -> T:
        async with open_pool(url) as db:
            return await work(db)

    return run(main())


@contextmanager
def database_if_there(configured: Settings) -> Iterator[str | None]:
    """Yield the URL of the configured database, or None if there is none. Ctrl-C ends the wait for it."""
    with ExitStack() as stack:
        url = None
        with suppress(NoDataError), interruptible():
            url = stack.enter_context(open_database(configured, create=False))
        yield url


@asynccontextmanager
async def opened(configured: Settings, *, needs_key: bool = True) -> AsyncIterator[Desk]:
    """Open the provider's client, and the database if there is one. Ctrl-C ends the wait for the database.

    Raises:
        ImpossibleError: the command needs a key, and none is set.
        NoDataError: there is neither a key nor a database.
        SchemaError: the database's schema is older than this code.
    """
    with ExitStack() as stack:
        with interruptible():
            url = stack.enter_context(open_database_if_any(configured, needs_key=needs_key))
        async with open_desk(configured, url) as desk:
            yield desk

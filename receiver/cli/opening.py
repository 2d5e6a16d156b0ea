"""What a command opens: the database, and the provider's client."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import TypeVar

from receiver.cli.process import interruptible, run
from receiver.database import Pool
from receiver.database.opening import open_database, open_pool
from receiver.providers.opening import Desk, open_database_if_any, open_desk
from receiver.settings import Settings

T = TypeVar("T")


def with_database(configured: Settings, work: Callable[[Pool], Awaitable[T]]) -> T:
    """Run `work` on the configured database, which must exist and have our schema.

    Raises:
        NoDataError: there is no database.
        SchemaError: its schema is older than this code.
    """

    async def main(url: str) -> T:
        async with open_pool(url) as db:
            return await work(db)

    with open_database(configured, create=False) as url:
        return run(main(url))


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

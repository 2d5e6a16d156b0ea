"""What every tool needs: the settings, the handlers where replays are allowed, and the database within bounds."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from receiver.assistants.errors import UnsureError
from receiver.database import TROUBLE, Connection, Connections, Pool
from receiver.database.opening import open_pool
from receiver.errors import StoreBusyError
from receiver.handling import Handler
from receiver.settings import Settings
from receiver.submissions.library.remembered import Remembered

T = TypeVar("T")

STATEMENT_SECONDS = 1.0
READ_SECONDS = 3.0
ACT_SECONDS = 15.0
CONNECTIONS = 4


class State:
    """The state behind the tools.

    Args:
        configured: the settings.
        url: the database.
        handlers: those of this installation; None where nothing may be replayed.
        statement_seconds: how long a statement can take.
        seconds: how long a question waits for the database.
        act_seconds: how long a replay can take.
    """

    def __init__(
        self, configured: Settings, url: str, handlers: Mapping[str, Handler] | None = None, *,
        statement_seconds: float = STATEMENT_SECONDS, seconds: float = READ_SECONDS, act_seconds: float = ACT_SECONDS,
    ) -> None:  # fmt: skip
        self.configured = configured
        self.handlers = handlers
        self.transcripts = Remembered()
        self._url = url
        self._seconds, self._act_seconds = seconds, act_seconds
        self._connections = Connections(url, size=CONNECTIONS, statement_seconds=statement_seconds)
        self._acting = asyncio.Lock()

    async def read(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Read from the database. `work` can be done twice, so it changes nothing.

        Raises:
            StoreUnavailableError: the database is away, or takes too long.
        """
        return await self._connections.run(work, seconds=self._seconds)

    async def act(self, work: Callable[[Pool], Awaitable[T]]) -> T:
        """Do what an assistant has asked for, once, and one after the other.

        Raises:
            StoreUnavailableError: the database is away, so it was not begun.
            StoreBusyError: it was not begun in time.
            UnsureError: it was begun, and how it ended is not known.
        """
        has_begun = False
        try:
            async with asyncio.timeout(self._act_seconds), self._acting, open_pool(self._url) as db:
                has_begun = True
                return await work(db)
        except TROUBLE as exc:
            late = f"it has not ended within {self._act_seconds:g} s"
            if has_begun:
                raise UnsureError(late if isinstance(exc, TimeoutError) else "the database broke it off") from exc
            if isinstance(exc, TimeoutError):
                raise StoreBusyError(late) from exc
            raise

    def usual_apis(self, source: str) -> set[str]:
        """Return the API URLs of the accounts of a source."""
        return {account.api_url for account in self.configured.accounts if account.source == source}

    def close(self) -> None:
        """End every connection."""
        self._connections.close()

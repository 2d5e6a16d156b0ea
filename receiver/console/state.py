"""What every page needs: the settings, the handlers, the database within bounds, and who is asking."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple, TypeVar

from starlette.requests import Request

from receiver.console import access, gate
from receiver.console.access import Access, Role, Tries
from receiver.console.latest import Latest
from receiver.console.live import Changes
from receiver.database import Connection, Connections, Pool
from receiver.database.opening import open_pool
from receiver.errors import StoreBusyError
from receiver.handling import Handler
from receiver.health import asking, status
from receiver.health.asking import Answer
from receiver.health.survey import Subjects
from receiver.health.trial import Journey
from receiver.inbox.spool.opening import open_spool
from receiver.settings import Settings
from receiver.submissions.drafts import Drafts
from receiver.submissions.library.remembered import Remembered

T = TypeVar("T")

STATEMENT_SECONDS = 1.0
READ_SECONDS = 3.0
ASK_SECONDS = 2.0
CONNECTIONS = 6
ACTS, UPLOADS, STREAMS = 6, 3, 2  # at once; each has two connections at most


class Test(NamedTuple):
    """A test event that a person has asked for. `following` is done when it has come to an end."""

    journey: Journey
    following: "asyncio.Task[None]"


class NotBegunError(StoreBusyError):
    """So many others do something that it was not begun. The message is a sentence for people."""


class Progress:
    """How far a draft is on its way to the workers.

    Attributes:
        task: does it.
        trouble: why it has stopped; empty if it has not.
        is_waiting: whether it waits for its turn.
        recording: the file that is being uploaded.
        sent: its bytes that have arrived.
        size: all its bytes.
    """

    task: "asyncio.Task[None]"

    def __init__(self) -> None:
        self.trouble = self.recording = ""
        self.sent = self.size = 0
        self.is_waiting = True

    def show(self, recording: str, sent: int, size: int) -> None:
        """Note how far it is."""
        self.recording, self.sent, self.size = recording, sent, size


class Console:
    """The state behind the pages.

    Args:
        configured: the settings.
        url: the database.
        handlers: those of this installation.
        port: on which the console listens.
        seconds: how long a page waits for the database.
    """

    def __init__(
        self, configured: Settings, url: str, handlers: Mapping[str, Handler], *, port: int,
        seconds: float = READ_SECONDS,
    ) -> None:  # fmt: skip
        self.configured = configured
        self.handlers = handlers
        self.changes = Changes(url)
        self.tries = Tries()
        self.cookie = f"receiver_console_{port}"  # browsers send cookies to every port of a host
        subjects = Subjects(url, handlers, open_spool(configured))
        self.status = Latest(partial(status.look, configured, subjects))
        self.url = url
        self.tests: dict[str, Test] = {}  # by the name of the account
        self.drafts = Drafts(configured)
        self.progress: dict[str, Progress] = {}  # by the id of the draft: of those that are not submitted
        self.ending = asyncio.Event()
        self.transcripts = Remembered()
        self._seconds = seconds
        self._connections = Connections(url, size=CONNECTIONS, statement_seconds=STATEMENT_SECONDS)
        self._acting, self._streaming = asyncio.Semaphore(ACTS), asyncio.Semaphore(STREAMS)
        self._uploading = asyncio.Semaphore(UPLOADS)
        self._access: Access | None = None

    async def read(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Read from the database. `work` can be done twice, so it changes nothing.

        Raises:
            StoreUnavailableError: the database is away, or takes too long.
        """
        return await self._connections.run(work, seconds=self._seconds)

    async def act(self, work: Callable[[Pool], Awaitable[T]]) -> T:
        """Do what a person has asked for, once.

        Raises:
            StoreUnavailableError: the database is away.
            NotBegunError: so many others do something that it was not begun.
        """
        async with self._turn(self._acting, "do something"), open_pool(self.url) as db:
            return await work(db)

    async def upload(self, work: Callable[[Pool], Awaitable[T]]) -> T:
        """Do what can take hours, behind the pages and once. It waits for its turn, however long that takes.

        Raises:
            StoreUnavailableError: the database is away.
        """
        async with self._uploading, open_pool(self.url) as db:
            return await work(db)

    async def stream(self, work: Callable[[Connection], AsyncIterator[T]]) -> AsyncIterator[T]:
        """Yield what is read from the database, however much it is and however long it takes.

        Raises:
            StoreUnavailableError: the database is away.
            NotBegunError: so many others read that it was not begun.
        """
        async with self._turn(self._streaming, "read a lot"), open_pool(self.url) as db, db.acquire() as connection:
            async for one in work(connection):
                yield one

    @asynccontextmanager
    async def _turn(self, turns: asyncio.Semaphore, doing: str) -> AsyncIterator[None]:
        """Bound how many connections pages can have: the database has few, and deliveries need theirs."""
        try:
            await asyncio.wait_for(turns.acquire(), timeout=self._seconds)
        except TimeoutError:
            said = f"So many others {doing} just now that this was not begun. Nothing was done; try again."
            raise NotBegunError(said) from None
        try:
            yield
        finally:
            turns.release()

    async def access(self) -> Access:
        """Return what makes and reads cookies.

        Raises:
            StoreUnavailableError: the key was not read yet, and the database is away.
        """
        if self._access is None:
            key = await self._connections.run(access.read_key, seconds=self._seconds)
            token, read_token = self.configured.console_tokens
            self._access = Access(key, token=token, read_token=read_token)
        return self._access

    async def role(self, request: Request) -> Role | None:
        """Return what the sender of a request may do; None if nobody is signed in."""
        cookie = request.cookies.get(self.cookie)
        if cookie is None:
            return None
        return (await self.access()).role(cookie, is_local=is_local(request))

    async def ask_web(self) -> Answer | str:
        """Return what the web process of this machine knows, or why it does not answer. The database is not needed."""
        return await asking.ask_here(self.configured, seconds=ASK_SECONDS)

    def close(self) -> None:
        """End the streams, what is under way, and every connection."""
        self.changes.end()
        self.status.close()
        for test in self.tests.values():
            test.following.cancel()
        for handed in self.progress.values():
            handed.task.cancel()
        self._connections.close()


def is_local(request: Request) -> bool:
    """Whether a request comes from this machine itself."""
    return gate.is_local(request.client and request.client.host, request.headers)

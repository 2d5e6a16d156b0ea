"""pytest fixtures for handlers: a scratch database, and a claimed job with its `Context` against the sandbox.

In your `conftest.py`:

    pytest_plugins = ["receiver.testing"]

and then, with pytest-asyncio's `asyncio_mode = "auto"`, a test awaits the handler as a worker would:

    async def test_my_handler(receiver_scratch):
        event, ctx = await receiver_scratch.claim(my_handler)
        await my_handler(event, ctx)

Fixtures:
    receiver_server: a PostgreSQL started for this test run.
    receiver_database: the URL of a fresh, migrated database on it.
    receiver_scratch: a `Scratch`.
"""

import asyncio
import itertools
import json
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from receiver import database, providers, settings
from receiver.database import Pool, migrations
from receiver.database.data_folder import DataFolder, server_user, version
from receiver.database.embedded import attach, binaries, wait_until_stopped
from receiver.events import AccountId, Event
from receiver.handling import Context, Handler
from receiver.handling.fetched import Fetched
from receiver.inbox import deliveries, jobs, listing
from receiver.inbox.deliveries import Delivery
from receiver.inbox.jobs import Portion
from receiver.providers import TranscribeSo
from receiver.providers.budget import OwnBudget
from receiver.providers.egress import Clients
from receiver.providers.rate import MINUTE, Rate
from receiver.sandbox import EXAMPLE_ID, Sandbox, application
from receiver.settings import inherited

TEMPLATE = "receiver_template"
SANDBOX_URL = "http://sandbox.test"
ACCOUNT = AccountId(TranscribeSo.name, SANDBOX_URL, "default")
SPEED = 600
LEASE = timedelta(minutes=5)
MEMORY_BYTES = 4 * 1024**3
STRATEGIES = 15  # the version of PostgreSQL since which `createdb` has a choice


class Scratch:
    """A database and a sandbox to try handlers on.

    Attributes:
        url: the URL of the database.
        db: a pool of connections to it.
        sandbox: the simulated provider.
        provider: the client of the sandbox.
        fetched: the files that handlers have fetched from a bucket. The fixture removes them.
    """

    def __init__(self, url: str, db: Pool, sandbox: Sandbox, provider: TranscribeSo, http: Clients) -> None:
        self.url = url
        self.db = db
        self.sandbox = sandbox
        self.provider = provider
        self._http = http
        self.fetched = Fetched()
        self._numbers = itertools.count(1)

    async def claim(
        self, handler: Handler, event_type: str | None = None, **transcription: object
    ) -> tuple[Event, Context]:
        """Deliver an event, claim the handler's job, and return the event and the `Context` for the handler.

        Args:
            handler: the handler to test.
            event_type: the event's type; by default the handler's first pattern without a `*`.
            transcription: fields of the event's transcription. The default is the sandbox's example, which is completed
                and has a transcript.
        """
        own_type = next((pattern for pattern in handler.patterns if "*" not in pattern), "transcription.completed")
        fields = {"id": EXAMPLE_ID, "status": "completed", "title": "podcast.mp3", "duration_seconds": 60}
        body = json.dumps({
            "id": f"evt_{next(self._numbers)}",
            "event": event_type or own_type,
            "data": {"transcription": fields | {"completed_at": "2026-04-29T14:25:27.968Z"} | transcription},
        }).encode()  # fmt: skip
        event = providers.read(self.provider.name, body)
        assert isinstance(event, Event), event.reason
        async with self.db.acquire() as connection:
            await deliveries.append(connection, [Delivery(event, SANDBOX_URL, "test", (handler.name,))])
        portions = [Portion(queue, 1) for queue in jobs.queues([ACCOUNT], [handler.name])]
        (claim,) = await jobs.claim(self.db, portions, lease=LEASE, limit=1)
        log = logging.LoggerAdapter(logging.getLogger(f"handlers.{handler.name}"), {})
        return event, Context(
            event=event, handler=handler.name, job=claim.job, attempt=claim.attempt,
            idempotency_key=claim.idempotency_key, db=self.db, account=ACCOUNT, client=self.provider,
            http=self._http.another(), configured=settings.load(), log=log, fetched=self.fetched,
        )  # fmt: skip

    async def state(self, event: Event) -> str:
        """Return the state of an event: `pending`, `done` or `dead`."""
        return (await listing.find(self.db, event.id))[0].state


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL for one test run.

    Attributes:
        url: the URL of its first database.
        binaries: the folder of its tools.
        copying: options of `createdb` with which a template is copied with the least work.
    """

    url: str
    binaries: Path
    copying: tuple[str, ...] = ()

    def create(self, name: str, *options: str) -> str:
        """Make a database and return its URL."""
        self._call("createdb", *options, name)
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def drop(self, name: str) -> None:
        """Remove a database, even if it is still in use."""
        self._call("dropdb", "--force", name)

    def _call(self, tool: str, *arguments: str) -> None:
        query = parse_qs(urlsplit(self.url).query)
        subprocess.run(  # noqa: S603 - our own binaries
            [self.binaries / tool, "-h", query["host"][0], "-U", "receiver", *arguments],
            check=True,
            env=inherited.plain(os.environ),
        )


def memory() -> str | None:
    """Return a folder in memory with space for test databases, or None. Tests there do not wait for a disk."""
    folder = "/dev/shm"  # noqa: S108 - folders there are made by mkdtemp
    has_space = os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > MEMORY_BYTES
    return folder if has_space else None


@pytest.fixture(scope="session")
def receiver_server() -> Iterator[Server]:
    """Yield a PostgreSQL with a migrated template, stopped after the last test."""
    in_memory = memory()
    folder = Path(tempfile.mkdtemp(prefix="receiver-tests-", dir=in_memory))
    folder.chmod(0o755)  # under root the server runs as another user, who must be able to enter
    try:
        with attach(folder / "data", create=True) as url:
            user = server_user()
            made_by = int(version(DataFolder(folder / "data", user)) or 0)
            # On a disk each file's copy would be waited for.
            copying = ("--strategy", "file_copy") if in_memory and made_by >= STRATEGIES else ()
            server = Server(url, binaries.find(folder / "data", user), copying)
            _migrate(server.create(TEMPLATE))
            yield server
        wait_until_stopped(folder / "data")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_numbers = itertools.count(1)


@pytest.fixture
def receiver_database(receiver_server: Server) -> Iterator[str]:
    """Yield the URL of a fresh, migrated database, dropped after the test."""
    name = f"receiver_test_{next(_numbers)}"
    yield receiver_server.create(name, "--template", TEMPLATE, *receiver_server.copying)
    receiver_server.drop(name)


@pytest_asyncio.fixture
async def receiver_scratch(receiver_database: str) -> AsyncIterator[Scratch]:
    """Yield a `Scratch` on a fresh database."""
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(database.pool(receiver_database, size=10))
        sandbox = Sandbox(speed=SPEED)
        stack.push_async_callback(sandbox.close)
        transport = httpx.ASGITransport(application(sandbox))
        client = TranscribeSo(
            SANDBOX_URL,
            SecretStr("tsk_test_scratch"),
            budget=OwnBudget(Rate.of(60, minute=MINUTE / SPEED)),
            transport=transport,
        )
        provider = await stack.enter_async_context(client)
        http = await stack.enter_async_context(Clients(timeout=10))
        scratch = Scratch(receiver_database, db, sandbox, provider, http)
        scratch.fetched = Fetched(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        stack.callback(scratch.fetched.remove)
        yield scratch


def _migrate(url: str) -> None:
    async def migrate() -> None:
        connection = await database.connect(url)
        await migrations.migrate(connection)
        await connection.close()

    # A separate loop, which does not become the current one: pytest-asyncio has its own.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        runner.run(migrate())

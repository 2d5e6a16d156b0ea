"""Submissions to simulated providers, carried out by a real worker in the test's own process."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
from pydantic import SecretStr

from receiver import settings
from receiver.database import Connections, Pool
from receiver.handling import Handler
from receiver.inbox import listing
from receiver.inbox.listing import Stored
from receiver.providers import OpenAI, Source, ThunderScribe, TimbrAudio, TranscribeSo
from receiver.providers.egress import Clients
from receiver.providers.orders import Media
from receiver.sandbox import Knobs, Sandbox, ThunderScribeKnobs, TimbrAudioKnobs, application
from receiver.settings import Account
from receiver.submissions import media, ordering, records, working
from receiver.submissions.asking import Asked, Terms, Work
from receiver.submissions.moves import State
from receiver.submissions.records import Submission
from receiver.submissions.shelf import Shelf
from receiver.submissions.working import Working
from receiver.worker import Worker
from receiver.worker.lanes import Deadlines
from tests.commands import Simulated
from tests.providers.scripted import turns_enough
from tests.sandbox.simulated import KEY, URL
from tests.worker.working import until

ACCOUNT = Account("thunderscribe", "default", f"{URL}/thunderscribe", key=SecretStr("any key"))
AUDIO_ACCOUNT = Account("timbr-audio", "default", f"{URL}/timbr-audio", key=SecretStr("any key"))
TRANSCRIBE_ACCOUNT = Account("transcribe.so", "default", URL, key=SecretStr(KEY))
SERVER_ACCOUNT = Account("openai", "default", f"{URL}/thunderscribe/api", key=SecretStr("any key"))
AT_ONCE = 1e7
PAYING = "/audio/transcriptions"
FILE = Path(__file__)  # its content does not matter
PLAIN = Terms()

Before = Callable[[httpx.Request], Any]


class Watched(httpx.AsyncBaseTransport):
    """Calls a function before each request goes out, and gives its answer if it returns one."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport
        self.before: Before | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.before is not None and (answer := await self.before(request)) is not None:
            return cast("httpx.Response", answer)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


@dataclass(frozen=True, slots=True)
class Held:
    """The request that is paid for, held back."""

    under_way: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Bench:
    """A database, a simulated provider, and its client."""

    db: Pool
    url: str
    sandbox: Sandbox
    client: Source
    account: Account
    transport: Watched
    shelf: Shelf
    wanted: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def interested(self, event_type: str, _: str) -> tuple[str, ...]:
        return self.wanted.get(event_type, ())

    def asked(
        self, name: str = "talk.mp3", terms: Terms = PLAIN, operation: str = "transcription", **wishes: Any
    ) -> Asked:
        kind, content_type = type(self.client), media.content_type(Path(name))
        file = Media(FILE, name, FILE.stat().st_size, content_type)
        if issubclass(kind, OpenAI):
            wishes = {"language": "en"} | wishes
        options = kind.operations[operation].model_validate(wishes)
        return Asked(kind, self.account, Work(operation, options), file=file, duration_seconds=60, terms=terms)

    async def submit(self, name: str = "talk.mp3", terms: Terms = PLAIN, **wishes: Any) -> Submission:
        return (await ordering.submit(self.client, self.db, self.asked(name, terms, **wishes), self.shelf))[0]

    async def now(self, submission: Submission) -> Submission:
        return await records.known(self.db, submission.id)

    def plan(self, kind: str, endpoint: str = PAYING, **more: Any) -> None:
        self.sandbox.faults.plan({"endpoint": endpoint, "kind": kind} | more)

    def hold(self) -> Held:
        """Hold the request that is paid for before it goes out, until the test says `go`."""
        held = Held()

        async def wait(request: httpx.Request) -> None:
            if request.url.path.endswith(PAYING):
                held.under_way.set()
                await held.go.wait()

        self.transport.before = wait
        return held

    def charges(self) -> int:
        return len(self.sandbox.charges)

    def paying_requests(self) -> int:
        return sum(asked.path.endswith(PAYING) for asked in self.sandbox.asked)

    async def events(self) -> list[Stored]:
        """Return the events for handlers and people, oldest first."""
        return [event for event in reversed(await listing.recent(self.db)) if event.type != "submission"]

    async def data(self, event: Stored) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads(await listing.raw(self.db, event.key))["data"]
        return found

    async def job(self, submission: Submission) -> listing.StoredJob:
        """Return the job that carries a submission out."""
        (work,) = [event for event in await listing.find(self.db, submission.id) if event.type == "submission"]
        return work.jobs[0]

    def worker(self, connections: Connections, http: Clients, *, handler: Handler | None = None) -> Worker:
        own = handler or working.handler(Working(self.interested, self.shelf))
        return Worker(
            connections=connections, db=self.db, handlers={own.name: own}, providers={self.account.id: self.client},
            http=http, configured=settings.load(), lanes=4, lease=timedelta(seconds=60), poll=timedelta(seconds=0.02),
            deadlines=Deadlines(grace=0.2),
        )  # fmt: skip

    @asynccontextmanager
    async def working(self, handler: Handler | None = None) -> AsyncIterator[Worker]:
        """Run a worker for calls."""
        connections = Connections(self.url, statement_seconds=Deadlines().server)
        async with Clients(timeout=10) as http:
            worker = self.worker(connections, http, handler=handler)
            running = asyncio.create_task(worker.run())
            try:
                yield worker
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
                await worker.stop(within=timedelta(0))
                connections.close()

    async def worked(self, submission: Submission, state: str = "done") -> Submission:
        """Run a worker until the submission's job is in a state. Return the submission as it is then."""
        async with self.working():
            await self.until_job(submission, state)
        return await self.now(submission)

    async def until_job(self, submission: Submission, state: str) -> None:
        async def is_so() -> bool:
            job = await self.job(submission)
            return job.state == state and (state != "pending" or job.error is not None)

        await until(is_so)

    async def until_state(self, submission: Submission, state: State) -> Submission:
        async def is_so() -> bool:
            return (await self.now(submission)).state is state

        await until(is_so)
        return await self.now(submission)


@asynccontextmanager
async def bench(db: Pool, url: str, **knobs: Any) -> AsyncIterator[Bench]:
    async with _bench_here(db, url, ThunderScribe, ACCOUNT, Knobs(thunderscribe=ThunderScribeKnobs(**knobs))) as found:
        yield found


@asynccontextmanager
async def audio_bench(db: Pool, url: str) -> AsyncIterator[Bench]:
    """Yield a bench for the Timbr audio API, which has an option that is a file."""
    async with _bench_here(db, url, TimbrAudio, AUDIO_ACCOUNT, Knobs()) as found:
        yield found


@asynccontextmanager
async def server_bench(db: Pool, url: str) -> AsyncIterator[Bench]:
    """Yield a bench for a server with OpenAI's API, which takes the file with the request that is paid for."""
    knobs = Knobs(thunderscribe=ThunderScribeKnobs(paths="v1"))
    async with _bench_here(db, url, OpenAI, SERVER_ACCOUNT, knobs) as found:
        yield found


@asynccontextmanager
async def transcribe_bench(db: Pool, url: str, **knobs: Any) -> AsyncIterator[Bench]:
    """Yield a bench for transcribe.so. Its day has 24 hours, so a transcription ends only when a test says so."""
    async with _bench_here(db, url, TranscribeSo, TRANSCRIBE_ACCOUNT, Knobs(**knobs), speed=1) as found:
        yield found


def with_links(**knobs: Any) -> Simulated:
    """Return a Timbr audio API on a socket, so that its links can be fetched. It has done everything at once."""
    return Simulated(speed=AT_ONCE, knobs=Knobs(timbr_audio=TimbrAudioKnobs(links="never", **knobs)))


@asynccontextmanager
async def bench_at(provider: Simulated, db: Pool, url: str) -> AsyncIterator[Bench]:
    """Yield a bench for a Timbr audio API on a socket."""
    account = replace(AUDIO_ACCOUNT, api_url=f"{provider.url}/timbr-audio", key=SecretStr(provider.key))
    transport = httpx.AsyncHTTPTransport()
    async with _bench(db, url, TimbrAudio, account, sandbox=provider.sandbox, transport=transport) as found:
        yield found


@asynccontextmanager
async def _bench_here(
    db: Pool, url: str, kind: type[Source], account: Account, knobs: Knobs, *, speed: float = AT_ONCE
) -> AsyncIterator[Bench]:
    sandbox = Sandbox(speed=speed, knobs=knobs, seed=None)
    sandbox.expiry_speed = 1  # a busy machine has time to use an address
    transport = httpx.ASGITransport(application(sandbox), raise_app_exceptions=False)
    async with _bench(db, url, kind, account, sandbox=sandbox, transport=transport) as found:
        yield found
    await sandbox.close()


@asynccontextmanager
async def _bench(
    db: Pool, url: str, kind: type[Source], account: Account, *, sandbox: Sandbox, transport: httpx.AsyncBaseTransport
) -> AsyncIterator[Bench]:
    watched, turns = Watched(transport), turns_enough()
    with tempfile.TemporaryDirectory() as folder:
        async with kind(account.api_url, account.key, budget=turns, transport=watched) as client:
            yield Bench(db, url, sandbox, client, account, watched, Shelf(Path(folder), most=2**30))

"""The other sides of the ready-made handlers: a folder, a bucket, an app, a service, a stream."""

import asyncio
import base64
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from receiver.sandbox.transcribe_so.account import EXAMPLE_ID
from tests.faults.switched import Peer
from tests.handlers.ready import nats
from tests.handlers.ready.nats import Nats
from tests.servers import App

SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
FIRST = 500_000
FORMATS = ("md", "txt", "chapters")
ENDINGS = (".md", ".txt", ".chapters.json")
NAMED = {"RECEIVER_FILES_FORMATS": ",".join(FORMATS), "RECEIVER_FILES_NAME": "{source}/{id}"}


def _own(number: int) -> str:
    return f"evt_own_{number}"


@dataclass(slots=True)
class Files:
    """Files of one transcription, hidden ones and parts too. Each must be whole, and there must be nothing else."""

    variables: dict[str, str]
    read: Callable[[], dict[str, bytes]]
    erase: Callable[[], None]
    forgets: str = "delete from receiver.file_names"
    repeats: int = 0  # each replaces the one before
    whole: dict[str, bytes] = field(default_factory=dict)

    def transcription(self, _: int, /) -> int:
        return EXAMPLE_ID

    def begin(self) -> None:
        self.erase()

    def judge(self, numbers: list[int]) -> None:
        found = self.read()
        assert set(found) == {f"transcribe.so/{EXAMPLE_ID}{ending}" for ending in ENDINGS}, (numbers, sorted(found))
        self.whole = self.whole or found
        assert all(found.values())
        assert found == self.whole


@dataclass(slots=True, kw_only=True)
class Told:
    """Somebody who is told of events, each about a transcription of its own."""

    variables: dict[str, str]
    forgets: str = ""
    repeats: int = 0

    def transcription(self, number: int, /) -> int:
        return FIRST + number


@dataclass(slots=True, kw_only=True)
class Forwarding(Told):
    """An app. It has each event at least once; all its repeats have one id and one body."""

    app: App

    def begin(self) -> None:
        self.app.got.clear()

    def judge(self, numbers: list[int]) -> None:
        ids = set[str]()
        for number in numbers:
            mine = {(got.id, got.body) for got in self.app.got if f'"event":"{_own(number)}"'.encode() in got.body}
            assert len(mine) == 1, (number, mine)
            ids.add(next(iter(mine))[0])
        assert len(ids) == len(numbers)
        self.repeats += len(self.app.got) - len(numbers)
        assert {got.id for got in self.app.got} == ids


@dataclass(slots=True, kw_only=True)
class Telling(Told):
    """A service. It has a message about each event at least once."""

    service: App

    def begin(self) -> None:
        self.service.got.clear()

    def judge(self, numbers: list[int]) -> None:
        told = Counter(got.json["message"].rpartition(", ")[2] for got in self.service.got)
        assert set(told) == {f"{FIRST + number})" for number in numbers}, told
        self.repeats += told.total() - len(numbers)


@dataclass(slots=True, kw_only=True)
class Streaming(Told):
    """A stream. It has each event once: it drops the repeats."""

    server: Nats
    before: int = 0

    def begin(self) -> None:
        self.before = len(asyncio.run(self.server.kept()))

    def judge(self, numbers: list[int]) -> None:
        kept = asyncio.run(self.server.kept())
        found = [json.loads(body)["data"]["event"] for _, _, body in kept[self.before :]]
        assert sorted(found) == sorted(map(_own, numbers)), "lost, or doubled"
        assert len({key for _, key, _ in kept}) == len(kept)


@dataclass(slots=True, kw_only=True)
class All(Told):
    """Several of these at once. Each has every event."""

    of: tuple[Peer, ...]

    def begin(self) -> None:
        for one in self.of:
            one.begin()

    def judge(self, numbers: list[int]) -> None:
        for one in self.of:
            one.judge(numbers)


def folder(place: Path) -> Files:
    """Return a folder."""

    def read() -> dict[str, bytes]:
        found = [path for path in place.rglob("*") if path.is_file()]
        return {str(path.relative_to(place)): path.read_bytes() for path in found}

    def erase() -> None:
        shutil.rmtree(place, ignore_errors=True)

    return Files({"RECEIVER_FILES": str(place), **NAMED}, read, erase)


@contextmanager
def bucket() -> Iterator[Files]:
    """Yield a bucket of moto's server."""
    from tests.buckets import NAME, emptied, running  # noqa: PLC0415 - it takes a second to import

    with running() as server, emptied(server) as objects:

        def read() -> dict[str, bytes]:
            assert "Uploads" not in objects.client.list_multipart_uploads(Bucket=NAME), "half an upload is left"
            return {name.removeprefix("talks/"): content for name, content in objects.all().items()}

        def erase() -> None:
            for name in objects.all():
                objects.client.delete_object(Bucket=NAME, Key=name)

        yield Files({"RECEIVER_FILES": f"s3://{NAME}/talks", **objects.environment, **NAMED}, read, erase)


@contextmanager
def app() -> Iterator[Forwarding]:
    """Yield an app."""
    with App().running() as running:
        target = {"RECEIVER_FORWARD_GOOD": f"{running.url}/in?token=s3cret", "RECEIVER_FORWARD_GOOD_SECRET": SECRET}
        yield Forwarding(app=running, variables={**target, "RECEIVER_FORWARD_PRIVATE": "yes"})


@contextmanager
def service(occasions: str = "ready") -> Iterator[Telling]:
    """Yield a service that is told of these."""
    with App().running() as running:
        quiet = "error,ignore:'imghdr' is deprecated:DeprecationWarning"  # apprise imports it
        own = {"RECEIVER_NOTIFY": running.apprise, "RECEIVER_NOTIFY_ON": occasions, "PYTHONWARNINGS": quiet}
        yield Telling(service=running, variables=own)


@contextmanager
def stream(place: Path) -> Iterator[Streaming]:
    """Yield a stream of a real server of NATS."""
    with nats.running(place) as server:
        asyncio.run(server.add())
        own = {"RECEIVER_PUBLISH": server.address(f"?monitor={server.monitoring}")}
        yield Streaming(server=server, variables=own)


@contextmanager
def everybody(place: Path) -> Iterator[All]:
    """Yield an app, a service and a stream."""
    with app() as one, service() as another, stream(place) as third:
        yield All(of=(one, another, third), variables={**one.variables, **another.variables, **third.variables})

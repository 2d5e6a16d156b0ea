"""The other sides of the ready-made handlers: a folder, a bucket, an app, a service, a stream."""

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from receiver.sandbox.transcribe_so.account import EXAMPLE_ID
from tests.faults.forwarded import variables
from tests.handlers.ready import nats
from tests.handlers.ready.nats import Nats
from tests.servers import App

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


@dataclass(slots=True)
class Forwarding:
    """An app. It has each event at least once; all its repeats have one id and one body."""

    app: App
    variables: dict[str, str]
    forgets: str = ""
    repeats: int = 0

    def transcription(self, number: int, /) -> int:
        return FIRST + number

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


@dataclass(slots=True)
class Telling:
    """A service. It has a message about each event at least once."""

    service: App
    variables: dict[str, str]
    forgets: str = ""
    repeats: int = 0

    def transcription(self, number: int, /) -> int:
        return FIRST + number

    def begin(self) -> None:
        self.service.got.clear()

    def judge(self, numbers: list[int]) -> None:
        told = Counter(got.json["message"].rpartition(", ")[2] for got in self.service.got)
        assert set(told) == {f"{FIRST + number})" for number in numbers}, told
        self.repeats += told.total() - len(numbers)


@dataclass(slots=True)
class Streaming:
    """A stream. It has each event once."""

    server: Nats
    variables: dict[str, str]
    forgets: str = ""
    repeats: int = 0  # the stream drops them
    before: int = 0

    def transcription(self, number: int, /) -> int:
        return FIRST + number

    def begin(self) -> None:
        self.before = len(asyncio.run(self.server.kept()))

    def judge(self, numbers: list[int]) -> None:
        kept = asyncio.run(self.server.kept())
        found = [json.loads(body)["data"]["event"] for _, _, body in kept[self.before :]]
        assert sorted(found) == sorted(map(_own, numbers)), "lost, or doubled"
        assert len({key for _, key, _ in kept}) == len(kept)


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
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415 - it takes a while
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - the same

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    access = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_REGION": "us-east-1"}
    client = boto3.client(
        "s3", region_name="us-east-1", endpoint_url=f"http://{host}:{port}",
        aws_access_key_id=access["AWS_ACCESS_KEY_ID"], aws_secret_access_key=access["AWS_SECRET_ACCESS_KEY"],
    )  # fmt: skip
    client.create_bucket(Bucket="notes")

    def read() -> dict[str, bytes]:
        assert "Uploads" not in client.list_multipart_uploads(Bucket="notes"), "half an upload is left"
        pages = client.get_paginator("list_objects_v2").paginate(Bucket="notes", Prefix="talks/")
        names = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return {
            name.removeprefix("talks/"): client.get_object(Bucket="notes", Key=name)["Body"].read() for name in names
        }

    def erase() -> None:
        for name in read():
            client.delete_object(Bucket="notes", Key=f"talks/{name}")

    place = {"RECEIVER_FILES": "s3://notes/talks", "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    try:
        yield Files({**place, **access, **NAMED}, read, erase)
    finally:
        client.close()
        server.stop()


@contextmanager
def app() -> Iterator[Forwarding]:
    """Yield an app."""
    with App().running() as running:
        yield Forwarding(running, {**variables("GOOD", running), "RECEIVER_FORWARD_PRIVATE": "yes"})


@contextmanager
def service(occasions: str = "ready") -> Iterator[Telling]:
    """Yield a service that is told of these."""
    with App().running() as running:
        quiet = "error,ignore:'imghdr' is deprecated:DeprecationWarning"  # apprise imports it
        yield Telling(
            running, {"RECEIVER_NOTIFY": running.apprise, "RECEIVER_NOTIFY_ON": occasions, "PYTHONWARNINGS": quiet}
        )


@contextmanager
def stream(place: Path) -> Iterator[Streaming]:
    """Yield a stream of a real server of NATS."""
    with nats.running(place) as server:
        asyncio.run(server.add())
        yield Streaming(server, {"RECEIVER_PUBLISH": server.address(f"?monitor={server.monitoring}")})

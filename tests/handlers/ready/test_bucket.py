"""`handlers.ready._bucket`: objects in a bucket of moto, a server of its own that speaks like Amazon S3."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import httpx
import pytest
from moto.server import ThreadedMotoServer

from handlers.ready import _names
from handlers.ready._bucket import Bucket
from handlers.ready.files import files
from receiver.testing import Scratch
from tests.handlers.ready.titles import TITLES


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Yield the address of a server."""
    started = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    host, port = started.get_host_and_port()
    yield f"http://{host}:{port}"
    started.stop()


@pytest.fixture
def objects(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield boto3's client of a server with an empty bucket `notes`; the usual variables lead there."""
    httpx.post(f"{server}/moto-api/reset")
    for name, value in {
        "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="notes")
    yield client
    client.close()


def keys(client: Any) -> dict[str, bytes]:
    """Return what is in the bucket, as another client sees it."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="notes")
    names = [one["Key"] for page in pages for one in page.get("Contents", [])]
    return {name: client.get_object(Bucket="notes", Key=name)["Body"].read() for name in names}


def test_texts_are_there_when_they_are_published(objects: Any, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 12_000_000)
    with Bucket("s3://notes/a/b") as bucket:
        bucket.put("talk/a.md", b"a")
        bucket.put("talk.artifacts/large", tmp_path / "large")
        assert not bucket.has("talk/a.md")
        bucket.publish()
        assert bucket.has("talk/a.md")
    found = keys(objects)
    assert set(found) == {"a/b/talk/a.md", "a/b/talk.artifacts/large"}
    assert (found["a/b/talk/a.md"], len(found["a/b/talk.artifacts/large"])) == (b"a", 12_000_000)


def test_nothing_is_sent_without_publish(objects: Any) -> None:
    with Bucket("s3://notes") as bucket:
        bucket.put("a.md", b"a")
    assert keys(objects) == {}


async def test_transcripts_go_into_a_bucket_by_its_setting_alone(
    receiver_scratch: Scratch, objects: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects.put_object(Bucket="notes", Key="talks/2026-04-29 Mine.md", Body=b"mine")
    monkeypatch.setenv("RECEIVER_FILES", "s3://notes/talks")
    for _ in range(2):
        event, ctx = await receiver_scratch.claim(files, title="Mine")
        await files(event, ctx)
        assert await receiver_scratch.state(event) == "done"
    found = keys(objects)
    assert found.pop("talks/2026-04-29 Mine.md") == b"mine"
    assert set(found) == {f"talks/2026-04-29 Mine (4821).{ending}" for ending in ("md", "srt")}


def test_a_key_is_what_the_name_is(objects: Any) -> None:
    names = {
        next(_names.candidates("{title}/{id}", {"title": title, "id": "4821"}, ()))
        for title in [*TITLES, "100% {sure} `x` ~y [z] ^q #1 + & = @ ü 😀"]
    }
    with Bucket("s3://notes/talks") as bucket:
        for name in names:
            bucket.put(f"{name}.md", b"a")
        bucket.publish()
    assert keys(objects) == {f"talks/{name}.md": b"a" for name in names}
    assert len(names) > 150

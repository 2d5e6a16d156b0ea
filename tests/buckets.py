"""A bucket of moto, a server of its own that speaks like Amazon S3, as another client sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3  # type: ignore[import-untyped]
import httpx
from moto.server import ThreadedMotoServer

NAME = "notes"
KEY, SECRET = "AKIDOFTHETESTS", "the-secret-of-the-tests"  # what a test may look for in logs


@dataclass(frozen=True, slots=True)
class Objects:
    """An empty bucket. `client` is boto3's, `environment` leads everybody else there."""

    client: Any
    environment: dict[str, str]

    def all(self) -> dict[str, bytes]:
        """Return what is in the bucket."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=NAME)
        names = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return {name: self.client.get_object(Bucket=NAME, Key=name)["Body"].read() for name in names}

    def put(self, key: str, content: bytes) -> None:
        """Put an object there."""
        self.client.put_object(Bucket=NAME, Key=key, Body=content)


@contextmanager
def running() -> Iterator[str]:
    """Yield the address of a server."""
    started = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    host, port = started.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        started.stop()


@contextmanager
def emptied(server: str) -> Iterator[Objects]:
    """Yield the bucket of a server, which has nothing else."""
    httpx.post(f"{server}/moto-api/reset")
    client = boto3.client(
        "s3", region_name="us-east-1", endpoint_url=server, aws_access_key_id=KEY, aws_secret_access_key=SECRET
    )
    client.create_bucket(Bucket=NAME)
    yield Objects(client, environment(server))
    client.close()


def environment(server: str) -> dict[str, str]:
    """Return the variables that lead to a server."""
    return {
        "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server,
    }  # fmt: skip

"""Objects in a bucket of Amazon S3, or of a service that speaks like it.

The usual variables `AWS_…` say how it is reached. An object appears whole or not at all. An upload of a large file that
was broken off leaves parts behind, which are paid for and not listed: the bucket's own rule must throw them away.

Nothing that the library says of a failure is shown, because it repeats the server's answer and the endpoint: the id of
the key, a signature, perhaps a password. What is shown is the status and the code of the answer.
"""

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Self
from urllib.parse import urlsplit

from receiver.errors import ImpossibleError, Postpone, ReceiverError
from receiver.settings import values
from receiver.settings.places import BUCKET

MEGABYTE = 1024 * 1024
ANSWER_SECONDS = 10.0  # until an answer begins. What it brings, and what is sent, can be large
REQUEST, REPEATS = timedelta(seconds=60), timedelta(seconds=120)  # one request with its body, and all its repeats
AT_ONCE = 4  # parts of one large file
MOST_OPEN = 8  # buckets whose connections are kept
PART_BYTES, MOST_PARTS = 5 * MEGABYTE, 10_000
PIECE_BYTES = 8 * MEGABYTE  # of a file that is fetched. A slow reader cannot hold a request open, so each is its own
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
KEYS = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION"

_STATUS = re.compile(r"status code: ([1-5][0-9]{2})\b")
_CODE = re.compile(r"<Code>([A-Za-z]{1,32})</Code>")
_REFUSED = ("401", "403")
SILENCE = "HTTP error: "  # as the library says that no answer came, and not that of a bucket
NO_BUCKET, DENIED = "NoSuchBucket", "AccessDenied"


class BucketError(ReceiverError):
    """A bucket refuses, or cannot be reached from this machine: worth another try. The message shows no secret.

    `is_refusal`: it answers, and the key may not do this.
    """

    def __init__(self, message: str, *, is_refusal: bool = False) -> None:
        super().__init__(message)
        self.is_refusal = is_refusal


class SilentBucketError(BucketError, Postpone):
    """A bucket has not answered, or not in time. A job waits for it, and its try does not count."""


class Bucket:
    """A bucket, or what has a prefix in it: `s3://bucket/prefix`. Paths below it have `/` in between.

    `seconds`: how long it can take until an answer begins.

    Raises:
        BucketError: it cannot be opened here: the library is not installed, or a variable makes no sense.
    """

    def __init__(self, address: str, *, seconds: float = ANSWER_SECONDS) -> None:
        self.address, self._seconds = address, seconds
        self._name, _, prefix = address.removeprefix(BUCKET).partition("/")
        try:
            values.need_extra("s3", "obstore")
        except ValueError as exc:
            raise BucketError(f"{BUCKET}{self._name} {exc}") from exc
        variables = frozenset(one for one in os.environ.items() if one[0].startswith("AWS_"))
        self._store = _opened(self._name, prefix, variables)

    @classmethod
    def of(cls, address: str) -> tuple[Self, str]:
        """Return the bucket that an object is in, and the object's path there."""
        name, _, path = address.removeprefix(BUCKET).partition("/")
        return cls(f"{BUCKET}{name}"), path

    async def try_out(self) -> bool:
        """Ask for an object that is not there. Return whether the key may know that; one that may only write may not.

        Raises:
            BucketError: there is no such bucket, or it refuses the key, or does not answer.
        """
        try:
            async for _ in self.pieces(secrets.token_hex(16), 0, 1, size=1):
                pass
        except ImpossibleError:
            return True
        except BucketError as exc:
            if exc.is_refusal and DENIED in str(exc):
                return False
            raise
        return True

    async def put(self, path: str, content: bytes | Path) -> None:
        """Store a text or a file; an object of this path is replaced.

        Raises:
            BucketError: the bucket refuses, or does not answer.
            OSError: the file cannot be read.
        """
        import obstore  # noqa: PLC0415 - only who has a bucket pays for it

        size = len(content) if isinstance(content, bytes) else await asyncio.to_thread(_size, content)
        async with self._meaning(path, missing=BucketError):
            await obstore.put_async(self._store, path, content, chunk_size=part_bytes(size), max_concurrency=AT_ONCE)

    async def has(self, path: str) -> bool:
        """Return whether there is an object. A key that may only write cannot know, and gets False.

        Raises:
            BucketError: the bucket does not answer.
        """
        try:
            await self.size(path)
        except ImpossibleError:
            return False
        except BucketError as exc:
            if not exc.is_refusal:
                raise
            return False
        return True

    async def size(self, path: str) -> int:
        """Return the size of an object in bytes.

        Raises:
            ImpossibleError: there is none.
            BucketError: the bucket refuses, or does not answer.
        """
        import obstore  # noqa: PLC0415 - the same

        async with self._meaning(path, seconds=self._seconds):
            return int((await obstore.head_async(self._store, path))["size"])

    async def pieces(
        self, path: str, start: int, end: int, *, size: int, each: int = PIECE_BYTES
    ) -> AsyncIterator[bytes]:
        """Yield the bytes of an object from `start` to `end`, which is not included, `each` at a time.

        Raises:
            ImpossibleError: there is no such object, or not of this size.
            BucketError: the bucket refuses, or does not answer, or the object was replaced meanwhile.
        """
        import obstore  # noqa: PLC0415 - the same

        tag: dict[str, Any] = {}  # of the first piece
        for at in range(start, end, each):
            asked: Any = {"range": (at, min(at + each, end)), **tag}
            async with self._meaning(path, seconds=self._seconds):
                found = await obstore.get_async(self._store, path, options=asked)
            async with self._meaning(path):
                content = bytes(await found.bytes_async())
            if found.meta["size"] != size:
                raise ImpossibleError(f"{self._at(path)} is not the file any more that was stored")
            tag = {"if_match": found.meta["e_tag"]}
            yield content

    async def fetch(self, path: str, into: Path, *, size: int, sha256: str) -> None:
        """Fetch an object into a file, which appears whole or not at all. The file of this name is replaced.

        Raises:
            ImpossibleError: there is no such object, or its bytes are not those with this SHA-256 (hexadecimal digits).
            BucketError: the bucket refuses, or does not answer.
            OSError: the file cannot be written.
        """
        digest = hashlib.sha256()

        def take(file: BinaryIO, piece: bytes) -> None:
            digest.update(piece)
            file.write(piece)

        with _arriving(into) as file:
            async for piece in self.pieces(path, 0, size, size=size):
                await asyncio.to_thread(take, file, piece)
            if digest.hexdigest() != sha256:
                raise ImpossibleError(f"{self._at(path)} is not the file any more that was stored")

    async def delete(self, paths: Sequence[str]) -> None:
        """Delete objects. Those that are not there are no error.

        Raises:
            BucketError: the bucket refuses, or does not answer. Some of them can be gone.
        """
        import obstore  # noqa: PLC0415 - the same

        if paths:
            async with self._meaning("", missing=BucketError, seconds=self._seconds):
                await obstore.delete_async(self._store, list(paths))

    @asynccontextmanager
    async def _meaning(
        self, path: str, *, missing: type[ReceiverError] = ImpossibleError, seconds: float | None = None
    ) -> AsyncIterator[None]:  # fmt: skip
        """Raise an error of the library as one of ours. `missing`: what it is that there is no such object.

        `seconds`: how long it can take.
        """
        from obstore.exceptions import BaseError, PreconditionError  # noqa: PLC0415 - the same

        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                yield
        except PreconditionError:
            raise BucketError(f"{self._at(path)} was replaced while it was read") from None
        except (BaseError, OSError, ValueError) as exc:  # `from None`: a traceback would show what is hidden here
            if limit.expired():
                why = f"{self.address} does not answer within {seconds:g} s: see AWS_ENDPOINT_URL"
                raise SilentBucketError(why) from None
            said = _said(exc)
            if isinstance(exc, FileNotFoundError) and NO_BUCKET not in said:
                raise missing(f"{self._at(path)} is not there") from None
            kind = SilentBucketError if SILENCE in str(exc) else BucketError
            raise kind(self._why(*said), is_refusal=said[0] in _REFUSED) from None

    def _why(self, status: str = "", code: str = "") -> str:
        """Return what the answer means, and what to do."""
        bucket, answer = f"{BUCKET}{self._name}", " ".join(filter(None, (status, code)))
        if code == NO_BUCKET:
            return f"there is no bucket {self._name}: make it, or correct its address"
        if status in _REFUSED:
            return f"{bucket} refuses the key ({answer}): see {KEYS}, and what the key may do there"
        if answer:
            return f"{bucket} answers {answer}"
        return f"{bucket} does not answer, or not to this machine: see AWS_ENDPOINT_URL, {KEYS}"

    def _at(self, path: str) -> str:
        return f"{self.address}/{path}"


def part_bytes(size: int) -> int:
    """Return how large each part of a file is, because a bucket takes at most so many."""
    return max(PART_BYTES, -(-size // MOST_PARTS))


@lru_cache(MOST_OPEN)
def _opened(name: str, prefix: str, _variables: frozenset[tuple[str, str]]) -> Any:
    """Return what keeps the connections to a bucket. `_variables`: all that the library reads, so others open anew."""
    from obstore.store import S3Store  # noqa: PLC0415 - the same

    return S3Store(
        name,
        prefix=prefix or None,
        client_options={"timeout": REQUEST, **({"allow_http": True} if _is_http() else {})},
        retry_config={"max_retries": 2, "retry_timeout": REPEATS},
    )


def _is_http() -> bool:
    """Whether the endpoint is not encrypted.

    Raises:
        BucketError: it is no address. The library would end by a panic.
    """
    name = next((name for name in ENDPOINTS if os.environ.get(name)), None)
    if name is None:
        return False
    endpoint = os.environ[name]
    try:
        parts = urlsplit(endpoint)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_address = False
    if not is_address or re.search(r"[^!-~]", endpoint):
        raise BucketError(f"{name} must be an http or https address in plain ASCII")
    return parts.scheme == "http"


def _said(error: Exception) -> tuple[str, ...]:
    """Return the status and the code of the answer, as far as the error has them."""
    found = [pattern.search(str(error)) for pattern in (_STATUS, _CODE)]
    return tuple("" if one is None else one[1] for one in found)


@contextmanager
def _arriving(into: Path) -> Iterator[BinaryIO]:
    part = into.with_name(f"{into.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
        part.replace(into)
    finally:
        part.unlink(missing_ok=True)


def _size(file: Path) -> int:
    return file.stat().st_size

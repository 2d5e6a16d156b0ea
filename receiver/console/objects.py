"""Answer with a file that lies in a bucket, whole or in part: players ask for parts, Safari for `bytes=0-1` first.

It goes through this process, piece by piece. A browser is never sent to the bucket: its address would be a ticket.
"""

import asyncio
import re
from typing import NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from receiver.errors import ImpossibleError
from receiver.inbox.artifacts import Artifact
from receiver.inbox.buckets import MEGABYTE, Bucket, BucketError

ANSWER_SECONDS = 10.0
_RANGE = re.compile(r"bytes *= *([0-9]{0,18}) *- *([0-9]{0,18})", re.IGNORECASE)


class Part(NamedTuple):
    """A part of a file, in bytes; `end` is not included."""

    start: int
    end: int


async def answer(request: Request, artifact: Artifact, kind: str, *, inline: bool) -> Response:
    """Return what was asked for of a file in a bucket.

    Raises:
        ImpossibleError: it is not there any more, or is not the file that was fetched.
        BucketError: the bucket refuses, or does not answer.
    """
    bucket, path = Bucket.of(artifact.place)
    await _require(bucket, path, artifact)
    tag, given = f'"{artifact.sha256}"', request.headers.get("range", "")
    is_part = request.method == "GET" and request.headers.get("if-range", tag) == tag
    try:
        part = asked(given, artifact.bytes) if is_part else None
    except ValueError:
        return PlainTextResponse("", 416, headers={"content-range": f"bytes */{artifact.bytes}"})
    start, end = part or Part(0, artifact.bytes)
    headers = {
        "accept-ranges": "bytes", "content-length": str(end - start), "content-type": kind, "etag": tag,
        "content-disposition": f"{'inline' if inline else 'attachment'}; filename*=utf-8''{quote(artifact.name)}",
    }  # fmt: skip
    if request.method == "HEAD":
        return Response(headers=headers)
    if part is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{artifact.bytes}"
    pieces = bucket.pieces(path, start, end, size=artifact.bytes, each=MEGABYTE)
    return StreamingResponse(pieces, 200 if part is None else 206, headers=headers)


def asked(header: str, size: int) -> Part | None:
    """Return the part that a header `Range` asks for; None is all of it, also where the header cannot be followed.

    Raises:
        ValueError: there is nothing of that part.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last) + 1, size) if first and last else size
    if start >= size:
        raise ValueError(header)
    return Part(start, end)


async def _require(bucket: Bucket, path: str, artifact: Artifact) -> None:
    """Refuse an object that is not the file that was fetched, before anything is answered."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            size = await bucket.size(path)
    except TimeoutError:
        raise BucketError(f"{bucket.address} does not answer within {ANSWER_SECONDS:g} s") from None
    if size != artifact.bytes:
        raise ImpossibleError(f"{artifact.place} is not the file any more that was fetched")

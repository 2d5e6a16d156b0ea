"""Answer with a file that lies in a bucket, whole or in part: players ask for parts, Safari for `bytes=0-1` first.

It goes through this process, piece by piece. A browser is never sent to the bucket: its address would be a ticket.
"""

import logging
import re
from typing import NamedTuple
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Send

from receiver.errors import ImpossibleError
from receiver.inbox.artifacts import Artifact
from receiver.inbox.buckets import MEGABYTE, Bucket, BucketError

log = logging.getLogger(__name__)

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
    if await bucket.size(path) != artifact.bytes:  # before anything is answered
        raise ImpossibleError(f"{artifact.place} is not the file any more that was fetched")
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
    return _Streamed(pieces, 200 if part is None else 206, headers=headers)


class _Streamed(StreamingResponse):
    """Ends early where the bucket fails meanwhile: less has come then than was said, so the browser asks again."""

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except (BucketError, ImpossibleError) as exc:
            log.warning("a file of a bucket has not come whole: %s", exc)


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

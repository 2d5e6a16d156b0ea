"""The body of a request, sent piece by piece. It knows whether all of it was given to the connection.

Before that the provider cannot have begun. After that it might have, whatever becomes of the answer.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from typing import Any, BinaryIO, TypeAlias

import httpx

from receiver.providers.orders import Media

PIECE_BYTES = 256 * 1024

# A name, the content, and the type of the content; without a type the name tells it.
File: TypeAlias = tuple[str, bytes | BinaryIO] | tuple[str, bytes | BinaryIO, str | None]


class Body:
    """The body of one request.

    Args:
        content: the pieces.
        size: how many bytes they have together.
        kind: the type of the content; empty if the request does not say it.

    Attributes:
        all_given: whether the last piece was given to the connection. It might still have been lost on its way.
    """

    def __init__(self, content: AsyncIterable[bytes], size: int, *, kind: str = "") -> None:
        self.size = size
        self.headers = {"Content-Length": str(size)} | ({"Content-Type": kind} if kind else {})
        self.all_given = False
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        given = 0
        async for piece in self._content:
            given += len(piece)
            self.all_given = given >= self.size  # before the connection takes it: then nobody can say
            yield piece


def form(fields: Sequence[tuple[str, str]], file: File | None, *, multipart: bool = False) -> Body:
    """Return a form: multipart with a file, which is called `file` and is read while it is sent, else urlencoded.

    With `multipart` it is multipart in any case.
    """
    data: dict[str, list[str]] = {}
    parts: list[tuple[str, Any]] = []
    for name, value in fields:
        if multipart:
            parts.append((name, (None, value.encode())))
        else:
            data.setdefault(name, []).append(value)
    if file is not None:
        parts.append(("file", file))
    encoded = httpx.Request("POST", "http://form.invalid", data=data, files=parts)
    assert isinstance(encoded.stream, httpx.SyncByteStream)
    size, kind = int(encoded.headers["Content-Length"]), encoded.headers["Content-Type"]
    return Body(read_apart(iter(encoded.stream)), size, kind=kind)


def of_file(file: Media) -> Body:
    """Return a file as a body."""
    return Body(read_apart(file.pieces(PIECE_BYTES)), file.size)


async def read_apart(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the pieces; a slow disk does not stop the loop."""
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece

"""A server on a socket that ends a request where a test says, for what no transport in this process can show."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

End = Literal["reset", "close", "silence", "reads on"]


@dataclass(slots=True)
class Breaking:
    """What the server saw.

    Attributes:
        url: where it is.
        heads: request line and headers of each request.
        taken: how many bytes of bodies it has read.
    """

    url: str
    heads: list[str] = field(default_factory=list)
    taken: int = 0


def answer(status: int, body: bytes = b"{}", *, says: int | None = None) -> bytes:
    """Return an answer; `says` is the length that it claims."""
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body) if says is None else says, body)


def nothing(_: int) -> int:
    return 0


def a_part(_: int) -> int:
    return 100_000


def all_of_it(length: int) -> int:
    return length


@asynccontextmanager
async def breaking(*, after: Callable[[int], int], says: bytes = b"", end: End = "reset") -> AsyncIterator[Breaking]:
    """Serve: read `after(length)` bytes of a body of that length, say something, and end the connection.

    With the end `silence` nothing more happens, and with `reads on` the rest is read, until the client goes away.
    """
    over = asyncio.Event()
    serving = list[asyncio.Task[Any] | None]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.heads.append(head)
        length = next(int(line.split()[1]) for line in head.splitlines() if line.lower().startswith("content-length:"))
        while seen.taken < after(length) and (piece := await reader.read(after(length) - seen.taken)):
            seen.taken += len(piece)
        writer.write(says)
        await writer.drain()
        if end == "reset":
            writer.transport.abort()
        elif end == "silence":
            await over.wait()
        while end == "reads on" and (more := await reader.read(64 * 1024)):
            seen.taken += len(more)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=64 * 1024)
    seen = Breaking(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield seen
    finally:
        over.set()
        server.close()
        await asyncio.gather(*filter(None, serving))

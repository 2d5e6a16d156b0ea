"""A form with files, which go to the disk while they come. Never more than a piece of one is in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from receiver.console.forms import BYTES, FIELDS
from receiver.submissions.drafts import Arriving, Handed

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

T = TypeVar("T")

SILENT_SECONDS = 30.0
SECONDS = 3600.0  # for all of it: gigabytes take a while
PIECE_BYTES = 256 * 1024
MARGIN_BYTES = 1024 * 1024  # what is around the files of a form
SILENT = f"Nothing came for {SILENT_SECONDS:g} s"
ENDS = "The console ends: nothing was kept."
BROKEN = "The form did not come whole, or is none: nothing was kept."


class Form(NamedTuple):
    """A form: its fields in order, and the files in order, each with the name of its field."""

    fields: list[tuple[str, str]]
    files: list[tuple[str, Handed]]


def announced(request: Request) -> int:
    """Return how many bytes the files of a form have at least, as its head says; 0 if it says nothing."""
    return max(0, int(request.headers.get("content-length") or 0) - MARGIN_BYTES)


@asynccontextmanager
async def in_threads(blocking: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Begin and end in threads what blocks there. What is raised between is not told to it."""
    begun = await asyncio.to_thread(blocking.__enter__)
    try:
        yield begun
    finally:
        await asyncio.shield(asyncio.to_thread(blocking.__exit__, None, None, None))


async def read(request: Request, arriving: Arriving, ending: asyncio.Event, *, seconds: float = SECONDS) -> Form:
    """Return a form. Its files are on disk then.

    Args:
        request: the request.
        arriving: takes the files.
        ending: set when this process ends.
        seconds: how long it can take, all in all.

    Raises:
        HTTPException: it is none or does not come whole (400), comes too slowly (408), has too many or too large fields
            (413), or the process ends (503).
        ImpossibleError: the files cannot be taken, or all of it is larger than they can be.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise HTTPException(400, BROKEN)
    parts, size = _Parts(arriving), 0
    try:
        parser = MultipartParser(options[b"boundary"], parts.callbacks)
        async for piece in _pieces(request, ending, seconds):
            size += len(piece)  # the parser passes over what is behind the last part
            arriving.require_fits(size - MARGIN_BYTES)
            await asyncio.to_thread(parser.write, piece)  # it writes to the disk
    except (FormParserError, ClientDisconnect) as exc:
        raise HTTPException(400, BROKEN) from exc
    if not parts.is_whole:
        raise HTTPException(400, BROKEN)
    return Form(
        [(name, value.decode("utf-8", "replace")) for name, value in parts.fields],
        list(zip(parts.names, arriving.handed, strict=True)),
    )


async def _pieces(request: Request, ending: asyncio.Event, seconds: float) -> AsyncIterator[bytes]:
    """Yield the body in pieces that are worth the way to a thread."""
    gathered, stream = bytearray(), aiter(request.stream())
    over, clock = asyncio.create_task(ending.wait()), asyncio.get_running_loop().time
    end = clock() + seconds
    try:
        while True:
            coming = asyncio.ensure_future(anext(stream, None))
            left = max(0.0, end - clock())
            await asyncio.wait({coming, over}, timeout=min(SILENT_SECONDS, left), return_when=asyncio.FIRST_COMPLETED)
            if not coming.done() or end <= clock():
                coming.cancel()
                slow = f"The form did not come whole within {seconds:g} s" if end <= clock() else SILENT
                raise HTTPException(*((503, ENDS) if over.done() else (408, f"{slow}: nothing was kept.")))
            piece = coming.result()
            gathered += piece or b""
            if gathered and (piece is None or len(gathered) >= PIECE_BYTES):
                yield bytes(gathered)
                gathered.clear()
            if piece is None:
                return
    finally:
        over.cancel()


class _Parts:
    """The parts of a form, as the parser finds them. What it calls blocks."""

    def __init__(self, arriving: Arriving) -> None:
        self.fields: list[tuple[str, bytearray]] = []
        self.names: list[str] = []  # of the fields of the files
        self.is_whole = False
        self._arriving = arriving
        self._header, self._value, self._said = bytearray(), bytearray(), b""
        self._is_file = self._is_left_out = False
        self._bytes = self._number = 0
        self.callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin, "on_header_field": self._on_header, "on_header_value": self._on_value,
            "on_header_end": self._on_header_end, "on_headers_finished": self._on_headers, "on_part_data": self._data,
            "on_part_end": self._end, "on_end": self._finish,
        }  # fmt: skip

    def _begin(self) -> None:
        self._said, self._number = b"", self._number + 1
        self._count(0)

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._said = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _on_headers(self) -> None:
        _, said = parse_options_header(self._said)
        if b"name" not in said:
            raise HTTPException(400, BROKEN)
        name, filename = said[b"name"].decode("utf-8", "replace"), said.get(b"filename")
        self._is_file, self._is_left_out = filename is not None, filename == b""  # nobody has chosen a file
        if not self._is_file:
            self.fields.append((name, bytearray()))
        elif not self._is_left_out:
            assert filename is not None, "it is a file"
            self.names.append(name)
            self._arriving.begin(filename.decode("utf-8", "replace"))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file and not self._is_left_out:
            self._arriving.write(data[start:end])
            return
        self._count(end - start)
        if not self._is_file:
            self.fields[-1][1].extend(data[start:end])

    def _end(self) -> None:
        if self._is_file and not self._is_left_out:
            self._arriving.end()

    def _finish(self) -> None:
        self.is_whole = True

    def _count(self, more: int) -> None:
        self._bytes += more
        if self._bytes > BYTES or self._number > FIELDS:
            raise HTTPException(
                413, f"The fields of a form have at most {BYTES // 1024} KiB, and are at most {FIELDS}."
            )

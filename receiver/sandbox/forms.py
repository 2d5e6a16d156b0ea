"""Read a form while it arrives, urlencoded or multipart.

The fields are kept. The file is counted and hashed piece by piece, so that gigabytes cost neither memory nor disk.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from urllib.parse import parse_qsl

from starlette.requests import Request

from receiver.sandbox.files import SimulatedFile
from receiver.sandbox.refusals import RefusalError

FIELD_BYTES = 1024 * 1024
HEAD_BYTES = 16 * 1024
FILE = "file"
_TYPE = re.compile(r"^content-type:[ \t]*([^\r\n;]+)", re.IGNORECASE | re.MULTILINE)
_PARAMETER = re.compile(r';\s*(name|filename)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Form:
    """A form: its fields in order, and the name and type of its file; None without a file, or without a type."""

    fields: list[tuple[str, str]]
    filename: str | None = None
    content_type: str | None = None


async def read(request: Request, file: SimulatedFile, *, most: int) -> Form:
    """Return a request's form, and give the content of its part `file` to `file`.

    Args:
        request: the request.
        file: takes the content.
        most: the largest size of the file, in bytes.

    Raises:
        RefusalError: 400: it is no form, it ends too soon, or the file is larger than `most`.
    """
    kind = Message()
    kind["content-type"] = request.headers.get("content-type", "")
    if kind.get_content_type() == "application/x-www-form-urlencoded":
        return Form(parse_qsl((await _whole(request)).decode(errors="replace"), keep_blank_values=True))
    boundary = kind.get_boundary()
    if kind.get_content_type() != "multipart/form-data" or not boundary:
        raise _invalid("The body must be multipart/form-data or application/x-www-form-urlencoded.")
    if int(request.headers.get("content-length", "0")) > most + FIELD_BYTES:
        raise _too_large(most)
    parts = Multipart(boundary.encode(), file, most)
    async for piece in request.stream():
        parts.feed(piece)
    return parts.form()


class Multipart:
    """A reader of multipart bodies that takes them in pieces of any size.

    Args:
        boundary: the boundary, without the dashes before it.
        file: takes the content of the part `file`.
        most: the largest size of the file, in bytes.
    """

    def __init__(self, boundary: bytes, file: SimulatedFile, most: int) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")  # so that the first delimiter looks like the others
        self._in_head = self._ended = False
        self._fields: list[tuple[str, bytearray]] = []
        self._filename: str | None = None
        self._content_type: str | None = None
        self._file = file
        self._most = most
        self._take: Callable[[bytearray], None] = _ignore

    def feed(self, piece: bytes) -> None:
        """Read on.

        Raises:
            RefusalError: 400: a bound is exceeded, or a part has no name.
        """
        self._buffer += piece
        while not self._ended and (self._head() if self._in_head else self._content()):
            pass
        if self._ended:
            self._buffer.clear()

    def form(self) -> Form:
        """Return what was read.

        Raises:
            RefusalError: 400: the last delimiter has not come.
        """
        if not self._ended:
            raise _invalid("The form ends before its last boundary.")
        fields = [(name, value.decode(errors="replace")) for name, value in self._fields]
        return Form(fields, self._filename, self._content_type)

    def _content(self) -> bool:
        """Hand on the content before the next delimiter. Return whether there was one."""
        at = self._buffer.find(self._delimiter)
        # Without a delimiter, the last bytes may be the beginning of one.
        end = at if at >= 0 else max(0, len(self._buffer) - len(self._delimiter) + 1)
        if end:
            self._take(self._buffer[:end])
        self._in_head = at >= 0
        del self._buffer[: end + len(self._delimiter) * self._in_head]
        return self._in_head

    def _head(self) -> bool:
        """Read the headers of a part, or the two dashes after the last one. Return whether they were all there."""
        if self._buffer.startswith(b"--"):
            self._ended = True
            return True
        at = self._buffer.find(b"\r\n\r\n")
        if at < 0:
            if len(self._buffer) > HEAD_BYTES:
                raise _invalid("A part of the form has no end of its headers.")
            return False
        self._begin(self._buffer[:at].decode(errors="replace"))
        del self._buffer[: at + 4]
        self._in_head = False
        return True

    def _begin(self, head: str) -> None:
        said = " ".join(line for line in head.splitlines() if line.lower().startswith("content-disposition:"))
        found = {key.lower(): re.sub(r"\\(.)", r"\1", value) for key, value in _PARAMETER.findall(said)}
        if "name" not in found:
            raise _invalid("A part of the form has no name.")
        if found["name"] == FILE and "filename" in found:
            self._filename, self._take = found["filename"], self._take_file
            self._content_type = kind[1].strip() if (kind := _TYPE.search(head)) else None
        else:
            self._fields.append((found["name"], bytearray()))
            self._take = self._take_field

    def _take_file(self, content: bytearray) -> None:
        self._file.take(content)
        if self._file.received > self._most:
            raise _too_large(self._most)

    def _take_field(self, content: bytearray) -> None:
        self._fields[-1][1].extend(content)
        if sum(len(value) for _, value in self._fields) > FIELD_BYTES:
            raise _invalid(f"The fields of a form have at most {FIELD_BYTES} bytes.")


async def _whole(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > FIELD_BYTES:
            raise _invalid(f"The fields of a form have at most {FIELD_BYTES} bytes.")
    return bytes(body)


def _ignore(_: bytearray) -> None:
    """Ignore what stands before the first part."""


def _invalid(message: str) -> RefusalError:
    return RefusalError(400, "invalid_form", message)


def _too_large(most: int) -> RefusalError:
    return RefusalError(400, "file_too_large", f"A file has at most {most} bytes.")

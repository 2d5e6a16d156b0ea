"""Read a request as it was captured. Pure.

POST /webhooks/transcribe-so HTTP/1.1     no header: ignored, as any such line is
Host: receiver.example
X-Transcribe-Signature: t=…,v1=…
                                          an empty line
{"id":"evt_1", …                          the body's bytes; in chunks if the head says so
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from receiver.errors import ImpossibleError

BOM = b"\xef\xbb\xbf"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_END = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")


class Captured(NamedTuple):
    """A request as it was captured: its header lines and its body, both as they came."""

    headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    def all(self, name: bytes) -> list[bytes]:
        """Return the values of the header lines of a name (in lower case), which they can write in any case."""
        return [value for key, value in self.headers if key.lower() == name]

    @property
    def length(self) -> int | None:
        """How many bytes Content-Length says that the body has; None if it does not say it."""
        values = [value for value in self.all(b"content-length") if re.fullmatch(rb"[0-9]{1,12}", value)]
        return int(values[-1]) if values else None


def captured(content: bytes) -> Captured:
    """Read header lines, an empty line, and the body. Lines that are no headers, such as a request line, are ignored.

    Raises:
        ImpossibleError: there is no empty line, or it was written as UTF-16.
    """
    if content.startswith(UTF_16):
        raise ImpossibleError(
            "the capture is written in UTF-16: save the bytes as they came (`>` of PowerShell does not)"
        )
    content = content.removeprefix(BOM).lstrip(b"\r\n")
    end = _END.search(content)
    if end is None:
        raise ImpossibleError("there is no empty line: a captured request is header lines, an empty line, and the body")
    pairs = (line.partition(b":") for line in _FOLD.sub(b" ", content[: end.start()]).split(b"\n"))
    headers = [
        (name.rstrip(b" \t"), value.strip(b" \t\r"))
        for name, colon, value in pairs
        if colon and _NAME.fullmatch(name.rstrip(b" \t"))
    ]
    found = Captured(headers, content[end.end() :])
    coding = b",".join(found.all(b"transfer-encoding")).lower()
    return found._replace(body=_joined(found.body)) if coding.endswith(b"chunked") else found


def _joined(body: bytes) -> bytes:
    """Return a body without the marks of its chunks; as it is if it has none, because the capture has left them out."""
    pieces, at = list[bytes](), 0
    while (mark := _CHUNK.match(body, at)) is not None:
        size = int(mark[1], 16)
        if size == 0:
            return b"".join(pieces)
        at = mark.end() + size
        pieces.append(body[mark.end() : at])
        if body[at : at + 2] != b"\r\n":
            return body
        at += 2
    return body

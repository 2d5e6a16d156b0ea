"""Recognize the container of a file, by its name and by its first bytes."""

from collections.abc import Iterator
from typing import BinaryIO

from receiver.submissions.media import mp3

# The provider's MIME type for each extension.
CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "mpga": "audio/mpeg",
    "wav": "audio/wav",
    "m4a": "audio/mp4",
    "m4b": "audio/mp4",
    "aac": "audio/aac",
    "ogg": "audio/ogg",
    "oga": "audio/ogg",
    "opus": "audio/ogg",  # Opus in Ogg; the provider does not list audio/opus
    "flac": "audio/flac",
    "weba": "audio/webm",
    "webm": "video/webm",
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
}
CONTAINERS = {
    "mpga": "mp3", "m4a": "mp4", "m4b": "mp4", "m4v": "mp4", "mov": "mp4", "oga": "ogg", "opus": "ogg", "weba": "webm",
}  # fmt: skip
NAMES = {
    "mp3": "MP3", "wav": "WAV", "mp4": "MP4", "aac": "raw AAC", "ogg": "Ogg", "flac": "FLAC", "webm": "WebM",
    "avi": "AVI",
}  # fmt: skip

_MAGIC = ((0, b"fLaC", "flac"), (0, b"OggS", "ogg"), (0, b"\x1a\x45\xdf\xa3", "webm"), (4, b"ftyp", "mp4"),
          (8, b"WAVE", "wav"), (8, b"AVI ", "avi"))  # fmt: skip
_ADTS, _ADTS_MASK = 0xFFF0, 0xFFF6
_PIECE = 1 << 20


class JoinedError(Exception):
    """A file holds several recordings, one after the other. Players differ in how much they play."""


def container(extension: str) -> str:
    """Return the container of files with an extension."""
    return CONTAINERS.get(extension, extension)


def found(file: BinaryIO) -> str | None:
    """Return the container of a file; None if its first bytes do not show it."""
    head = at(file, 0, 16)
    if head[:3] == b"ID3":  # the tag of an MP3, but other files can have it too
        behind = mp3.tag_length(head)
        head, start = at(file, behind, 16), behind
    else:
        start = 0
    for offset, magic, kind in _MAGIC:
        if head[offset : offset + 4] == magic and (offset != 8 or head[:4] in (b"RIFF", b"RF64")):  # noqa: PLR2004
            return kind
    if int.from_bytes(head[:2], "big") & _ADTS_MASK == _ADTS:
        return "aac"
    frame = mp3.read_frame(head)
    # Any two bytes can look like a frame, but hardly those at the place of the next frame too.
    return "mp3" if frame is not None and mp3.read_frame(at(file, start + frame[0], 4)) is not None else None


def pieces(file: BinaryIO, start: int, longest: int) -> Iterator[bytes]:
    """Yield the rest of a file in pieces. They overlap, so that any `longest` bytes are whole in exactly one."""
    file.seek(start)
    kept = b""
    while piece := file.read(_PIECE):
        whole = kept + piece
        yield whole
        kept = whole[-longest + 1 :]


def at(file: BinaryIO, offset: int, length: int) -> bytes:
    """Return the bytes at a place of a file; fewer at its end."""
    file.seek(offset)
    return file.read(length)

"""How long a file plays by its own structure, for the containers that tell it.

A reader returns the seconds that are there, None where that would be a guess, and may trip over what is no such file
(`MISTAKES`). What a header says counts only where the file has the bytes for it. Two recordings in one file, one behind
the other, are a `JoinedError`, which is nobody else's question either; but of MP3 all frames are played.
"""

import itertools
import os
import re
import struct
import sys
from array import array
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeAlias

from tinytag import TinyTag

from receiver.media import flac, mp3
from receiver.media.kinds import JoinedError

Reader: TypeAlias = Callable[[BinaryIO], float | None]
MISTAKES = (struct.error, LookupError, ValueError, ZeroDivisionError)


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _size(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


def _tag(file: BinaryIO) -> TinyTag | None:
    file.seek(0)
    try:
        return TinyTag.get(file_obj=file, tags=False)
    except Exception:  # noqa: BLE001 - a stranger's file in a stranger's parser: whatever it trips over, we do not know
        return None


def _single_riff(file: BinaryIO) -> bytes:
    """Return the head of a RIFF file; what follows may be more of it (`AVIX`), but no other one."""
    head = _at(file, 0, 12)
    following = _at(file, 8 + int.from_bytes(head[4:8], "little"), 12)
    if following[:4] == b"RIFF" and following[8:] == head[8:]:
        raise JoinedError
    return head


def _avi_seconds(file: BinaryIO) -> None:
    _single_riff(file)


def _wav_seconds(file: BinaryIO) -> float | None:
    head = _single_riff(file)
    tag = _tag(file) if head[:4] == b"RIFF" and head[8:] == b"WAVE" else None
    if tag is None or tag.duration is None or tag.bitrate is None:
        return None
    # In a file that was piped the size of the samples is 0 or 4 GiB, in one cut short it is more than there is.
    return tag.duration if tag.duration * tag.bitrate * 1000 / 8 <= _size(file) else None


# --- Ogg: https://www.rfc-editor.org/rfc/rfc3533 ---------------------------------------------------------------------

_BEGINS, _ENDS = 2, 4
_PAGE_SECONDS = 60  # 255 packets, the most on a page, of 120 ms in Opus and of less than 190 ms in Vorbis


def _ogg_seconds(file: BinaryIO) -> float | None:
    pages = list(_pages(file))
    begins = [bool(flags & _BEGINS) for flags, _ in pages]
    if (False, True) in itertools.pairwise(begins):
        raise JoinedError
    ended = bool(pages and pages[-1][0] & _ENDS)  # tinytag leaves the last page out where nothing says that it is
    if not ended or begins != [True] + [False] * (len(pages) - 1):
        return None
    tag = _tag(file)
    first = next((position for _, position in pages if position > 0), 0)
    if tag is None or not tag.samplerate or first / tag.samplerate > _PAGE_SECONDS:
        return None
    return tag.duration


def _pages(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield each page's flags, and the samples up to its end.

    Raises:
        ValueError: something is not a page, or the last one is cut short.
    """
    offset, size = 0, _size(file)
    while offset < size:
        magic, version, flags, position, parts = struct.unpack("<4sBBq12xB", _at(file, offset, 27))
        if magic != b"OggS" or version != 0:
            raise ValueError("not a page")
        offset += 27 + parts + sum(file.read(parts))
        yield flags, position
    if offset > size:
        raise ValueError("cut short")


# --- MP4: ISO/IEC 14496-12, and QuickTime before it ------------------------------------------------------------------

_Box: TypeAlias = tuple[int, int]  # where its content starts and ends


def _mp4_seconds(file: BinaryIO) -> float | None:
    """Return the length of the longest track, where the movie's header agrees and the samples are in the file."""
    if _at(file, 4, 4) != b"ftyp":
        return None
    boxes = list(_boxes(file, 0, _size(file)))
    kinds = [kind for kind, _ in boxes]
    inside = list(_boxes(file, *dict(boxes).get(b"moov", (0, 0))))
    movie = dict(inside)
    if kinds.count(b"ftyp") > 1 or kinds.count(b"moov") > 1:
        raise JoinedError
    if b"moof" in kinds or b"mvex" in movie or b"mvhd" not in movie:
        return None
    tracks = [_track(file, dict(_boxes(file, *content))) for kind, content in inside if kind == b"trak"]
    there = sum(end - start for kind, (start, end) in boxes if kind == b"mdat")
    if sum(size for _, size, _ in tracks) > there or any(last >= _size(file) for _, _, last in tracks):
        return None
    longest = max((seconds for seconds, _, _ in tracks), default=0.0)
    said = _clock(file, movie[b"mvhd"])
    # An edit list may leave most of the media out; which of the two is billed would be a guess.
    return said if said is not None and abs(said - longest) <= 1 + longest / 100 else None


def _clock(file: BinaryIO, header: _Box) -> float | None:
    """Return the seconds that the header of a movie or of a track's media says."""
    head = _at(file, header[0], 32)
    scale, length = struct.unpack_from(">IQ", head, 20) if head[0] else struct.unpack_from(">II", head, 12)
    unknown = 2**64 - 1 if head[0] else 2**32 - 1
    return None if length == unknown else float(length / scale)


def _track(file: BinaryIO, track: dict[bytes, _Box]) -> tuple[float, int, int]:
    """Return how long a track plays by its table of samples, how many bytes they have, and where its last chunk is."""
    media = dict(_boxes(file, *track[b"mdia"]))
    tables = dict(_boxes(file, *dict(_boxes(file, *media[b"minf"]))[b"stbl"]))
    head = _at(file, media[b"mdhd"][0], 32)
    scale = struct.unpack_from(">I", head, 20 if head[0] else 12)[0]
    times = _numbers(file, tables[b"stts"], 4, "I")
    sizes = _at(file, tables[b"stsz"][0], 12)
    each, count = struct.unpack_from(">II", sizes, 4)
    wide = b"co64" in tables
    chunks = _numbers(file, tables[b"co64" if wide else b"stco"], 4, "Q" if wide else "I")
    bytes_there = each * count if each else sum(_numbers(file, tables[b"stsz"], 8, "I"))
    ticks = sum(number * delta for number, delta in zip(times[::2], times[1::2], strict=True))
    return ticks / scale, bytes_there, max(chunks, default=0)


def _numbers(file: BinaryIO, table: _Box, offset: int, kind: str) -> "array[int]":
    """Return the numbers of a table, whose entries begin `offset` bytes into it, behind their own number."""
    start, end = table
    numbers = array(kind)
    content = _at(file, start + offset + 4, end - start - offset - 4)
    numbers.frombytes(content[: len(content) // numbers.itemsize * numbers.itemsize])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _boxes(file: BinaryIO, offset: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yield each box between two offsets: its kind, and where its content starts and ends.

    Raises:
        ValueError: a box is longer than what it stands in, or has no length that a box may have.
    """
    while offset + 8 <= end:
        size, kind = struct.unpack(">I4s", _at(file, offset, 8))
        content = offset + 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            content += 8
        after = offset + size if size else end  # 0: up to the end
        if not content <= after <= end:
            raise ValueError("no box has this length")
        yield kind, (content, after)
        offset = after


# --- WebM: https://www.rfc-editor.org/rfc/rfc8794 ---------------------------------------------------------------------

_EBML = re.compile(b"\x1a\x45\xdf\xa3(?:[\x80-\xff]|\x01.{7})\x42\x86", re.DOTALL)
_PIECE = 1 << 20


def _webm_seconds(file: BinaryIO) -> None:
    offset = 4
    while piece := _at(file, offset, _PIECE + 16):
        if _EBML.search(piece):
            raise JoinedError
        offset += _PIECE


READERS: dict[str, Reader] = {
    "mp3": mp3.seconds,
    "wav": _wav_seconds,
    "flac": flac.seconds,
    "ogg": _ogg_seconds,
    "mp4": _mp4_seconds,
    "webm": _webm_seconds,  # these two only find what is joined
    "avi": _avi_seconds,
}
